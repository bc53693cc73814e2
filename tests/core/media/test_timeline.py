import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.ticks import Ticks
from core.media.timeline import (
    CutPlan,
    InvalidCutPlan,
    Span,
    cut_plan,
    even_plan,
    plan_segments,
)


def ticks(*values: int) -> list[Ticks]:
    return [Ticks(value) for value in values]


def spans(*pairs: tuple[int, int]) -> list[Span]:
    return [Span(Ticks(start), Ticks(duration)) for start, duration in pairs]


def assert_tiles(segments: list[Span], start: int, end: int) -> None:
    at = start
    for span in segments:
        assert span.start == at
        assert span.duration > 0
        at = span.end
    assert at == end


@pytest.mark.parametrize(
    ("sync_times", "end", "target", "expected"),
    [
        ([], 100, 10, []),
        ([0], 100, 10, [(0, 100)]),
        ([0, 4, 8, 12], 20, 8, [(0, 8), (8, 12)]),
        ([0, 4, 9, 12, 17], 20, 8, [(0, 9), (9, 8), (17, 3)]),
        ([0, 1, 2], 3, 1, [(0, 1), (1, 1), (2, 1)]),
        ([0, 50], 50, 10, [(0, 50)]),  # a cut at the very end would be empty
        ([5, 20], 30, 10, [(5, 15), (20, 10)]),
    ],
)
def test_a_cut_is_the_first_sync_time_at_or_past_the_target(
    sync_times: list[int], end: int, target: int, expected: list[tuple[int, int]]
) -> None:
    assert plan_segments(ticks(*sync_times), Ticks(end), Ticks(target)) == spans(*expected)


@given(
    st.lists(st.integers(0, 10**6), min_size=1, unique=True).map(sorted),
    st.integers(1, 10**5),
    st.integers(1, 10**5),
)
def test_segments_tile_the_track(times: list[int], target: int, rest: int) -> None:
    end = times[-1] + rest
    planned = plan_segments(ticks(*times), Ticks(end), Ticks(target))
    assert_tiles(planned, times[0], end)
    assert {span.start for span in planned} <= set(times)
    assert all(span.duration >= target for span in planned[:-1])
    plan = cut_plan(planned, 1000)
    assert list(plan.spans) == planned


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_even_segments_tile_the_track_and_none_is_short(end: int, target: int) -> None:
    planned = even_plan(Ticks(end), Ticks(target))
    assert_tiles(planned, 0, end)
    assert all(span.duration == target for span in planned[:-1])
    assert 2 * planned[-1].duration < 3 * target + 1
    assert len(planned) == 1 or 2 * planned[-1].duration >= target


def test_nothing_has_no_segments() -> None:
    assert even_plan(Ticks(0), Ticks(10)) == []
    with pytest.raises(InvalidCutPlan, match="no segment"):
        cut_plan([], 1000)


def test_a_target_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        even_plan(Ticks(10), Ticks(0))


@pytest.mark.parametrize(
    ("timescale", "starts", "end"),
    [(0, (0,), 5), (1, (), 5), (1, (-1,), 5), (1, (0, 0), 5), (1, (0, 6), 5), (1, (0, 5), 5)],
)
def test_a_plan_rises_from_start_to_end(timescale: int, starts: tuple[int, ...], end: int) -> None:
    with pytest.raises(InvalidCutPlan):
        CutPlan(timescale, tuple(ticks(*starts)), Ticks(end))
