"""The clock of decoded pictures and the cuts, case by case."""

from fractions import Fraction

import pytest
from av.video.frame import VideoFrame

from core.media.ticks import Ticks
from core.media.timeline import CutPlan
from origin.packaging.encode_video import Cuts, PictureClock
from origin.packaging.timing import TickScale

SCALE = 1000


def clocked(
    stamps: list[int | None], *, jumps: bool = False, by_decoding: bool = False
) -> list[int]:
    clock = PictureClock(
        TickScale(Fraction(1, SCALE), 0), Fraction(25), jumps=jumps, by_decoding=by_decoding
    )
    times = []
    for stamp in stamps:
        picture = VideoFrame(16, 16, "yuv420p")
        if by_decoding:
            picture.dts = stamp
        else:
            picture.pts = stamp
        times.append(clock.time(picture))
    return times


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([0, 40, 80], [0, 40, 80]),
        ([500, 540, 600], [0, 40, 100]),
        ([None, None, None], [0, 40, 80]),
        ([0, None, 80], [0, 40, 80]),
        ([0, 40, 40, 80], [0, 40, 41, 80]),
        ([0, 40, 39, 80], [0, 40, 41, 80]),
        ([0, 40, 60_000], [0, 40, 60_000]),
        ([90_000, 90_040, 10, 50], [0, 40, 80, 120]),
    ],
)
def test_times_rise_from_zero(stamps: list[int | None], times: list[int]) -> None:
    assert clocked(stamps) == times


def test_a_leap_of_a_clock_that_may_jump_is_no_long_picture() -> None:
    assert clocked([0, 40, 60_000, 60_040], jumps=True) == [0, 40, 80, 120]
    assert clocked([0, 40, 20_000], jumps=True) == [0, 40, 20_000]


def test_decode_times_stand_in_where_a_container_has_no_others() -> None:
    assert clocked([80, 120, 160, None], by_decoding=True) == [0, 40, 80, 120]


def placed(times: list[int], plan: CutPlan | None = None) -> list[tuple[bool, int]]:
    cuts = Cuts(SCALE, plan)
    return [cuts.place(time) for time in times]


def test_without_a_plan_a_cut_follows_the_last_one_by_four_seconds() -> None:
    times = [0, 3999, 4100, 8000, 8100, 20_000, 23_999]
    assert [time for is_cut, time in placed(times) if is_cut] == [0, 4100, 8100, 20_000]


def test_planned_cuts_are_met_in_another_timescale() -> None:
    plan = CutPlan(90_000, (Ticks(0), Ticks(90_000)), Ticks(180_000))
    assert placed([0, 500, 1000, 1500], plan) == [
        (True, 0),
        (False, 500),
        (True, 1000),
        (False, 1500),
    ]


def test_a_picture_after_a_missed_cut_is_shown_at_the_cut() -> None:
    plan = CutPlan(SCALE, (Ticks(0), Ticks(1000), Ticks(2000)), Ticks(3000))
    assert placed([0, 960, 1040, 2080], plan) == [
        (True, 0),
        (False, 960),
        (True, 1000),
        (True, 2000),
    ]
