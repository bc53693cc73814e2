"""Addresses in manifests, relative to `/media/{playback_id}/`; everything under a hash is fixed."""

from urllib.parse import quote

from core.media.presentation import Rendition

INIT_SEGMENT = "init.mp4"
MEDIA_PLAYLIST = "index.m3u8"
TRACK_FILE = "track.mp4"


def rendition_folder(rendition: Rendition) -> str:
    """Give `{kind}/{name}/{build_hash}`, percent-encoded where a name needs it."""
    parts = (rendition.kind.value, rendition.name, rendition.build_hash)
    return "/".join(quote(part, safe="") for part in parts)


def media_segment(number: int | str) -> str:
    """Give the name of a media segment within its rendition's folder, counted from 0."""
    return f"{number}.m4s"
