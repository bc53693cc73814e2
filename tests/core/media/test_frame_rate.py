"""Rates as they are meant."""

from fractions import Fraction

import pytest

from core.media.frame_rate import is_steady, nominal_rate


@pytest.mark.parametrize(
    ("measured", "meant"),
    [
        (Fraction(25), Fraction(25)),
        (Fraction(19_001, 317), Fraction(60_000, 1001)),  # of Matroska's 16,683,333 ns
        (Fraction(2997, 125), Fraction(24_000, 1001)),
        (Fraction(2398, 100), Fraction(24_000, 1001)),
        (Fraction(30_001, 1001), Fraction(30_000, 1001)),
        (Fraction(119_999, 1000), Fraction(120)),
        (Fraction(300, 17), Fraction(300, 17)),
        (Fraction(1, 2), Fraction(1, 2)),
        (Fraction(1, 10_000), Fraction(1, 10_000)),
    ],
)
def test_what_is_near_a_usual_rate_is_that_rate(measured: Fraction, meant: Fraction) -> None:
    assert nominal_rate(measured) == meant


@pytest.mark.parametrize("whole", [24, 30, 48, 60, 120])
def test_film_and_its_broadcast_are_told_apart(whole: int) -> None:
    for rate in (Fraction(whole), Fraction(whole * 1000, 1001)):
        assert nominal_rate(rate) == rate


@pytest.mark.parametrize(
    ("rate", "steady"),
    [
        (Fraction(25), True),
        (Fraction(25, 2), True),
        (Fraction(60_000, 1001), True),
        (Fraction(15_000, 1001), True),
        (Fraction(300, 23), False),
        (Fraction(19_001, 317), False),
    ],
)
def test_the_mean_of_a_rate_that_varies_is_known_as_one(rate: Fraction, *, steady: bool) -> None:
    assert is_steady(rate) is steady
