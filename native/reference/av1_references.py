"""What AV1 keeps of earlier pictures, as far as later frame headers depend on it (AV1 §7.20).

A frame header can be read to its end by who knows of each of the eight slots how large its picture
is, when that is shown, whether it is a key picture, and which quantisers its segments have. A key
picture that is shown fills every slot, so from there on all is known.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

SLOTS: Final = 8
REFERENCES: Final = 7
SEGMENTS: Final = 8
GOLDEN: Final = 3
BACKWARD: Final = (6, 4, 5)
"""Places of ALTREF_FRAME, BWDREF_FRAME and ALTREF2_FRAME among the references."""
FORWARD: Final = (1, 2, 4, 5, 6)
"""Ref_Frame_List of §7.8: the references that are neither LAST_FRAME nor GOLDEN_FRAME."""

Quantisers = tuple[int | None, ...]
"""By segment, what it adds to the quantiser of its frame; None where it has no such feature."""


class LostReference(Exception):
    """A header depends on a picture that nothing is known of."""


class Picture(NamedTuple):
    """What is in a slot: when it is shown, its size before superresolution, and its traits."""

    order: int
    width: int
    height: int
    is_key: bool
    quantisers: Quantisers


Slots = tuple[Picture | None, ...]
"""None where nothing is known."""
NOTHING: Final[Slots] = (None,) * SLOTS


def picture_in(slots: Sequence[Picture | None], number: int) -> Picture:
    """Give the picture of a slot; raises `LostReference`."""
    picture = slots[number]
    if picture is None:
        raise LostReference
    return picture


def distance(first: int, second: int, order_bits: int) -> int:
    """Tell how much later one order hint is than another (§5.9.3)."""
    difference = first - second
    half = 1 << order_bits - 1
    return (difference & half - 1) - (difference & half)


def derived_references(
    slots: Sequence[Picture | None], order: int, order_bits: int, last: int, golden: int
) -> list[int]:
    """Give the slots of all references where a header names those two alone (§7.8).

    Raises `LostReference`.
    """
    away = [distance(picture_in(slots, each).order, order, order_bits) for each in range(SLOTS)]
    chosen: list[int | None] = [None] * REFERENCES
    chosen[0], chosen[GOLDEN] = last, golden
    left = [each for each in range(SLOTS) if each not in {last, golden}]
    for place in BACKWARD:
        later = [each for each in left if away[each] >= 0]
        if not later:
            continue
        if place == BACKWARD[0]:  # of those that are as late, the last one
            found = max(later, key=lambda each: (away[each], each))
        else:
            found = min(later, key=lambda each: away[each])
        chosen[place] = found
        left.remove(found)
    for place in FORWARD:
        earlier = [each for each in left if away[each] < 0]
        if chosen[place] is None and earlier:
            found = max(earlier, key=lambda each: (away[each], each))
            chosen[place] = found
            left.remove(found)
    earliest = min(range(SLOTS), key=lambda each: away[each])
    return [earliest if each is None else each for each in chosen]


def has_skip_mode(orders: Sequence[int], order: int, order_bits: int) -> bool:
    """Whether a frame that predicts from two pictures at once may skip (§5.9.22).

    It may where some reference is earlier, and another one later, or earlier than that one.
    """
    away = [distance(each, order, order_bits) for each in orders]
    forward = None
    for each, hint in zip(away, orders, strict=True):
        if each < 0 and (forward is None or distance(hint, forward, order_bits) > 0):
            forward = hint
    if forward is None:
        return False
    nearest = forward
    return any(each > 0 for each in away) or any(
        distance(hint, nearest, order_bits) < 0 for hint in orders
    )
