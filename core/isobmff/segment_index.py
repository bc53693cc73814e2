"""The segment index of a fragmented file (`sidx`, ISO/IEC 14496-12 §8.16.3), read and checked.

Nothing is read by it here, for the fragments are found one by one. It is checked because a file
whose parts disagree was spoiled on its way, and nobody can tell which of them is right.
"""

import struct
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from core.isobmff.box_reader import BoxSpan, child_boxes
from core.isobmff.movie_parts import FilePart, MovieParts
from native import MalformedMovie

HEAD = (24, 32)
"""Bytes before the references, in version 0 and 1."""
REFERENCE_BYTES = 12
SLACK_S = 1
"""How far a subsegment may begin from where the index has it.

The index counts presentation times, of which only the samples tell; a fragment names the decode
time of its first one. They differ by what pictures are moved about, of which H.264 allows 16.
"""


class Reference(NamedTuple):
    """A row of the index: bytes of the file, ticks; what it leads to is media or an index."""

    at: int
    first: int
    end: int
    time: int
    to_index: bool


@dataclass(frozen=True, slots=True)
class SegmentIndex:
    """A segment index: the track whose time it counts, ticks a second, its references in order."""

    path: str
    start: int
    track_id: int
    timescale: int
    references: tuple[Reference, ...]


def read_segment_index(part: FilePart, number: int) -> SegmentIndex:
    """Read the `number`th index of a file. Raises `MalformedMovie`, with bytes of the file."""
    path, data, at = f"sidx[{number}]", part.data, part.content
    held = len(data) - at
    version = data[at] if held else 0
    if version > 1:
        raise MalformedMovie(path, part.start + at, f"has version {version}")
    if held < HEAD[version]:
        raise MalformedMovie(path, part.start + at, f"is cut off after {held} bytes")
    track_id, timescale = struct.unpack_from(">II", data, at + 4)
    if timescale == 0:
        raise MalformedMovie(path, part.start + at + 8, "has a timescale of 0")
    time, offset = struct.unpack_from(">QQ" if version else ">II", data, at + 12)
    (count,) = struct.unpack_from(">H", data, at + HEAD[version] - 2)
    rows = at + HEAD[version]
    if count * REFERENCE_BYTES > len(data) - rows:
        raise MalformedMovie(
            path, part.start + rows - 2, f"claims {count} entries in {len(data) - rows} bytes"
        )
    references = []
    first = part.start + len(data) + offset
    for row in range(rows, rows + count * REFERENCE_BYTES, REFERENCE_BYTES):
        size, duration, _ = struct.unpack_from(">III", data, row)
        end = first + (size & 0x7FFFFFFF)
        references.append(Reference(part.start + row, first, end, time, bool(size >> 31)))
        first, time = end, time + duration
    return SegmentIndex(path, part.start, track_id, timescale, tuple(references))


def check_segment_indexes(parts: MovieParts, timescales: Mapping[int, int]) -> None:
    """Hold each index against the file: every reference covers boxes that are there.

    `timescales` gives the ticks a second of each track by its number. Raises `MalformedMovie`.
    """
    check = _Check(parts, timescales)
    for number, part in enumerate(parts.indexes, start=1):
        index = read_segment_index(part, number)
        if index.track_id not in timescales:
            at = part.start + part.content + 4
            raise MalformedMovie(index.path, at, f"speaks of track {index.track_id}, which is none")
        check.index(index)


class _Check:
    """What an index is held against; each fragment is looked into once."""

    def __init__(self, parts: MovieParts, timescales: Mapping[int, int]) -> None:
        self._parts = parts
        self._timescales = timescales
        self._fragments = [part.start for part in parts.fragments]
        self._indexes = {part.start for part in parts.indexes}
        self._times: dict[int, dict[int, int]] = {}

    def index(self, index: SegmentIndex) -> None:
        base: int | None = None
        for reference in index.references:
            self._check_bytes(index, reference)
            if reference.to_index:
                if reference.first not in self._indexes:
                    problem = f"has no index at {reference.first}"
                    raise MalformedMovie(index.path, reference.at, problem)
                continue
            place = bisect_left(self._fragments, reference.first)
            if place == len(self._fragments) or self._fragments[place] >= reference.end:
                problem = f"has no fragment from {reference.first} to {reference.end}"
                raise MalformedMovie(index.path, reference.at, problem)
            begins = self._begins(place).get(index.track_id)
            if begins is None:
                continue
            scale = self._timescales[index.track_id]
            late = begins * index.timescale - reference.time * scale
            base = late if base is None else base
            if abs(late - base) > SLACK_S * index.timescale * scale:
                problem = f"has time {reference.time} for a fragment of time {begins}"
                raise MalformedMovie(index.path, reference.at, problem)

    def _check_bytes(self, index: SegmentIndex, reference: Reference) -> None:
        """A subsegment is made of whole boxes (§8.16.3.1)."""
        first, end, size = reference.first, reference.end, self._parts.file_bytes
        if end > size:
            problem = f"places {end - first} bytes at {first}, beyond the file's {size}"
            raise MalformedMovie(index.path, reference.at, problem)
        starts = self._parts.starts
        for edge in (first, end):
            place = bisect_left(starts, edge)
            if edge != size and (place == len(starts) or starts[place] != edge):
                problem = f"has an edge within a box, at {edge}"
                raise MalformedMovie(index.path, reference.at, problem)

    def _begins(self, place: int) -> dict[int, int]:
        """Give when the first sample of each track in a fragment is decoded, if it says so."""
        if place not in self._times:
            self._times[place] = _decode_times(self._parts.fragments[place])
        return self._times[place]


def _decode_times(part: FilePart) -> dict[int, int]:
    data = memoryview(part.data)
    times: dict[int, int] = {}
    try:
        for traf in child_boxes(data, "moof", part.content, len(data)):
            if traf.kind == b"traf":
                track_id, time = _traf(data, traf)
                if track_id is not None and time is not None:
                    times.setdefault(track_id, time)
    except MalformedMovie:
        pass  # the reader of fragments says what is wrong with it
    return times


def _traf(data: memoryview, traf: BoxSpan) -> tuple[int | None, int | None]:
    """Give track and decode time (§8.8.7, §8.8.12)."""
    track_id = time = None
    for box in child_boxes(data, traf.path, traf.content, traf.end):
        if box.kind == b"tfhd":
            track_id = _number(data, box, 4)
        elif box.kind == b"tfdt":
            wide = bytes(data[box.content : box.end][:1]) == b"\1"
            time = _number(data, box, 8 if wide else 4)
    return track_id, time


def _number(data: memoryview, box: BoxSpan, length: int) -> int | None:
    """Read the number behind a box's version and flags."""
    at = box.content + 4
    return int.from_bytes(data[at : at + length]) if at + length <= box.end else None
