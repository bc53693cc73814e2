"""The movie of an MP4, MOV or CMAF file: its tracks, their edits and their sample tables.

Read strictly: what the file says of itself must hold together, or it is refused with the box and
the byte that is wrong. Small boxes are read here; tables that grow with the film are `native`'s.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from core.isobmff.box_reader import BoxSpan, child_boxes
from core.isobmff.movie_parts import FilePart, MovieParts
from core.isobmff.segment_index import check_segment_indexes
from native import MalformedMovie, SampleTable

Matrix = tuple[int, int, int, int, int, int, int, int, int]
Defaults = tuple[int, int, int, int]

MOST_TRACKS = 256
MOST_CHILDREN = 4096
TABLES = ("stsz", "stz2", "stts", "stsc", "stco", "co64", "ctts", "stss", "stps")
RANDOM_ACCESS_POINTS = b"rap "
SELF_CONTAINED = 1
ENABLED = 1
NORMAL_RATE = (1, 0)


@dataclass(frozen=True, slots=True)
class Edit:
    """A row of `elst` (§8.6.6): ticks of the movie, ticks of the track (-1: nothing), the rate."""

    duration: int
    media_time: int
    rate: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """A row of `stsd` (§8.5.2): its four letters, and the whole box as first and last byte.

    `like` is the number, from 1, of the first row that is the same to the byte: often its own.
    """

    kind: bytes
    span: tuple[int, int]
    like: int


@dataclass(frozen=True, slots=True)
class MovieTrack:
    """What a `trak` says of its track, but for the samples; `size` is 16.16 fixed point.

    `edits_at` and `entries_at` are the bytes of the file with `elst` and `stsd`, or 0.
    """

    path: str
    track_id: int
    enabled: bool
    handler: bytes
    timescale: int
    language: str
    matrix: Matrix
    size: tuple[int, int]
    edits: tuple[Edit, ...]
    entries: tuple[SampleEntry, ...]
    tables: Mapping[str, tuple[int, int]]
    table_path: str
    defaults: Defaults | None
    edits_at: int = 0
    entries_at: int = 0


@dataclass(frozen=True, slots=True)
class Movie:
    """A file's movie. `timescale` is that of edits; places in tracks are bytes of the index."""

    parts: MovieParts
    moov: FilePart
    timescale: int
    tracks: tuple[MovieTrack, ...]
    fragmented: bool

    @property
    def default_sizes(self) -> dict[int, int]:
        """The size of a sample that says nothing else, by track (`trex`, §8.8.3)."""
        return {track.track_id: track.defaults[2] for track in self.tracks if track.defaults}


def read_movie(parts: MovieParts) -> Movie:
    """Read all but the samples. Raises `MalformedMovie`."""
    moov = parts.moov
    if moov is None:
        raise MalformedMovie("file", 0, "has no moov")
    try:
        movie = _movie(parts, moov)
    except MalformedMovie as problem:
        raise problem.moved(moov.start) from None
    check_segment_indexes(parts, {track.track_id: track.timescale for track in movie.tracks})
    return movie


def sample_table(movie: Movie, track: MovieTrack) -> SampleTable:
    """Read where a track's samples are, in tables and fragments. Raises `MalformedMovie`."""
    start = movie.moov.start
    try:
        table = SampleTable(
            movie.moov.data,
            track.tables,
            file_bytes=movie.parts.file_bytes,
            path=track.table_path,
            descriptions=len(track.entries),
            track_id=track.track_id,
            defaults=track.defaults,
            default_sizes=movie.default_sizes,
        )
        for number, part in enumerate(movie.parts.fragments, start=1):
            start = part.start
            table.add_fragment(number, part.start, part.data, part.content)
        start = movie.moov.start
        table.finish()
    except MalformedMovie as problem:
        raise problem.moved(start) from None
    return table


class _Children:
    """The boxes in a box, each kind but `trak` and a few others once."""

    def __init__(self, data: memoryview, box: BoxSpan, *, skip: int = 0) -> None:
        self._data = data
        self._box = box
        self._found: dict[bytes, list[BoxSpan]] = {}
        start = min(box.content + skip, box.end)
        for count, child in enumerate(child_boxes(data, box.path, start, _trimmed(data, box))):
            if count == MOST_CHILDREN:
                raise MalformedMovie(box.path, child.start, f"has more than {MOST_CHILDREN} boxes")
            self._found.setdefault(child.kind, []).append(child)

    def all(self, kind: str) -> list[BoxSpan]:
        return self._found.get(kind.encode(), [])

    def maybe(self, kind: str) -> BoxSpan | None:
        found = self.all(kind)
        if len(found) > 1:
            raise MalformedMovie(found[1].path, found[1].start, "stands there twice")
        return found[0] if found else None

    def one(self, kind: str) -> BoxSpan:
        found = self.maybe(kind)
        if found is None:
            raise MalformedMovie(self._box.path, self._box.start, f"has no {kind}")
        return found


