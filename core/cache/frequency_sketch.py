"""How often a key was asked for lately, estimated in a few bits: a count-min sketch that ages.

Cormode, Muthukrishnan: An improved data stream summary (2005), with the counters of four bits and
the halving of Einziger, Friedman, Manes: TinyLFU (2017), §3. Every key has a counter in each of
four rows, shared with others; the least of the four is nearest to the truth and never below it,
but for the halving. After ten times as many uses as there are counters in a row all counters are
halved, so that what was popular once is not popular for ever.
"""

from collections.abc import Hashable
from typing import Final

ROWS: Final = 4
MOST: Final = 15
USES_PER_COUNTER: Final = 10
WORD: Final = 2**64 - 1
# Odd, and far from one another: each row sees other bits of the hash.
FACTORS: Final = (
    0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93,
)  # fmt: skip


class FrequencySketch:
    """Counters for about `entries` keys."""

    def __init__(self, entries: int) -> None:
        width = 1 << max(4, (entries - 1).bit_length())
        self._shift = 64 - (width.bit_length() - 1)
        self._rows = tuple(bytearray(width) for _ in range(ROWS))
        self._uses = 0
        self._uses_to_age = width * USES_PER_COUNTER

    def count(self, key: Hashable) -> None:
        """Count a use."""
        places = self._places(key)
        for row, place in zip(self._rows, places, strict=True):
            if row[place] < MOST:
                row[place] += 1
        self._uses += 1
        if self._uses >= self._uses_to_age:
            self._age()

    def estimate(self, key: Hashable) -> int:
        """How often the key was used lately, 15 at the most."""
        return min(row[place] for row, place in zip(self._rows, self._places(key), strict=True))

    def _places(self, key: Hashable) -> list[int]:
        mixed = (hash(key) ^ (hash(key) >> 32)) & WORD
        return [((mixed + 1) * factor & WORD) >> self._shift for factor in FACTORS]

    def _age(self) -> None:
        halves = bytes(value >> 1 for value in range(256))
        self._rows = tuple(row.translate(halves) for row in self._rows)
        self._uses //= 2
