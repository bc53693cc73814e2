"""A packaged track and the writer of its two files: samples and index, streamed to disk."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from core.media.description import TrackDescription, encode_description
from core.media.presentation import TrackKind
from core.media.ticks import Ticks
from native import IndexBuilder
from origin.packaging.captions import CaptionSearch
from origin.packaging.faults import CorruptSource
from origin.packaging.timing import Row

FLAT_NAME = "track.flat"
INDEX_NAME = "track.idx"
WRITE_BUFFER_BYTES = 1 << 20
TAKE_EVERY = 1024
SECONDS_PER_DAY = 86_400
MOST_DAYS = 7
SYNC = 1
OPEN_ACCESS = 2
"""Flags of a sample in the index: an IDR picture or any audio sample; other random access."""


@dataclass(frozen=True, slots=True)
class PackagedTrack:
    """A track on disk, synchronised. `duration` and `sync_times` are in ticks of `timescale`.

    `directory` holds `track.flat` and `track.idx`; `sync_times` are the presentation times at
    which a video segment may start, empty for audio. `notes` say what was tolerated on the way;
    `closed_captions` are the channels of captions inside of the pictures, as HLS names them.
    """

    kind: TrackKind
    name: str
    directory: Path
    description: TrackDescription
    timescale: int
    duration: Ticks
    sample_count: int
    size_bytes: int
    flat_sha256: bytes
    index_sha256: bytes
    sync_times: tuple[Ticks, ...]
    stream: int
    default: bool = False
    notes: tuple[str, ...] = ()
    closed_captions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """A track that could not be copied after all, by stream number, and why."""

    stream: int
    reason: str


@dataclass(frozen=True, slots=True)
class CopyOutcome:
    """The tracks that were copied and those that have to be encoded anew.

    `repaired` says what is wrong with the file, or unusual, where only FFmpeg's demuxer could take
    it apart.
    """

    tracks: tuple[PackagedTrack, ...]
    rejected: tuple[Rejection, ...]
    repaired: str = ""


class Purpose(Enum):
    """What a track is written for.

    One to be published is made durable, and its files' digests name it. One at hand is read by this
    process and then removed: its digests are empty, and nobody waits for the disk.
    """

    PUBLISHED = "published"
    AT_HAND = "at_hand"


class TrackWriter:
    """Writes one track into a fresh directory; its memory does not grow with the track.

    Without a directory nothing is kept: everything is checked and counted all the same.
    """

    def __init__(
        self,
        directory: Path | None,
        description: TrackDescription,
        timescale: int,
        base_time: int = 0,
        *,
        purpose: Purpose = Purpose.PUBLISHED,
    ) -> None:
        self._directory = directory
        self._is_published = directory is not None and purpose is Purpose.PUBLISHED
        self._description = description
        self._timescale = timescale
        self._builder = IndexBuilder(
            timescale=timescale, description=encode_description(description), base_time=base_time
        )
        self._digest = hashlib.sha256()
        self._captions = CaptionSearch(description)
        if directory is not None:
            directory.mkdir(parents=True)
        self._flat = _opened(directory, FLAT_NAME)
        self._index = _opened(directory, INDEX_NAME)
        self._index.write(bytes(self._builder.header_length))
        self._sync_times: list[Ticks] = []
        self._time = 0

    def write(self, sample: bytes | memoryview) -> None:
        """Append the bytes of samples. Their rows may follow later, in the same order."""
        if self._is_published:
            self._digest.update(sample)
        if self._captions.goes_on:
            self._captions.feed(sample)
        self._flat.write(sample)

    def index(self, rows: Iterable[Row]) -> None:
        """Append rows. Raises `CorruptSource` for numbers that the index cannot hold."""
        for row in rows:
            if row.flags & SYNC:
                self._sync_times.append(Ticks(self._time + row.composition_offset))
            self._add(row)
            self._time += row.duration

    def finish(
        self, kind: TrackKind, name: str, stream: int, *, priming: int = 0,
        default: bool = False, notes: tuple[str, ...] = (),
    ) -> PackagedTrack:  # fmt: skip
        """Complete both files; what is to be published is made durable.

        Raises `CorruptSource` for a track whose times make no sense.
        """
        self._check_length()
        try:
            body, header = self._builder.finish(priming=priming)
        except ValueError as cause:
            raise CorruptSource(f"This file's times contradict each other: {cause}.") from cause
        self._index.write(body)
        self._index.seek(0)
        self._index.write(header)
        for file in (self._flat, self._index):
            file.flush()
        flat_digest, index_digest = b"", b""
        if self._directory is not None and self._is_published:
            flat_digest, index_digest = self._digest.digest(), self._keep(self._directory)
        self._close()
        video = kind is TrackKind.VIDEO
        return PackagedTrack(
            kind=kind, name=name, directory=self._directory or Path(),
            description=self._description, timescale=self._timescale,
            duration=Ticks(self._builder.duration),
            sample_count=self._builder.sample_count, size_bytes=self._builder.data_length,
            flat_sha256=flat_digest, index_sha256=index_digest,
            sync_times=tuple(self._sync_times) if video else (), stream=stream, default=default,
            notes=notes, closed_captions=self._captions.channels,
        )  # fmt: skip

    def discard(self) -> None:
        """Close and remove what was written."""
        self._close()
        if self._directory is not None:
            for name in (FLAT_NAME, INDEX_NAME):
                (self._directory / name).unlink(missing_ok=True)
            self._directory.rmdir()

    def _keep(self, directory: Path) -> bytes:
        """Make both files durable; gives the digest of the index."""
        for file in (self._flat, self._index):
            os.fsync(file.fileno())
        sync_directory(directory)
        sync_directory(directory.parent)
        with (directory / INDEX_NAME).open("rb") as index:
            return hashlib.file_digest(index, "sha256").digest()

    def _close(self) -> None:
        self._flat.close()
        self._index.close()

    def _check_length(self) -> None:
        days = self._builder.duration // self._timescale // SECONDS_PER_DAY
        if days > MOST_DAYS:
            raise CorruptSource(f"This file claims to last {days} days.")

    def _add(self, row: Row) -> None:
        try:
            self._builder.add(row.size_bytes, row.duration, row.composition_offset, row.flags)
        except (OverflowError, ValueError) as cause:
            raise CorruptSource(f"This file's times contradict each other: {cause}.") from cause
        if self._builder.sample_count % TAKE_EVERY == 0:
            self._index.write(self._builder.take())


def _opened(directory: Path | None, name: str) -> BinaryIO:
    if directory is None:
        return Path(os.devnull).open("wb")
    return (directory / name).open("xb", buffering=WRITE_BUFFER_BYTES)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
