"""Tracks that are copied as they lie in an MP4 file: their index, made in a few native calls.

This is for the usual file, whose tables are sound and whose pictures and sound follow one another
as they should. Of anything unusual nothing is judged here: `copy.py` looks at every sample, and
says what is wrong or does what is needed.
"""

import os
import struct
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import lcm
from pathlib import Path
from typing import Final

from core.codecs.avc import AvcConfiguration, avc_configuration
from core.codecs.hevc import HevcConfiguration, hevc_configuration
from core.codecs.sound import AudioFormat, audio_format
from core.codecs.video import VideoFormat, video_format
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from core.media.description import TrackDescription, encode_description
from core.media.presentation import TrackKind
from native import EXAMINE as LOOK_CLOSER
from native import (
    IndexBuilder,
    MalformedMovie,
    SampleFile,
    UnfitTimes,
    audio_rows,
    sample_access,
    shared_byte,
    video_rows,
)
from origin.packaging.captions import MOST_SAMPLES, CaptionSearch
from origin.packaging.decision import LONGEST_GOP_S
from origin.packaging.description import audio_description, source_sound, video_description
from origin.packaging.faults import NeedsTranscodeError
from origin.packaging.movie_source import (
    IrregularMovieError,
    MovieSource,
    MovieTrackSource,
    movie_source,
)
from origin.packaging.report import AudioTrackInfo, SourceReport, VideoTrackInfo
from origin.packaging.timing import LONGEST_PATCH_S, AudioPacket, AudioTimes, TickScale

ROW = struct.Struct("=QQqIIII")
SYNC = 1
OPEN_ACCESS = 2
CAPTIONS, EXAMINE = 8, 16
"""Flags of `nal_access` beside those of the index."""
HEAD_BYTES = 64
"""More than a frame of FLAC has before its sound, or a key picture of AV1 before its header."""
INDEX_FLAGS = bytes(access & 3 for access in range(256))
"""What the index keeps of a sample's access: a picture to start at, another key picture."""
CONFIGURATIONS: Final[Mapping[str, Callable[[bytes], AvcConfiguration | HevcConfiguration]]] = {
    "h264": avc_configuration,
    "hevc": hevc_configuration,
}
FOREVER = 1 << 62
LONGEST_S = 8 * 86_400
"""What claims to last longer is looked at by `track.py`, which refuses it."""


class UnusualFileError(Exception):
    """The file's samples have to be looked at one by one."""


@dataclass(frozen=True, slots=True)
class DirectTrack:
    """A track in its file: `index` is all of `track.idx`, `samples` says where its bytes are."""

    kind: TrackKind
    name: str
    stream: int
    description: TrackDescription
    index: bytes
    samples: SampleFile
    default: bool
    rows: bytes
    closed_captions: tuple[str, ...] = ()


class DirectFilm:
    """The tracks of a file; while anybody holds this, the file stays open."""

    def __init__(self, file: int, tracks: Sequence[DirectTrack]) -> None:
        weakref.finalize(self, os.close, file)
        self.tracks = tuple(tracks)


def read_directly(path: Path, report: SourceReport) -> DirectFilm:
    """Index the tracks of an MP4 file that the report says are to be copied.

    Raises `UnusualFileError` where that takes a look at every sample, and `OSError`.
    """
    if not report.is_movie or not report.copyable:
        raise UnusualFileError
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return DirectFilm(file, _tracks(movie_source(file, report), report))
    except BaseException as error:
        os.close(file)
        if isinstance(error, UNUSUAL):
            raise UnusualFileError from error
        raise


UNUSUAL = (
    MalformedMovie, IrregularMovieError, NeedsTranscodeError, InvalidDecoderConfiguration,
    UnfitTimes, EOFError, OverflowError, ValueError,
)  # fmt: skip


def _tracks(source: MovieSource, report: SourceReport) -> list[DirectTrack]:
    tracks = []
    for stream in report.copyable:
        track = source.tracks[stream]
        if report.video is not None and stream == report.video.index:
            tracks.append(_video(source.file, track, report.video))
        else:
            tracks.append(_audio(source, track, report.audio_track(stream)))
    for one, other in combinations(tracks, 2):
        if shared_byte(one.rows, other.rows) >= 0:
            raise UnusualFileError
    return tracks


def _video(file: int, source: MovieTrackSource, track: VideoTrackInfo) -> DirectTrack:
    if track.annexb:
        raise UnusualFileError
    rows = _rows(source)
    samples = SampleFile(file, rows)
    carried = video_format(track.codec, track.record)
    if track.codec in CONFIGURATIONS:
        length_size = CONFIGURATIONS[track.codec](track.record).length_size
        access = samples.nal_access(length_size, hevc=track.codec == "hevc")
        if max(access) >= EXAMINE:  # the highest flag
            raise UnusualFileError
    else:
        access = _frame_access(samples, rows, carried)
    _, time, offset, *_ = ROW.unpack_from(rows)
    scale = TickScale(Fraction(1, source.timescale), time + offset)
    end = source.window.end
    index_rows = video_rows(
        rows,
        access.translate(INDEX_FLAGS),
        start=time + offset,
        scale=(Fraction(scale.timescale, source.timescale)).as_integer_ratio(),
        window=(source.window.start, FOREVER if end is None else end),
        longest_gap=LONGEST_GOP_S * scale.timescale,
    )
    description = video_description(track, carried, source.entry)
    index = _index(index_rows, description, scale.timescale)
    return DirectTrack(
        TrackKind.VIDEO, track.name, track.index, description, index, samples, default=False,
        rows=rows, closed_captions=_captions(file, description, rows, access),
    )  # fmt: skip


