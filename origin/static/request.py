"""What is asked of the packager, what it answers, and what it refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from core.errors import InputFault
from core.media.presentation import TrackKind
from core.protection.content_key import TRACKS_OF_A_KEY, ContentKey
from core.protection.scheme import Scheme
from origin.packaging.progress import Progress


class RefusedSource(InputFault):
    """A file cannot be packaged as it was asked; the message names it."""

    status = 422
    code = "package.refused"


class RefusedFolder(InputFault):
    """The folder to write is there already, or cannot be made."""

    status = 409
    code = "package.folder"


class Arrangement(StrEnum):
    """How a track lies in the folder: a file for each segment, or one for the whole track."""

    SEGMENTS = "segments"
    SINGLE_FILE = "single_file"


@dataclass(frozen=True, slots=True)
class PackageProtection:
    """How a folder is encrypted: a scheme, a key for pictures and one for sound.

    `keys_file` is where keys that were made are written; None where they were given. `vector` is
    random: the constant one of `cbcs`, and where the numbers of this folder's tracks begin.
    """

    scheme: Scheme
    keys: Mapping[TrackKind, ContentKey]
    vector: bytes
    keys_file: Path | None = None

    def track_number(self, place: int) -> int:
        """Number a track of the folder among all that are ever encrypted under its key.

        A key that was given may be that of other folders, of which nothing is known here. Under
        `cenc` two tracks of one number would have one keystream (ISO/IEC 23001-7 §9.2), so every
        folder begins elsewhere.
        """
        return (int.from_bytes(self.vector[:4]) + place) % TRACKS_OF_A_KEY


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """The films of one presentation, and the folder to make of them."""

    files: Sequence[Path]
    folder: Path
    segment_s: float
    arrangement: Arrangement = Arrangement.SEGMENTS
    may_transcode: bool = False
    may_replace: bool = False
    protection: PackageProtection | None = None
    storyboard: bool = False
    trick_play: bool = False


class WrittenTrack(msgspec.Struct, frozen=True, kw_only=True):
    """One rendition in the folder; bit rates in bit/s, `path` relative to the folder."""

    kind: TrackKind
    path: str
    codec: str
    source: str
    transcoded: bool
    segments: int
    bandwidth: int
    average_bandwidth: int
    size_bytes: int


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A track of a source that is not in the folder, and why."""

    source: str
    stream: int
    kind: str
    codec: str
    reason: str


class WrittenStoryboard(msgspec.Struct, frozen=True, kw_only=True):
    """The small pictures in the folder; addresses are relative to it, sizes in pixels and bytes."""

    vtt: str
    json: str
    tile_width: int
    tile_height: int
    tiles: int
    interval_ms: int
    size_bytes: int


class Packaged(msgspec.Struct, frozen=True, kw_only=True):
    """What was written; the addresses are relative to the folder."""

    folder: str
    hls: str
    dash: str | None
    duration_ms: int
    tracks: tuple[WrittenTrack, ...]
    left_out: tuple[LeftOut, ...]
    size_bytes: int
    took_s: float
    keys_file: str | None = None
    storyboard: WrittenStoryboard | None = None


class Watcher(Protocol):
    """Whoever follows the work; each step of it is announced with what it is called."""

    def step(self, label: str) -> Progress:
        """Give the ear of the step that begins."""
