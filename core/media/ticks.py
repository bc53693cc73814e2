"""Media time: whole ticks of a track's timescale, never a float."""

from typing import NewType

MICROSECONDS = 1_000_000

Ticks = NewType("Ticks", int)
"""An instant or a length in units of a track's timescale (ISO/IEC 14496-12 §8.4.2)."""


def rescale(value: int, from_scale: int, to_scale: int) -> Ticks:
    """Convert a time between timescales in exact integer arithmetic; halves round up.

    Raises `ValueError` when a timescale is not positive.
    """
    if from_scale < 1 or to_scale < 1:
        raise ValueError(f"a timescale is positive, not {min(from_scale, to_scale)}")
    return Ticks((2 * value * to_scale + from_scale) // (2 * from_scale))


def milliseconds(value: int, timescale: int) -> int:
    """Give a time in whole milliseconds, halves rounded up."""
    return rescale(value, timescale, 1000)
