"""The index of a track's one file, both twins, read back by a parser of its own."""

from types import ModuleType
from typing import Any

import pytest

from native import SEGMENT_TYPE_BYTES, _index
from native.reference.segment_index import segment_index
from tests.fixtures.boxes import Box, top
from tests.fixtures.indexes import SYNC, Row, constant_rows, index_bytes

SAP_1, SAP_3 = 0x90000000, 0xB0000000


def read(sidx: bytes) -> tuple[tuple[Any, ...], list[tuple[int, int, int]]]:
    """Give (reference id, timescale, earliest time, first offset) and the references."""
    box: Box = top(sidx).find("sidx")
    assert (box.version, box.flags) == (1, 0)
    *head, reserved, count = box.fields("IIQQHH")
    assert reserved == 0
    assert len(box.payload) == 32 + 12 * count
    return tuple(head), [box.fields("III", 32 + 12 * number) for number in range(count)]


def test_references_tile_the_track_in_bytes_and_in_time(twin: ModuleType) -> None:
    index = twin.TrackIndex(index_bytes(constant_rows(200, gop=50), timescale=24_000))
    starts = [0, 50, 150]
    head, references = read(index.segment_index(starts, 200_007))
    assert head == (1, 24_000, 0, 0)
    lengths = index.segment_lengths(starts)
    assert references == [
        (lengths[0] - SEGMENT_TYPE_BYTES, 50_000, SAP_1),
        (lengths[1] - SEGMENT_TYPE_BYTES, 100_000, SAP_1),
        (lengths[2] - SEGMENT_TYPE_BYTES, 50_007, SAP_1),
    ]


def test_lengths_are_those_of_headers_and_bodies(twin: ModuleType) -> None:
    rows: list[Row] = [
        (7 * n + 1, 900 + n % 3, 0 if n < 70 else 5, SYNC if n % 35 == 0 else 0) for n in range(200)
    ]
    index = twin.TrackIndex(index_bytes(rows))
    starts = [0, 35, 105, 140, 175]
    assert index.segment_lengths(starts) == [
        len(index.fragment_header(first, stop - first, 1)) + index.segment(first, stop - first)[1]
        for first, stop in zip(starts, [*starts[1:], 200], strict=True)
    ]


def test_a_segment_whose_first_picture_follows_others_begins_with_an_open_group(
    twin: ModuleType,
) -> None:
    # Shown at 2000, 1000, 3000 | 5000, 4000, 6000 | 7000, 8000, 9000 of decode times 0, 1000, …
    offsets = (2000, 0, 1000, 2000, 0, 1000, 1000, 1000, 1000)
    rows: list[Row] = [
        (9, 1000, offset, SYNC if number % 3 == 0 else 0) for number, offset in enumerate(offsets)
    ]
    index = twin.TrackIndex(index_bytes(rows))
    assert [index.begins_open(number) for number in (0, 3, 6, 8)] == [True, True, False, False]
    _, references = read(index.segment_index([0, 3, 6], 10_000))
    assert [access for _, _, access in references] == [SAP_3, SAP_3, SAP_1]
    with pytest.raises(IndexError):
        index.begins_open(9)


def test_the_styp_of_every_header_has_the_length_that_is_left_out(twin: ModuleType) -> None:
    index = twin.TrackIndex(index_bytes(constant_rows(3)))
    styp = top(index.fragment_header(0, 3, 1)[:-8]).find("styp")
    assert styp.size == SEGMENT_TYPE_BYTES


def test_times_have_the_edit_applied_and_never_lie_before_zero(twin: ModuleType) -> None:
    rows: list[Row] = [(9, 1024, 0, SYNC)] * 100
    index = twin.TrackIndex(index_bytes(rows, timescale=48_000, priming=1500))
    head, references = read(index.segment_index([0, 48], 100 * 1024 - 1500))
    assert head[2] == 0
    assert [duration for _, duration, _ in references] == [48 * 1024 - 1500, 52 * 1024]


def test_a_track_that_starts_late_says_so(twin: ModuleType) -> None:
    index = twin.TrackIndex(index_bytes(constant_rows(10), base_time=2**40))
    head, references = read(index.segment_index([0], 2**40 + 10_000))
    assert head[2] == 2**40
    assert references[0][1] == 10_000


@pytest.mark.parametrize("starts", [[1], [0, 0], [0, 5, 4], [0, 10], [0, 11], [0, -1]])
def test_starts_that_do_not_tile_the_track_are_refused(twin: ModuleType, starts: list[int]) -> None:
    index = twin.TrackIndex(index_bytes(constant_rows(10)))
    with pytest.raises(ValueError, match="goes from sample"):
        index.segment_lengths(starts)


def test_no_segment_has_no_index(twin: ModuleType) -> None:
    index = twin.TrackIndex(index_bytes(constant_rows(10)))
    assert index.segment_lengths([]) == []
    with pytest.raises(OverflowError, match="65535 references, not 0"):
        index.segment_index([], 10)


def test_a_segment_that_lasts_no_time_is_refused(twin: ModuleType) -> None:
    index = twin.TrackIndex(index_bytes(constant_rows(10)))
    with pytest.raises(ValueError, match="segment 1 lasts from 5000 to 5000"):
        index.segment_index([0, 5], 5000)


def test_what_the_box_cannot_hold_is_refused(twin: ModuleType) -> None:
    large = twin.TrackIndex(index_bytes([(2**31, 1, 0, SYNC)]))
    with pytest.raises(OverflowError, match="31 bits"):
        large.segment_index([0], 1)
    long = twin.TrackIndex(index_bytes([(1, 2**32 - 1, 0, SYNC), (1, 1, 0, 0)]))
    with pytest.raises(OverflowError, match="4294967296 ticks"):
        long.segment_index([0], 2**32)
    huge = twin.TrackIndex(index_bytes([(2**32 - 8, 1, 0, SYNC)]))
    with pytest.raises(OverflowError, match="4 GiB"):
        huge.segment_lengths([0])


def test_as_many_segments_as_the_count_holds() -> None:
    index = _index.TrackIndex(index_bytes([(1, 1, 0, SYNC)] * 65_536))
    _, references = read(index.segment_index([0, *range(2, 65_536)], 65_536))
    assert len(references) == 65_535
    with pytest.raises(OverflowError, match="not 65536"):
        index.segment_index(range(65_536), 65_536)
    full = segment_index(1, [1] * 65_535, range(65_536), [False] * 65_535)
    assert read(full)[1] == [(1, 1, SAP_1)] * 65_535
    with pytest.raises(OverflowError, match="not 65536"):
        segment_index(1, [1] * 65_536, range(65_537), [False] * 65_536)
