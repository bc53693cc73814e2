"""Media types of what is delivered under `/media/`, by the name of the file."""

from typing import Final

HLS_PLAYLIST: Final = "application/vnd.apple.mpegurl"
DASH_MPD: Final = "application/dash+xml"
UNKNOWN: Final = "application/octet-stream"

_BY_SUFFIX: Final = {
    "m3u8": HLS_PLAYLIST,
    "mpd": DASH_MPD,
    "m4s": "video/iso.segment",
    "mp4": "video/mp4",
    "vtt": "text/vtt",
    "json": "application/json",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "key": UNKNOWN,
}
_AUDIO: Final = {"m4s": "audio/mp4", "mp4": "audio/mp4"}


def media_type(path: str) -> str:
    """The media type of `path`, relative to its presentation: `master.m3u8`, `a/und/{hash}/3.m4s`.

    What lies under `a/` is audio. An unknown suffix is `application/octet-stream`.
    """
    suffix = path.rpartition(".")[2].lower()
    if path.startswith("a/") and suffix in _AUDIO:
        return _AUDIO[suffix]
    return _BY_SUFFIX.get(suffix, UNKNOWN)
