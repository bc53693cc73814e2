"""The fixed ladder: sizes, names and rates."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.ladder import fixed_ladder


def sizes(width: int, height: int) -> list[tuple[int, int]]:
    return [(rung.width, rung.height) for rung in fixed_ladder(width, height, Fraction(25))]


def test_full_hd_gets_every_standard_size_up_to_its_own() -> None:
    assert sizes(1920, 1080) == [(426, 240), (640, 360), (854, 480), (1280, 720), (1920, 1080)]


def test_a_portrait_picture_is_measured_by_its_short_side() -> None:
    assert [rung.name for rung in fixed_ladder(1080, 1920, None)][-1] == "1080p"
    assert sizes(1080, 1920)[0] == (240, 426)


def test_a_size_between_two_standards_is_the_top_rung() -> None:
    assert sizes(1440, 900)[-1] == (1440, 900)


def test_a_standard_size_just_below_the_source_gives_way_to_it() -> None:
    names = [rung.name for rung in fixed_ladder(1312, 738, None)]
    assert names == ["240p", "360p", "480p", "738p"]


@pytest.mark.parametrize(("width", "height"), [(320, 240), (480, 360), (426, 241), (128, 96)])
def test_a_small_source_still_gets_three_rungs(width: int, height: int) -> None:
    assert len(sizes(width, height)) == 3


def test_a_tiny_source_gets_what_fits() -> None:
    assert sizes(64, 48) == [(42, 32), (64, 48)]


def test_sixty_frames_per_second_get_half_as_much_again() -> None:
    slow = fixed_ladder(1920, 1080, Fraction(30))[-1]
    fast = fixed_ladder(1920, 1080, Fraction(60))[-1]
    assert fast.peak_bps == slow.peak_bps * 3 // 2


def test_a_picture_without_an_even_size_inside_is_refused() -> None:
    with pytest.raises(ValueError, match="1×5"):
        fixed_ladder(1, 5, None)


@given(width=st.integers(2, 8192), height=st.integers(2, 8192))
def test_rungs_are_even_rising_and_never_above_the_source(width: int, height: int) -> None:
    rungs = fixed_ladder(width, height, None)
    for rung in rungs:
        assert rung.width % 2 == rung.height % 2 == 0
        assert rung.width <= width
        assert rung.height <= height
        assert rung.buffer_bits >= rung.peak_bps > 0
    assert len({rung.name for rung in rungs}) == len(rungs)
    rates = [rung.peak_bps for rung in rungs]
    assert rates == sorted(rates)
    assert (rungs[-1].width, rungs[-1].height) == (width // 2 * 2, height // 2 * 2)


@given(width=st.integers(128, 4096), height=st.integers(128, 4096))
def test_rungs_keep_the_shape_of_the_picture(width: int, height: int) -> None:
    for rung in fixed_ladder(width, height, None):
        assert abs(Fraction(rung.width, rung.height) / Fraction(width, height) - 1) < Fraction(1, 8)
