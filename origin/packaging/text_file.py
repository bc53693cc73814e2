"""A packaged text track: one file of WebVTT in a folder of its own."""

from pathlib import Path

import msgspec

from core.media.roles import TrackRole


class PackagedText(msgspec.Struct, frozen=True, kw_only=True):
    """A text track on disk, made durable: `directory` holds `text.vtt`.

    `notes` say what was left out on the way.
    """

    stream: int
    directory: Path
    build_hash: str
    size_bytes: int
    cues: int
    end_ms: int
    language: str
    label: str
    default: bool
    roles: tuple[TrackRole, ...]
    notes: tuple[str, ...] = ()
