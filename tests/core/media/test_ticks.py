import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.ticks import milliseconds, rescale

SCALES = st.integers(1, 2**32 - 1)


@pytest.mark.parametrize(
    ("value", "from_scale", "to_scale", "expected"),
    [
        (0, 1, 1, 0),
        (1, 2, 1, 1),  # a half rounds up
        (-1, 2, 1, 0),
        (3, 2, 1, 2),
        (1, 3, 1, 0),
        (2, 3, 1, 1),
        (1001, 30_000, 90_000, 3003),
        (2**62, 48_000, 48_000, 2**62),
    ],
)
def test_rescaling_is_exact_and_rounds_halves_up(
    value: int, from_scale: int, to_scale: int, expected: int
) -> None:
    assert rescale(value, from_scale, to_scale) == expected


@given(st.integers(-(2**63), 2**63), SCALES, st.integers(1, 1000))
def test_a_finer_scale_loses_nothing(value: int, scale: int, factor: int) -> None:
    there = rescale(value, scale, scale * factor)
    assert rescale(there, scale * factor, scale) == value


@given(st.integers(0, 2**63), st.integers(0, 2**63), SCALES, SCALES)
def test_rescaling_keeps_order(first: int, second: int, scale: int, other: int) -> None:
    early, late = sorted((first, second))
    assert rescale(early, scale, other) <= rescale(late, scale, other)


@pytest.mark.parametrize(("from_scale", "to_scale"), [(0, 1), (1, 0), (-5, 1)])
def test_a_timescale_is_positive(from_scale: int, to_scale: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        rescale(1, from_scale, to_scale)


def test_milliseconds_round_to_the_nearest() -> None:
    assert milliseconds(2002, 24_000) == 83
