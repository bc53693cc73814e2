"""Where tracks that are published together are cut."""

import pytest

from core.media.first_plan import UnfitRenditions, first_plan
from core.media.presentation import TrackKind
from core.media.timeline import CutPlan
from native import TrackIndex
from tests.fixtures.indexes import SYNC, Row, index_bytes

V, A = TrackKind.VIDEO, TrackKind.AUDIO


def track(
    seconds: int, keys_s: tuple[int, ...] = (), *, timescale: int = 1000, priming: int = 0
) -> TrackIndex:
    """A track with a sample each second, of which those at `keys_s` are sync samples; all, else."""
    rows: list[Row] = [
        (9, timescale, 0, SYNC if not keys_s or at in keys_s else 0) for at in range(seconds)
    ]
    return TrackIndex(index_bytes(rows, timescale=timescale, priming=priming))


def seconds(plan: CutPlan) -> list[float]:
    return [time / plan.timescale for time in (*plan.starts, plan.end)]


def test_one_picture_is_cut_at_its_key_pictures() -> None:
    plan = first_plan([(V, track(20, (0, 3, 5, 9, 14)))], 4.0)
    assert seconds(plan) == [0, 5, 9, 14, 20]


def test_a_picture_without_further_key_pictures_is_one_segment_however_long() -> None:
    assert seconds(first_plan([(V, track(100, (0,)))], 4.0)) == [0, 100]


def test_sound_alone_is_cut_evenly_and_what_is_not_presented_does_not_count() -> None:
    plan = first_plan([(A, track(13, timescale=48_000, priming=48_000))], 4.0)
    assert seconds(plan) == [0, 4, 8, 12]


def test_the_picture_decides_where_there_is_one() -> None:
    tracks = [(A, track(30)), (V, track(12, (0, 6)))]
    assert seconds(first_plan(tracks, 4.0)) == [0, 6, 12]


def test_several_pictures_are_cut_where_all_have_key_pictures() -> None:
    tracks = [
        (V, track(16, (0, 2, 4, 6, 8, 10, 12, 14))),
        (V, track(16, (0, 3, 6, 8, 12), timescale=90_000)),
    ]
    plan = first_plan(tracks, 2.0)
    assert plan.timescale == 90_000
    assert seconds(plan) == [0, 6, 8, 12, 16]


def test_pictures_without_common_key_pictures_do_not_fit() -> None:
    tracks = [(V, track(40, (0, 5, 10, 20, 30))), (V, track(40, (0, 5, 11, 21, 31)))]
    with pytest.raises(UnfitRenditions, match=r"between 5\.00 s and 40\.00 s"):
        first_plan(tracks, 4.0)


def test_pictures_of_different_lengths_do_not_fit() -> None:
    tracks = [(V, track(40, (0, 20))), (V, track(39, (0, 20)))]
    with pytest.raises(UnfitRenditions, match=r"one picture lasts 39\.00 s and another 40\.00 s"):
        first_plan(tracks, 4.0)
