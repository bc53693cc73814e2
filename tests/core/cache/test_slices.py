"""Slices: which bytes each holds, and which a fetch asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cache.slices import (
    MOST_SLICES,
    SLICE_BYTES,
    first_run,
    needed,
    run_from,
    run_span,
    slice_count,
    slice_span,
    slices_of,
)
from core.http.byterange import ByteSpan, parse_range

lengths = st.integers(0, 40 * SLICE_BYTES) | st.integers(0, 40).map(lambda n: n * SLICE_BYTES)


@given(lengths)
def test_the_slices_tile_the_body(length: int) -> None:
    at = 0
    for number in range(slice_count(length)):
        span = slice_span(number, length)
        assert span.start == at
        assert 0 < span.length <= SLICE_BYTES or length == 0
        at = span.stop
    assert at == length


@given(lengths, st.data())
def test_a_span_needs_the_slices_that_hold_its_bytes_and_no_other(
    length: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, length))
    span = ByteSpan(start, data.draw(st.integers(start, length)))
    overlapping = [
        number
        for number in range(slice_count(length))
        if max(span.start, slice_span(number, length).start)
        < min(span.stop, slice_span(number, length).stop)
    ]
    assert list(slices_of(span)) == overlapping
    assert needed([span, span]) == tuple(overlapping)


def test_an_empty_body_has_one_empty_slice_that_no_span_needs() -> None:
    assert slice_count(0) == 1
    assert slice_span(0, 0).length == 0
    assert needed([ByteSpan(0, 0)]) == ()


@given(st.sets(st.integers(0, 60)), st.integers(0, 60))
def test_a_run_is_what_is_missing_one_after_the_other(missing: set[int], number: int) -> None:
    run = run_from(number, missing)
    assert run[0] == number
    assert set(run[1:]) <= missing
    assert len(run) <= MOST_SLICES
    assert len(run) == MOST_SLICES or run.stop not in missing


def test_the_bytes_of_a_run_end_where_the_body_does() -> None:
    assert run_span(range(2, 4), 3 * SLICE_BYTES + 5) == ByteSpan(
        2 * SLICE_BYTES, 3 * SLICE_BYTES + 5
    )


@pytest.mark.parametrize(
    ("field", "run"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=1048575-1048576", range(2)),
        ("bytes=3000000-", range(2, 2 + MOST_SLICES)),
        ("bytes=0-99999999999", range(MOST_SLICES)),
        ("bytes=-500", range(1)),
        ("bytes=5000000-5000001,0-1", range(4, 5)),
        ("bytes=99999999999999999999-", range(95367431640624, 95367431640624 + MOST_SLICES)),
    ],
)
def test_a_range_of_something_unknown_asks_for_whole_slices(field: str, run: range) -> None:
    specs = parse_range(field)
    assert specs is not None
    assert first_run(specs) == run
