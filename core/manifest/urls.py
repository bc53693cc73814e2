"""Addresses in manifests, relative to their own; everything under a build's hash is fixed."""

from urllib.parse import quote

from core.media.presentation import Rendition

INIT_SEGMENT = "init.mp4"
MEDIA_PLAYLIST = "index.m3u8"
TRACK_FILE = "track.mp4"
IFRAME_FILE = "iframes.mp4"
IFRAME_PLAYLIST = "iframe.m3u8"
IFRAME_FOLDER = "iframe"
MASTER = "master.m3u8"
MPD = "manifest.mpd"
WHOLE_TEXT = "subtitles.vtt"
NO_TEXT = "empty.vtt"
KEYS = "key"


def rendition_folder(rendition: Rendition) -> str:
    """Give `{kind}/{name}/{build_hash}`, percent-encoded where a name needs it, in its home.

    A rendition that has no builds, in a folder of files, lies under its name alone.
    """
    return rendition.home + _own_folder(rendition)


def playlist_folder(rendition: Rendition) -> str:
    """Give where the media playlist of a rendition lies: that of an excerpt is never at home."""
    return _own_folder(rendition) if _is_away(rendition) else rendition_folder(rendition)


def way_to_segments(rendition: Rendition) -> str:
    """Give where a rendition's segments lie from its media playlist, with a slash at the end."""
    if not _is_away(rendition):
        return ""
    return "../" * (_own_folder(rendition).count("/") + 1) + rendition_folder(rendition) + "/"


def _is_away(rendition: Rendition) -> bool:
    return bool(rendition.home) and rendition.window is not None


def _own_folder(rendition: Rendition) -> str:
    parts = (rendition.kind.value, rendition.name, rendition.build_hash)
    return "/".join(quote(part, safe="") for part in parts if part)


def excerpt_text(first: int, stop: int) -> str:
    """Give the name of a whole text cut to the segments from `first` up to `stop`."""
    return f"{WHOLE_TEXT.removesuffix('.vtt')}-{first}-{stop}.vtt"


def iframe_segment(number: int | str) -> str:
    """Give the name of an I-frame within its rendition's folder, counted from 0."""
    return f"{IFRAME_FOLDER}/{number}.m4s"


def media_segment(number: int | str) -> str:
    """Give the name of a media segment within its rendition's folder, counted from 0."""
    return f"{number}.m4s"


def text_segment(number: int | str) -> str:
    """Give the name of a segment of text within its rendition's folder, counted from 0."""
    return f"{number}.vtt"


def key_address(kid: bytes) -> str:
    """Give where a content key is to be had, relative to the manifests."""
    return f"{KEYS}/{kid.hex()}"