def _trimmed(data: memoryview, box: BoxSpan) -> int:
    """Give the end of a box's children; QuickTime may close the list with four zero bytes."""
    if box.end - box.content >= 4 and bytes(data[box.end - 4 : box.end]) == bytes(4):
        last = box.content
        try:
            for child in child_boxes(data, box.path, box.content, box.end - 4):
                last = child.end
        except MalformedMovie:
            return box.end
        return last
    return box.end


def _movie(parts: MovieParts, part: FilePart) -> Movie:
    data = memoryview(part.data)
    moov = BoxSpan(b"moov", "moov", 0, part.content, len(data))
    children = _Children(data, moov)
    if compressed := children.maybe("cmov"):
        raise MalformedMovie(compressed.path, compressed.start, "is compressed")
    mvhd = _full_box(data, children.one("mvhd"), 20, 32)
    timescale = _u32(data, mvhd[1] + (20 if mvhd[0] else 12))
    if timescale == 0:
        raise MalformedMovie("moov/mvhd", mvhd[1], "has a timescale of 0")
    mvex = children.maybe("mvex")
    defaults = _defaults(data, mvex) if mvex is not None else {}
    if parts.fragments and mvex is None:
        raise MalformedMovie(moov.path, moov.start, "has no mvex, yet the file has fragments")
    traks = children.all("trak")
    if len(traks) > MOST_TRACKS:
        raise MalformedMovie(moov.path, traks[MOST_TRACKS].start, f"has {len(traks)} tracks")
    tracks = tuple(
        _track(data, part.start, trak, f"moov/trak[{number}]", defaults)
        for number, trak in enumerate(traks, start=1)
    )
    seen: set[int] = set()
    for track, trak in zip(tracks, traks, strict=True):
        if track.track_id in seen:
            raise MalformedMovie(
                f"{track.path}/tkhd", trak.start, f"repeats the track number {track.track_id}"
            )
        seen.add(track.track_id)
    return Movie(parts, part, timescale, tracks, mvex is not None)


def _defaults(data: memoryview, mvex: BoxSpan) -> dict[int, Defaults]:
    defaults: dict[int, Defaults] = {}
    for box in _Children(data, mvex).all("trex"):
        _, at = _full_box(data, box, 24, 24)
        track, *values = struct.unpack_from(">5I", data, at + 4)
        if track in defaults:
            raise MalformedMovie(box.path, box.start, f"tells of track {track} a second time")
        description, duration, size, flags = values
        defaults[track] = (description, duration, size, flags)
    return defaults


def _track(
    data: memoryview, start: int, box: BoxSpan, path: str, defaults: Mapping[int, Defaults]
) -> MovieTrack:
    trak = _Children(data, BoxSpan(box.kind, path, box.start, box.content, box.end))
    track_id, enabled, matrix, size = _header(data, trak.one("tkhd"))
    mdia = _Children(data, trak.one("mdia"))
    timescale, language = _media_header(data, mdia.one("mdhd"))
    _, handler_at = _full_box(data, mdia.one("hdlr"), 12, 12)
    minf = _Children(data, mdia.one("minf"))
    stbl_box = minf.one("stbl")
    stbl = _Children(data, stbl_box)
    stsd = stbl.one("stsd")
    if dinf := minf.maybe("dinf"):
        _check_references(data, _Children(data, dinf).one("dref"))
    tables = {"stbl": stbl_box.span}
    tables |= {kind: found.span for kind in TABLES if (found := stbl.maybe(kind))}
    for group in stbl.all("sbgp"):
        if bytes(data[group.content + 4 : group.content + 8]) == RANDOM_ACCESS_POINTS:
            tables["sbgp"] = group.span
    edts = trak.maybe("edts")
    elst = _Children(data, edts).maybe("elst") if edts else None
    return MovieTrack(
        path=path,
        track_id=track_id,
        enabled=enabled,
        handler=bytes(data[handler_at + 8 : handler_at + 12]),
        timescale=timescale,
        language=language,
        matrix=matrix,
        size=size,
        edits=_edits(data, elst) if elst else (),
        entries=_sample_entries(data, stsd),
        tables=tables,
        table_path=stbl_box.path,
        defaults=defaults.get(track_id),
        edits_at=start + elst.start if elst else 0,
        entries_at=start + stsd.start,
    )


