"""Elements of EBML (RFC 8794 §4 to §6), as Matroska is made of them."""

from collections.abc import Iterator
from typing import NamedTuple

LONGEST_ID = 4
LONGEST_SIZE = 8


class Element(NamedTuple):
    """An element: its ID with the length's marker, and where its data are."""

    kind: int
    start: int
    stop: int


def elements(data: bytes, start: int, stop: int) -> Iterator[Element]:
    """Give the elements between two places, as far as they are whole or of unknown size.

    Ends at the first that is cut off, which is given up to `stop`, and at what is no element.
    """
    at = start
    while at < stop:
        kind, at = _number(data, at, stop, LONGEST_ID, marked=True)
        size, at = _number(data, at, stop, LONGEST_SIZE, marked=False)
        if kind < 0 or at > stop:
            return
        end = stop if size < 0 else min(stop, at + size)
        yield Element(kind, at, end)
        at = end


def _number(data: bytes, at: int, stop: int, longest: int, *, marked: bool) -> tuple[int, int]:
    """Read a number of variable length; -1 where it is unknown, and a place beyond for none."""
    if at >= stop or not data[at]:
        return -1, stop + 1
    length = 9 - data[at].bit_length()
    if length > longest or at + length > stop:
        return -1, stop + 1
    value = int.from_bytes(data[at : at + length])
    bare = value - (1 << 7 * length)
    if bare == (1 << 7 * length) - 1:
        return -1, at + length
    return (value if marked else bare), at + length
