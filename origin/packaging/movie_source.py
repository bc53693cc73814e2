"""An MP4 file read by its own tables: which bytes are whose samples, without FFmpeg.

What lies in the file decides the order of reading: from front to back in large blocks, whatever the
interleaving. The tables have been checked against the file, so every sample is where it is said to
be; one byte that two tracks claim is found on the way.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from core.isobmff.edit_list import EditWindow, IrregularEdits, edit_window
from core.isobmff.movie import Movie, MovieTrack, read_movie, sample_table
from native import MalformedMovie, SampleRun, SampleTable
from origin.packaging.faults import CorruptSource
from origin.packaging.movie_file import read_parts
from origin.packaging.report import SourceReport

BLOCK_BYTES = 4 << 20
RUN_BYTES = 1 << 20
RUN_SAMPLES = 4096
LOOK_AHEAD = 64
"""Samples in decode order among which the first picture is looked for."""


class IrregularMovieError(Exception):
    """The file is sound, but made in a way that only FFmpeg's demuxer takes apart.

    Its message names box and byte, as that of `MalformedMovie` does.
    """


@dataclass(frozen=True, slots=True)
class MovieTrackSource:
    """One track to read. `timescale` is in ticks a second; times in runs are those of the media.

    All samples have the same description, whatever their numbers: runs give it the number 1.
    `entry` is that description, the whole box.
    """

    stream: int
    timescale: int
    window: EditWindow
    table: SampleTable
    numbered: bool = False
    entry: bytes = b""

    def next_run(self) -> SampleRun | None:
        """Give the next samples that lie one behind the other; None after the last one."""
        run = self.table.next_run(RUN_BYTES, RUN_SAMPLES)
        return run._replace(description=1) if run is not None and self.numbered else run


@dataclass(frozen=True, slots=True)
class MovieSource:
    """The tracks of a file by stream number; `zero` is the movie's time of the first picture."""

    file: int
    size_bytes: int
    tracks: dict[int, MovieTrackSource]
    zero: Fraction

    def runs(self, streams: Sequence[int]) -> Iterator[tuple[int, SampleRun, memoryview]]:
        """Give stream number, run and bytes, in the file's order; each track in decode order.

        Raises `MalformedMovie` where tracks share bytes, `CorruptSource` where the file has become
        shorter.
        """
        reader = _BlockReader(self.file)
        heads = {stream: self._next(stream) for stream in streams}
        waiting = {stream: run for stream, run in heads.items() if run is not None}
        while waiting:
            stream = min(waiting, key=lambda each: waiting[each].offset)
            run = waiting[stream]
            for other, ahead in waiting.items():
                if other != stream and ahead.offset < run.offset + run.length:
                    raise MalformedMovie("mdat", ahead.offset, "belongs to two tracks")
            yield stream, run, reader.read(run.offset, run.length)
            following = self._next(stream)
            if following is None:
                del waiting[stream]
            else:
                waiting[stream] = following

    def _next(self, stream: int) -> SampleRun | None:
        return self.tracks[stream].next_run()


@contextmanager
def open_movie(path: Path, report: SourceReport, *, text: bool = False) -> Iterator[MovieSource]:
    """Open the tracks of a report by the file's own tables; those of text only where asked for.

    Raises `MalformedMovie` for a file that contradicts itself, `IrregularMovieError` for one that
    is only unusual.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield movie_source(file, report, text=text)
    finally:
        os.close(file)


def movie_source(
    file: int, report: SourceReport, movie: Movie | None = None, *, text: bool = False
) -> MovieSource:
    """Read the tracks of a report from an open file; it raises what `open_movie` does.

    `movie` is the file's, where it was read already.
    """
    wanted = {track.index: track.track_id for track in report.audio}
    if report.video is not None:
        wanted[report.video.index] = report.video.track_id
    if text:
        wanted |= {track.index: track.track_id for track in report.text}
    movie = movie or read_movie(read_parts(file))
    tracks = {stream: _track(movie, stream, number) for stream, number in wanted.items()}
    return MovieSource(file, movie.parts.file_bytes, tracks, _zero(report, tracks))


def _track(movie: Movie, stream: int, track_id: int) -> MovieTrackSource:
    track = _by_id(movie, track_id)
    try:
        window = edit_window(
            track.edits, movie.timescale, track.timescale, fragmented=movie.fragmented
        )
    except IrregularEdits as problem:
        raise IrregularMovieError(
            f"{track.path}/edts/elst at byte {track.edits_at} {problem}"
        ) from problem
    table = sample_table(movie, track)
    _check_description(track, table)
    start, end = track.entries[0].span if track.entries else (0, 0)
    return MovieTrackSource(
        stream,
        track.timescale,
        window,
        table,
        numbered=len(track.entries) > 1,
        entry=movie.moov.data[start:end],
    )


def _check_description(track: MovieTrack, table: SampleTable) -> None:
    """Refuse samples whose descriptions are not all the first one, to the byte."""
    used = {track.entries[number - 1].like for number in table.used_descriptions()}
    if len(used) > 1:
        problem = f"describes the samples in {len(used)} ways"
    elif used - {1}:
        problem = f"has a first entry that no sample has, but entry {min(used)}"
    else:
        return
    raise IrregularMovieError(f"{track.table_path}/stsd at byte {track.entries_at} {problem}")


def _by_id(movie: Movie, track_id: int) -> MovieTrack:
    for track in movie.tracks:
        if track.track_id == track_id:
            return track
    raise IrregularMovieError(f"moov at byte {movie.moov.start} has no track {track_id}")


def _zero(report: SourceReport, tracks: dict[int, MovieTrackSource]) -> Fraction:
    """Find when the movie begins: with the first picture, or the first sound where there is none.

    FFmpeg's own times are not asked: where composition offsets are negative it shifts the picture
    against the sound.
    """
    stream = report.video.index if report.video is not None else report.audio[0].index
    track = tracks[stream]
    first = track.table.next_run(RUN_BYTES, LOOK_AHEAD)
    track.table.rewind()
    if first is None:
        raise IrregularMovieError(f"the track of stream {stream} has no samples")
    times = map(sum, zip(first.decode_times, first.composition_offsets, strict=True))
    start = min((time for time in times if time >= track.window.start), default=track.window.start)
    if report.video is None:
        start = max(first.decode_times[0], track.window.start)
    return Fraction(start - track.window.start, track.timescale) + track.window.delay


class _BlockReader:
    """Reads a file in blocks, from which ranges are cut while they rise."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._start = 0
        self._block = memoryview(b"")

    def read(self, offset: int, length: int) -> memoryview:
        at = offset - self._start
        if at < 0 or at + length > len(self._block):
            block = os.pread(self._file, max(length, BLOCK_BYTES), offset)
            if len(block) < length:
                raise CorruptSource("A sample of this file lies beyond the file's end.")
            self._start, self._block, at = offset, memoryview(block), 0
        return self._block[at : at + length]


__all__ = [
    "IrregularMovieError",
    "MalformedMovie",
    "MovieSource",
    "MovieTrackSource",
    "movie_source",
    "open_movie",
]