def _header(data: memoryview, box: BoxSpan) -> tuple[int, bool, Matrix, tuple[int, int]]:
    """Read `tkhd` (§8.3.2)."""
    version, at = _full_box(data, box, 84, 96)
    flags = _u32(data, at) & 0xFFFFFF
    track_id = _u32(data, at + (20 if version else 12))
    if track_id == 0:
        raise MalformedMovie(box.path, at, "has the track number 0")
    tail = at + (52 if version else 40)
    a, b, u, c, d, v, x, y, w, width, height = struct.unpack_from(">9i2I", data, tail)
    return track_id, bool(flags & ENABLED), (a, b, u, c, d, v, x, y, w), (width, height)


def _media_header(data: memoryview, box: BoxSpan) -> tuple[int, str]:
    """Read timescale and language of `mdhd` (§8.4.2)."""
    version, at = _full_box(data, box, 24, 36)
    timescale = _u32(data, at + (20 if version else 12))
    if timescale == 0:
        raise MalformedMovie(box.path, at, "has a timescale of 0")
    packed = int.from_bytes(data[at + (32 if version else 20) :][:2])
    letters = [packed >> shift & 31 for shift in (10, 5, 0)]
    if all(1 <= letter <= 26 for letter in letters):
        return timescale, "".join(chr(0x60 + letter) for letter in letters)
    return timescale, "und"


def _sample_entries(data: memoryview, box: BoxSpan) -> tuple[SampleEntry, ...]:
    _, at = _full_box(data, box, 8, 8)
    count = _u32(data, at + 4)
    entries: list[SampleEntry] = []
    first: dict[bytes, int] = {}
    if count > MOST_CHILDREN:
        raise MalformedMovie(box.path, at + 4, f"claims {count} entries")
    for child in child_boxes(data, box.path, at + 8, box.end):
        if len(entries) == count:
            break
        like = first.setdefault(bytes(data[child.start : child.end]), len(entries) + 1)
        entries.append(SampleEntry(child.kind, (child.start, child.end), like))
    if len(entries) != count:
        raise MalformedMovie(box.path, at + 4, f"claims {count} entries and has {len(entries)}")
    return tuple(entries)


def _check_references(data: memoryview, box: BoxSpan) -> None:
    """Refuse media that lie in other files (`dref`, §8.7.2)."""
    _, at = _full_box(data, box, 8, 8)
    for entry in child_boxes(data, box.path, at + 8, box.end):
        if entry.end - entry.content < 4 or not _u32(data, entry.content) & SELF_CONTAINED:
            raise MalformedMovie(entry.path, entry.start, "points to another file")


def _edits(data: memoryview, box: BoxSpan) -> tuple[Edit, ...]:
    """Read `elst` (§8.6.6)."""
    version, at = _full_box(data, box, 8, 8)
    count = _u32(data, at + 4)
    row = struct.Struct(">Qqhh" if version else ">Iihh")
    if count > MOST_CHILDREN or count * row.size > box.end - at - 8:
        raise MalformedMovie(
            box.path, at + 4, f"claims {count} entries in {box.end - at - 8} bytes"
        )
    edits = []
    for number in range(count):
        place = at + 8 + number * row.size
        duration, media_time, whole, fraction = row.unpack_from(data, place)
        if media_time < -1:
            raise MalformedMovie(box.path, place, f"begins at the media time {media_time}")
        edits.append(Edit(duration, media_time, (whole, fraction)))
    return tuple(edits)


def _full_box(data: memoryview, box: BoxSpan, least: int, least_wide: int) -> tuple[int, int]:
    """Give version and first byte of a content that has so many bytes in version 0 and 1."""
    held = box.end - box.content
    version = data[box.content] if held else 0
    if version > 1:
        raise MalformedMovie(box.path, box.content, f"has version {version}")
    if held < (least_wide if version else least):
        raise MalformedMovie(box.path, box.content, f"is cut off after {held} bytes")
    return version, box.content


def _u32(data: memoryview, at: int) -> int:
    return int.from_bytes(data[at : at + 4])
