"""Takes a source apart: its playable tracks, sample by sample as they are, into flat files.

One pass over the file serves all tracks. An MP4 file is read by its own tables: the usual one by
native code alone, one with anything unusual in it sample by sample. Every other file, and an MP4
file whose tables contradict themselves or ask for more than copying, is read through FFmpeg's
demuxer. What only the samples can tell, such as the distance between IDR pictures, is checked on
the way; a track that turns out unfit is dropped and named, so that it can be encoded anew, while
the others go on.
"""

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from av.container import InputContainer

from native import MalformedMovie, SampleRun
from origin.packaging.copied_audio import AudioCopier
from origin.packaging.copied_video import VideoCopier
from origin.packaging.demux import (
    AnyPacket,
    may_end_anywhere,
    may_jump,
    open_source,
    packets,
    select,
)
from origin.packaging.direct import UnusualFileError, read_directly
from origin.packaging.direct_copy import copy_directly
from origin.packaging.faults import CorruptSource, NeedsTranscodeError
from origin.packaging.limits import Limits
from origin.packaging.movie_source import IrregularMovieError, MovieSource, open_movie
from origin.packaging.progress import Progress, Pulse
from origin.packaging.report import SourceReport
from origin.packaging.track import CopyOutcome, PackagedTrack, Purpose, Rejection


class _Copier(Protocol):
    def feed(self, packet: AnyPacket) -> None: ...
    def feed_run(self, run: SampleRun, data: memoryview) -> None: ...
    def finish(self) -> PackagedTrack: ...
    def discard(self) -> None: ...


class _Copying:
    """The copiers of one pass, and what became of those that gave up."""

    def __init__(self, purpose: Purpose) -> None:
        self._purpose = purpose
        self.copiers: dict[int, _Copier] = {}
        self.rejected: list[Rejection] = []

    def prepare(
        self,
        report: SourceReport,
        out: Path | None,
        source: MovieSource | None,
        *,
        may_jump: bool = False,
    ) -> None:
        """Add a copier for each track to copy."""
        zero = report.start if source is None else source.zero
        for stream in report.copyable:
            try:
                self.copiers[stream] = _copier(
                    report, stream, zero, out, source, self._purpose, may_jump=may_jump
                )
            except NeedsTranscodeError as refusal:
                self.rejected.append(Rejection(stream, refusal.reason))

    def reject(self, stream: int, refusal: NeedsTranscodeError) -> None:
        """Drop a track."""
        self.copiers.pop(stream).discard()
        self.rejected.append(Rejection(stream, refusal.reason))

    def finish(self) -> CopyOutcome:
        """Complete the tracks that are left."""
        tracks = []
        for stream, copier in list(self.copiers.items()):
            try:
                tracks.append(copier.finish())
            except NeedsTranscodeError as refusal:
                self.reject(stream, refusal)
        return CopyOutcome(tuple(tracks), tuple(self.rejected))

    def discard(self) -> None:
        """Remove what was written."""
        for copier in self.copiers.values():
            copier.discard()


def copy_tracks(
    path: Path,
    report: SourceReport,
    out: Path | None,
    progress: Progress,
    *,
    limits: Limits | None = None,
    purpose: Purpose = Purpose.PUBLISHED,
) -> CopyOutcome:
    """Copy the tracks that the report says can be copied into folders `{kind}-{name}` of `out`.

    Without `out` everything is done but the writing, to learn what would come of it.
    Raises a `SourceFault` when the file cannot be read to its end.
    """
    pulse = Pulse(progress)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    outcome, repaired = None, ""
    if report.is_movie:
        try:
            outcome = _copy_movie(path, report, out, pulse, purpose)
        except (MalformedMovie, IrregularMovieError) as problem:
            repaired = str(problem)
    if outcome is None:
        outcome = _copy_packets(path, report, out, pulse, limits or Limits(), purpose)
    progress.advance(1.0)
    return replace(outcome, repaired=repaired)


def _copy_movie(
    path: Path,
    report: SourceReport,
    out: Path | None,
    pulse: Pulse,
    purpose: Purpose = Purpose.PUBLISHED,
) -> CopyOutcome:
    with suppress(UnusualFileError):
        return copy_directly(read_directly(path, report), out, report.size_bytes, pulse, purpose)
    copying = _Copying(purpose)
    with open_movie(path, report) as source:
        try:
            copying.prepare(report, out, source)
            for stream, run, data in source.runs(list(copying.copiers)):
                if copier := copying.copiers.get(stream):
                    try:
                        copier.feed_run(run, data)
                    except NeedsTranscodeError as refusal:
                        copying.reject(stream, refusal)
                pulse.beat(run.offset / source.size_bytes)
            return copying.finish()
        except BaseException:
            copying.discard()
            raise


def _copy_packets(
    path: Path,
    report: SourceReport,
    out: Path | None,
    pulse: Pulse,
    limits: Limits,
    purpose: Purpose = Purpose.PUBLISHED,
) -> CopyOutcome:
    copying = _Copying(purpose)
    if not report.copyable:
        return CopyOutcome((), ())
    with open_source(path, limits) as container:
        try:
            copying.prepare(report, out, None, may_jump=may_jump(container))
            _pump(container, copying, pulse, report.size_bytes)
            return copying.finish()
        except BaseException:
            copying.discard()
            raise


def _copier(
    report: SourceReport,
    stream: int,
    zero: Fraction,
    out: Path | None,
    source: MovieSource | None,
    purpose: Purpose,
    *,
    may_jump: bool,
) -> _Copier:
    movie_track = None if source is None else source.tracks[stream]
    if report.video is not None and stream == report.video.index:
        return VideoCopier(report.video, out, movie_track, purpose=purpose, may_jump=may_jump)
    return AudioCopier(report.audio_track(stream), zero, out, movie_track, purpose=purpose)


def _pump(container: InputContainer, copying: _Copying, pulse: Pulse, size_bytes: int) -> None:
    may_be_cut = may_end_anywhere(container)
    damaged: set[int] = set()
    for packet in packets(container, select(container, list(copying.copiers))):
        copier = copying.copiers.get(packet.stream_index)
        if copier is None:
            continue
        if packet.is_corrupt:
            if not may_be_cut:
                raise CorruptSource("A sample of this file lies beyond the file's end.")
            damaged.add(packet.stream_index)  # no harm where it is the last one, cut off
            continue
        try:
            if packet.stream_index in damaged:
                raise NeedsTranscodeError("a sample in the middle is damaged")
            copier.feed(packet)
        except NeedsTranscodeError as refusal:
            copying.reject(packet.stream_index, refusal)
        pulse.beat((packet.pos or 0) / size_bytes)
