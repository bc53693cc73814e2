"""The boxes of track fragments (ISO/IEC 14496-12 §8.8), each read by itself."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from native.errors import MalformedMovie, box_name
from native.reference.sample import LATEST_TIME

BASE_DATA_OFFSET, DESCRIPTION_INDEX, DURATION, SIZE, FLAGS = 0x01, 0x02, 0x08, 0x10, 0x20
DURATION_IS_EMPTY, DEFAULT_BASE_IS_MOOF = 0x010000, 0x020000
DATA_OFFSET, FIRST_FLAGS = 0x001, 0x004
RUN_DURATION, RUN_SIZE, RUN_FLAGS, RUN_COMPOSITION = 0x100, 0x200, 0x400, 0x800


Defaults = tuple[int, int, int, int]
"""Of `trex`: sample description, duration, size, flags."""


class Header(NamedTuple):
    """What `tfhd` says, completed by `trex`; `base` is None where data are counted implicitly."""

    track_id: int
    base: int | None
    from_moof: bool
    empty: bool
    description: int
    duration: int
    size: int
    flags: int


class Run(NamedTuple):
    """A track run (`trun`) that was checked; `rows` is the byte of `part` where its rows begin."""

    part: memoryview
    offset: int
    length: int
    time: int
    rows: int
    samples: int
    fields: int
    duration: int
    size: int
    flags: int
    first_flags: int
    description: int


class RunSample(NamedTuple):
    """A sample of a run as its row and the defaults have it."""

    number: int
    size: int
    duration: int
    flags: int
    composition_offset: int


def u32(data: memoryview, at: int) -> int:
    """Read four bytes."""
    value: int = struct.unpack_from(">I", data, at)[0]
    return value


def child_boxes(
    data: memoryview, path: str, at: int, end: int
) -> Iterator[tuple[bytes, int, int, int]]:
    """Give kind, first byte, content and end of the boxes between two bytes."""
    while at < end:
        room = end - at
        if room < 8:
            raise MalformedMovie(path, at, f"ends with {room} bytes that are no box")
        length, kind, head = u32(data, at), bytes(data[at + 4 : at + 8]), 8
        if length == 1 and room >= 16:
            length, head = int.from_bytes(data[at + 8 : at + 16]), 16
        if not head <= length <= room:
            raise MalformedMovie(
                f"{path}/{box_name(kind)}", at, f"claims {length} bytes where {room} are left"
            )
        yield kind, at, at + head, at + length
        at += length


def track_header(
    data: memoryview,
    path: str,
    span: tuple[int, int],
    track_id: int,
    defaults: Defaults | None,
    file_bytes: int,
) -> Header | None:
    """Read `tfhd` (§8.8.7); None when it is another track's."""
    start, end = span
    if end - start < 8:
        raise MalformedMovie(path, start, f"is cut off after {end - start} bytes")
    flags = u32(data, start) & 0xFFFFFF
    bits = (DESCRIPTION_INDEX, DURATION, SIZE, FLAGS)
    need = 8 + 8 * bool(flags & BASE_DATA_OFFSET) + 4 * sum(bool(flags & bit) for bit in bits)
    if end - start < need:
        raise MalformedMovie(path, start, f"is cut off after {end - start} bytes")
    if u32(data, start + 4) != track_id:
        return None
    if defaults is None:
        raise MalformedMovie(path, start, f"belongs to track {track_id}, which has no trex")
    at, base = start + 8, None
    if flags & BASE_DATA_OFFSET:
        base, at = int.from_bytes(data[at : at + 8]), at + 8
        if base > file_bytes:
            raise MalformedMovie(path, at - 8, f"counts data from byte {base}")
    values = list(defaults)
    for place, bit in enumerate(bits):
        if flags & bit:
            values[place], at = u32(data, at), at + 4
    from_moof, empty = bool(flags & DEFAULT_BASE_IS_MOOF), bool(flags & DURATION_IS_EMPTY)
    return Header(track_id, base, from_moof, empty, *values)


def any_base(data: memoryview, start: int, moof: int, before: int) -> int:
    """Give where the data of any track's `tfhd` begin: where it says, or behind those `before`."""
    flags = u32(data, start)
    if flags & BASE_DATA_OFFSET:
        return int.from_bytes(data[start + 8 : start + 16])
    return moof if flags & DEFAULT_BASE_IS_MOOF else before


def decode_time(data: memoryview, path: str, start: int, end: int) -> int:
    """Read `tfdt` (§8.8.12)."""
    wide = end - start >= 4 and data[start] == 1
    need = 12 if wide else 8
    if end - start < need:
        raise MalformedMovie(path, start, f"is cut off after {end - start} bytes")
    time = int.from_bytes(data[start + 4 : start + need])
    if time > LATEST_TIME:
        raise MalformedMovie(path, start + 4, f"is {time}")
    return time


def run_samples(run: Run) -> Iterator[RunSample]:
    """Give the samples of a run."""
    data = run.part
    at = run.rows
    for number in range(run.samples):
        duration, size, flags, composition = run.duration, run.size, run.flags, 0
        if run.fields & RUN_DURATION:
            duration, at = u32(data, at), at + 4
        if run.fields & RUN_SIZE:
            size, at = u32(data, at), at + 4
        if run.fields & RUN_FLAGS:
            flags, at = u32(data, at), at + 4
        if run.fields & RUN_COMPOSITION:
            composition, at = int(struct.unpack_from(">i", data, at)[0]), at + 4
        if number == 0 and run.fields & FIRST_FLAGS:
            flags = run.first_flags
        yield RunSample(number, size, duration, flags, composition)


def row_bytes(fields: int) -> int:
    """Give the bytes of one row of `trun`, by its flags."""
    return 4 * (fields & (RUN_DURATION | RUN_SIZE | RUN_FLAGS | RUN_COMPOSITION)).bit_count()
