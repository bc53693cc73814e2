"""The fixed ladder: sizes and bit rates for a source of whose content nothing is known."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import isqrt

FEWEST_RUNGS = 3
SMALLEST_SIDE = 32
"""A rung made up to reach three rungs has at least this short side, in pixels."""

PEAK_BY_SHORT_SIDE = (
    (48, 100_000),
    (144, 250_000),
    (240, 500_000),
    (360, 900_000),
    (480, 1_600_000),
    (720, 3_200_000),
    (1080, 6_000_000),
    (1440, 11_000_000),
    (2160, 20_000_000),
)
"""Peak bit rate in bit/s of a 16:9 picture with that short side at up to 32 frames per second."""

STANDARD_SIDES = (240, 360, 480, 720, 1080, 1440, 2160)
HIGH_FRAME_RATE = 32
CRF = 22
MAKE_UP_PARTS = (Fraction(2, 3), Fraction(1, 2))
OWN_SIZE_GAP = Fraction(6, 5)
"""A standard size closer than this below the source's own gives way, if three rungs remain."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One encoding to make: square pixels, even sides, quality capped by a rate buffer.

    `peak_bps` and `buffer_bits` bound the rate (the VBV of ISO/IEC 14496-10 Annex C); `crf` is the
    quality aimed at below that bound.
    """

    name: str
    width: int
    height: int
    peak_bps: int
    buffer_bits: int
    crf: int = CRF


def fixed_ladder(width: int, height: int, frame_rate: Fraction | None) -> tuple[Rung, ...]:
    """Give the rungs of a source, lowest first and never above it.

    `width` and `height` are what is displayed, in square pixels. The top rung has the source's own
    size, made even; at least three rungs come out wherever three sizes of 32 pixels and more fit.
    Raises `ValueError` for a picture too small to be made even.
    """
    if width < 2 or height < 2:
        raise ValueError(f"no rung fits a picture of {width}×{height}")
    sides = _short_sides(_even(min(width, height)))
    return tuple(_rung(side, width, height, frame_rate) for side in sides)


def _short_sides(own: int) -> list[int]:
    sides = [side for side in STANDARD_SIDES if side < own]
    if len(sides) >= FEWEST_RUNGS and own < sides[-1] * OWN_SIZE_GAP:
        sides.pop()
    sides.append(own)
    for part in MAKE_UP_PARTS:
        made_up = _even(int(own * part))
        if len(sides) < FEWEST_RUNGS and made_up >= SMALLEST_SIDE and made_up not in sides:
            sides.append(made_up)
    return sorted(sides)


def _rung(side: int, width: int, height: int, frame_rate: Fraction | None) -> Rung:
    short, long = sorted((width, height))
    scaled = _even(long) if side == _even(short) else _nearest_even(Fraction(long * side, short))
    other = min(_even(long), scaled)
    peak = _peak_bps(side, other)
    if frame_rate is not None and frame_rate > HIGH_FRAME_RATE:
        peak = peak * 3 // 2
    across, down = (side, other) if width < height else (other, side)
    return Rung(f"{side}p", across, down, peak, peak * 3 // 2)


def _peak_bps(side: int, other: int) -> int:
    """Interpolate by the side of the 16:9 picture of the same area; rounded down to 10 kbit/s."""
    equivalent = isqrt(side * other * 9 // 16)
    floor_side, floor_bps = PEAK_BY_SHORT_SIDE[0]
    if equivalent <= floor_side:
        return floor_bps
    for (low, low_bps), (high, high_bps) in pairwise(PEAK_BY_SHORT_SIDE):
        if equivalent <= high:
            bps = low_bps + (high_bps - low_bps) * (equivalent - low) // (high - low)
            return bps // 10_000 * 10_000
    top_side, top_bps = PEAK_BY_SHORT_SIDE[-1]
    return top_bps * equivalent // top_side // 10_000 * 10_000


def _even(length: int) -> int:
    return max(2, length // 2 * 2)


def _nearest_even(length: Fraction) -> int:
    return int(length / 2 + Fraction(1, 2)) * 2