def _frame_access(samples: SampleFile, rows: bytes, carried: VideoFormat) -> bytes:
    """Say what each sample of AV1 or VP9 is, from its first bytes; key pictures are read whole."""
    sizes = [row[3] for row in ROW.iter_unpack(rows)]
    known = [min(size, HEAD_BYTES) for size in sizes]
    heads = samples.heads(HEAD_BYTES)
    found = bytearray(sample_access(heads, known, carried.codec, whole_sizes=sizes))
    for number, row in enumerate(ROW.iter_unpack(rows)):
        if found[number] & LOOK_CLOSER:
            data = os.pread(samples.file, row[3], row[0])
            if len(carried.stored(data)) != row[3]:
                raise UnusualFileError
            (found[number],) = carried.access(data, [row[3]])
        if row[5] and not found[number] & SYNC:
            found[number] |= OPEN_ACCESS
    return bytes(found)


def _captions(
    file: int, description: TrackDescription, rows: bytes, access: bytes
) -> tuple[str, ...]:
    """Look for captions in those of the first samples that may hold some."""
    search = CaptionSearch(description)
    for number, flags in enumerate(access[:MOST_SAMPLES]):
        if flags & CAPTIONS and search.goes_on:
            offset, _, _, size, *_ = ROW.unpack_from(rows, number * ROW.size)
            search.feed(os.pread(file, size, offset))
    return search.channels


def _audio(film: MovieSource, source: MovieTrackSource, track: AudioTrackInfo) -> DirectTrack:
    rows = _heard(_rows(source), source)
    samples = SampleFile(film.file, rows)
    carried = audio_format(source_sound(track, source.entry), _first_sample(film.file, rows))
    rate, base = track.sample_rate, Fraction(1, source.timescale)
    if carried.rate != rate:
        raise UnusualFileError
    length, last_length = _frame_lengths(samples, rows, carried)
    granule = base * rate
    zero = (film.zero - source.window.delay + source.window.start * base) * rate
    times = AudioTimes(length, rate, granule, SYNC)
    list(times.push(_packet(rows, 0, source, granule, zero, length)))
    last = _packet(rows, len(rows) // ROW.size - 1, source, granule, zero, last_length)
    common = lcm(granule.denominator, zero.denominator)
    first = times.base_time - times.priming
    index_rows = audio_rows(
        rows,
        first=first,
        frame_length=length,
        last_duration=_last_duration(last, last_length, rate, granule),
        scale=(int(granule * common), common),
        zero=int(zero * common),
        longest_patch=int(LONGEST_PATCH_S * rate),
    )
    description = audio_description(track, carried)
    index = _index(index_rows, description, rate, times.base_time, times.priming)
    return DirectTrack(
        TrackKind.AUDIO, track.copied_name, track.index, description, index, samples,
        default=track.default, rows=rows,
    )  # fmt: skip


def _first_sample(file: int, rows: bytes) -> bytes:
    offset, _, _, size, *_ = ROW.unpack_from(rows)
    return os.pread(file, size, offset)


def _frame_lengths(samples: SampleFile, rows: bytes, carried: AudioFormat) -> tuple[int, int]:
    """Give how long a sample lasts, and how long the last, which alone may last otherwise."""
    if not carried.lengths_of:
        return carried.length, carried.length
    known = [min(row[3], HEAD_BYTES) for row in ROW.iter_unpack(rows)]
    *lengths, last = carried.lengths(samples.heads(HEAD_BYTES), known)
    if len(set(lengths)) > 1:
        raise UnusualFileError
    return (lengths[0] if lengths else last), last


def _rows(source: MovieTrackSource) -> bytes:
    """Give all samples of a track."""
    rows = source.table.next_rows(source.table.sample_count)
    source.table.rewind()
    if not rows:
        raise UnusualFileError
    return rows


def _heard(rows: bytes, source: MovieTrackSource) -> bytes:
    """Leave out what no decoder needs: all but a second before the edit, and all behind it."""
    window = source.window
    early = window.start - source.timescale
    first, stop = 0, len(rows)
    while first < stop:
        _, time, _, _, duration, _, _ = ROW.unpack_from(rows, first)
        if time + duration > early:
            break
        first += ROW.size
    while window.end is not None and first < stop:
        _, time, *_ = ROW.unpack_from(rows, stop - ROW.size)
        if time < window.end:
            break
        stop -= ROW.size
    if first == stop:
        raise UnusualFileError
    return rows[first:stop]


def _packet(
    rows: bytes,
    number: int,
    source: MovieTrackSource,
    granule: Fraction,
    zero: Fraction,
    length: int,
) -> AudioPacket:
    _, decode_time, offset, size, duration, _, _ = ROW.unpack_from(rows, number * ROW.size)
    time, window = decode_time + offset, source.window
    over = 0 if window.end is None else time + duration - window.end
    discard = length - int((duration - over) * granule) if over > window.slack else 0
    return AudioPacket(size, time * granule - zero, duration * granule, 0, discard)


def _last_duration(last: AudioPacket, length: int, rate: int, granule: Fraction) -> int:
    """Ask how long the last sample lasts, wherever it lies."""
    times = AudioTimes(length, rate, granule, SYNC)
    list(times.push(last._replace(time=0)))
    (row,) = times.finish()
    return row.duration


def _index(
    rows: bytes, description: TrackDescription, timescale: int, base_time: int = 0, priming: int = 0
) -> bytes:
    builder = IndexBuilder(
        timescale=timescale, description=encode_description(description), base_time=base_time
    )
    builder.extend(rows)
    if builder.duration // timescale >= LONGEST_S:
        raise UnusualFileError
    body, header = builder.finish(priming=priming)
    return header + body
