"""Flat files and indexes of a usual MP4 file, written in one pass over it by native code.

The file is read from front to back, some megabytes of all tracks at a time. What was written is
read back for its digest while it is still in memory.
"""

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final

from core.media.presentation import TrackKind
from core.media.ticks import Ticks
from native import SampleFile, TrackIndex, copy_samples
from origin.packaging.direct import DirectFilm, DirectTrack
from origin.packaging.faults import CorruptSource
from origin.packaging.progress import Pulse
from origin.packaging.track import (
    FLAT_NAME,
    INDEX_NAME,
    CopyOutcome,
    PackagedTrack,
    Purpose,
    sync_directory,
)

STEP_BYTES: Final = 8 << 20
DIGEST_BYTES: Final = 1 << 20


def copy_directly(
    film: DirectFilm, out: Path | None, size_bytes: int, pulse: Pulse, purpose: Purpose
) -> CopyOutcome:
    """Write the tracks of a film into folders `{kind}-{name}` of `out`; nothing without it.

    Raises `CorruptSource` for a file that has become shorter, and leaves nothing then.
    """
    if out is None:
        return CopyOutcome(tuple(_packaged(track, Path(), b"", b"") for track in film.tracks), ())
    with ExitStack() as files:
        writers = [_FlatWriter(track, out, purpose, files) for track in film.tracks]
        try:
            _copy(writers, size_bytes, pulse)
            return CopyOutcome(tuple(writer.finish() for writer in writers), ())
        except BaseException as error:
            for writer in writers:
                writer.discard()
            if isinstance(error, EOFError):
                raise CorruptSource("A sample of this file lies beyond the file's end.") from error
            raise


def _copy(writers: Sequence["_FlatWriter"], size_bytes: int, pulse: Pulse) -> None:
    bound = 0
    while any(writer.left for writer in writers):
        bound = min(writer.position for writer in writers if writer.left) + STEP_BYTES
        copy_samples([job for writer in writers if (job := writer.job(bound)) is not None])
        for writer in writers:
            writer.digest_written()
        pulse.beat(bound / size_bytes)


class _FlatWriter:
    """Writes the two files of one track."""

    def __init__(self, track: DirectTrack, out: Path, purpose: Purpose, files: ExitStack) -> None:
        self._track = track
        self._is_published = purpose is Purpose.PUBLISHED
        self._directory = out / f"{track.kind}-{track.name}"
        self._directory.mkdir(parents=True)
        self._flat: BinaryIO = files.enter_context((self._directory / FLAT_NAME).open("x+b", 0))
        self._digest = hashlib.sha256()
        self._digested_bytes = 0
        self._buffer = bytearray(DIGEST_BYTES)
        self._next = 0

    @property
    def left(self) -> int:
        """How many samples are not copied yet."""
        return self._track.samples.sample_count - self._next

    @property
    def position(self) -> int:
        """Where the next sample is in the film."""
        return self._track.samples.offset(self._next)

    def job(self, bound: int) -> tuple[SampleFile, int, int, int, bytes] | None:
        """Give the samples that begin before a byte of the film, as a job."""
        first, self._next = self._next, self._track.samples.before(bound, self._next)
        count = self._next - first
        return (self._track.samples, self._flat.fileno(), first, count, b"") if count else None

    def digest_written(self) -> None:
        """Take in what was written since the last call."""
        if not self._is_published:
            return
        view = memoryview(self._buffer)
        while length := os.preadv(self._flat.fileno(), [view], self._digested_bytes):
            self._digest.update(view[:length])
            self._digested_bytes += length

    def finish(self) -> PackagedTrack:
        """Write the index; what is to be published is made durable."""
        with (self._directory / INDEX_NAME).open("xb") as index:
            index.write(self._track.index)
            if not self._is_published:
                return _packaged(self._track, self._directory, b"", b"")
            index.flush()
            os.fsync(index.fileno())
        os.fsync(self._flat.fileno())
        sync_directory(self._directory)
        sync_directory(self._directory.parent)
        index_digest = hashlib.sha256(self._track.index).digest()
        return _packaged(self._track, self._directory, self._digest.digest(), index_digest)

    def discard(self) -> None:
        """Remove what was written."""
        for name in (FLAT_NAME, INDEX_NAME):
            (self._directory / name).unlink(missing_ok=True)
        self._directory.rmdir()


def _packaged(
    track: DirectTrack, directory: Path, flat_digest: bytes, index_digest: bytes
) -> PackagedTrack:
    index = TrackIndex(track.index)
    is_video = track.kind is TrackKind.VIDEO
    return PackagedTrack(
        kind=track.kind,
        name=track.name,
        directory=directory,
        description=track.description,
        timescale=index.timescale,
        duration=Ticks(index.duration),
        sample_count=index.sample_count,
        size_bytes=index.data_length,
        flat_sha256=flat_digest,
        index_sha256=index_digest,
        sync_times=tuple(Ticks(time) for _, time in index.sync_times()) if is_video else (),
        stream=track.stream,
        default=track.default,
        closed_captions=track.closed_captions,
    )
