"""The most frequent of many keys, in bounded memory: Space-Saving, with counts that fade.

A. Metwally, D. Agrawal, A. El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data
Streams", 2005: a key that is not counted takes the place, and the count, of the least frequent
one, so no frequent key is missed, and no count is too high by more than that least one. Here counts
halve in a given time, which makes rates of them.
"""

import heapq
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HotKey:
    """A key, how often it is asked for, and by how much that may be too high, each a second."""

    key: str
    rate: float
    error: float


class SpaceSaving:
    """Counts at most `most` keys; what was counted `half_life_s` ago counts half."""

    def __init__(self, most: int, half_life_s: float) -> None:
        self._most = most
        self._decay = math.log(2) / half_life_s
        self._counts: dict[str, float] = {}
        self._errors: dict[str, float] = {}
        self._began_s: float | None = None
        self._aged_s = 0.0

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, key: str, weight: float = 1.0) -> None:
        """Count a key; after `age`, so that all counts are of one time."""
        known = self._counts.get(key)
        if known is None and len(self._counts) >= self._most:
            least = min(self._counts, key=self._counts.__getitem__)
            known = self._errors[key] = self._counts.pop(least)
            self._errors.pop(least, None)
        self._counts[key] = (known or 0.0) + weight

    def age(self, now_s: float) -> None:
        """Let counts fade up to a time that does not go back."""
        if self._began_s is None:
            self._began_s = self._aged_s = now_s
        share = math.exp(-self._decay * (now_s - self._aged_s))
        self._aged_s = now_s
        for table in (self._counts, self._errors):
            for key in table:
                table[key] *= share

    def top(self, count: int) -> list[HotKey]:
        """The most frequent keys, the first of them first."""
        if self._began_s is None:
            return []
        # A constant rate makes a count of rate × (1 - e^(-decay × time)) / decay.
        filled = 1 - math.exp(-self._decay * (self._aged_s - self._began_s))
        unit = self._decay / filled if filled > 0 else self._decay
        best = heapq.nlargest(count, self._counts, key=self._counts.__getitem__)
        return [
            HotKey(key, self._counts[key] * unit, self._errors.get(key, 0.0) * unit) for key in best
        ]
