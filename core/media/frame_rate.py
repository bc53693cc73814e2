"""The frame rate that is meant where a container's times only come near it."""

from fractions import Fraction

NTSC = Fraction(1000, 1001)
CLOSEST = Fraction(1, 5000)
"""Below half of what lies between 24 and 23.976; milliseconds of a container miss by less."""


def nominal_rate(measured: Fraction) -> Fraction:
    """Give the nearest whole rate, or one of NTSC (n·1000/1001), in frames per second.

    What is near neither, as the average of a film whose rate varies, is given as it is.
    """
    whole = Fraction(round(measured))
    ntsc = round(measured / NTSC) * NTSC
    return next(
        (rate for rate in (whole, ntsc) if rate and abs(measured / rate - 1) <= CLOSEST), measured
    )


def is_steady(rate: Fraction) -> bool:
    """Tell whether films keep a rate: whole, half, or of NTSC.

    The mean of a film whose rate varies is none of these, but for chance.
    """
    return (2 * rate).denominator == 1 or (2 * rate / NTSC).denominator == 1
