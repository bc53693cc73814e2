"""The timeline of what is made of stretches of films."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.recipe import Film, OutsideRecipe, Programme, Stretch
from core.media.ticks import Ticks
from core.media.timeline import CutPlan

FILM = Film(CutPlan(1000, tuple(Ticks(4000 * each) for each in range(5)), Ticks(20_000)), 20_000)
SHORT = Film(CutPlan(24_000, (Ticks(0),), Ticks(48_000)), 2000)


def programme(*stretches: Stretch) -> Programme:
    return Programme.of([FILM] * len(stretches), stretches)


def test_a_whole_film_is_its_own_timeline() -> None:
    whole = programme(Stretch())
    assert (whole.start_us, whole.end_us, whole.duration_ms) == (0, 20_000_000, 20_000)


def test_a_clip_is_as_long_as_it_was_asked_to_be() -> None:
    clip = programme(Stretch(5000, 9500))
    assert (clip.start_us, clip.end_us, clip.duration_ms) == (1_000_000, 5_500_000, 4500)


def test_between_stretches_whole_segments_are_played() -> None:
    both = programme(Stretch(5000, 9500), Stretch(1000, 6000))
    # 4 to 12 s of the film, then 0 to 8 s, of which the first and the last second are not meant
    assert both.start_us == 1_000_000
    assert both.end_us == 8_000_000 + 6_000_000
    assert both.duration_ms == 13_000


def test_a_clip_of_a_clip_is_a_clip_of_the_film() -> None:
    assert programme(Stretch(5000, 9500)).within(1000, 2000) == [(0, Stretch(6000, 7000))]
    assert programme(Stretch(5000, 9500)).within(0, None) == [(0, Stretch(5000, 9500))]


def test_a_clip_across_a_boundary_has_a_part_of_both() -> None:
    both = Programme.of([FILM, SHORT], [Stretch(5000, 9500), Stretch()])
    assert both.duration_ms == 7000 + 2000
    assert both.within(6000, 8000) == [(0, Stretch(11_000, 12_000)), (1, Stretch(0, 1000))]
    assert both.within(7000, 8000) == [(1, Stretch(0, 1000))]
    assert both.within(0, 7000) == [(0, Stretch(5000, 12_000))]


@pytest.mark.parametrize(("start_ms", "end_ms"), [(0, 4501), (4500, None), (3, 3), (4, 3), (-1, 3)])
def test_what_does_not_lie_within_is_refused(start_ms: int, end_ms: int | None) -> None:
    with pytest.raises(OutsideRecipe, match="4500 ms"):
        programme(Stretch(5000, 9500)).within(start_ms, end_ms)


@given(
    st.lists(
        st.tuples(st.integers(0, 19_998), st.integers(1, 19_999)).map(
            lambda pair: Stretch(pair[0], max(pair[1], pair[0] + 1))
        ),
        min_size=1,
        max_size=4,
    )
)
def test_all_of_a_recipe_is_the_recipe_with_its_inner_edges_rounded_out(
    stretches: list[Stretch],
) -> None:
    whole = programme(*stretches)
    again = [stretch for _, stretch in whole.within(0, None)]
    assert again[0].start_ms == stretches[0].start_ms
    assert again[-1].end_ms == stretches[-1].end_ms
    assert programme(*again).duration_ms == whole.duration_ms
