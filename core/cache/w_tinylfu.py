"""W-TinyLFU: a newcomer must have been asked for more often than what it would replace.

Einziger, Friedman, Manes: TinyLFU: a highly efficient cache admission policy (ACM TOS 13:4, 2017),
§4. New keys enter a window of a hundredth of the budget, kept by last use. What the window lets go
is a candidate for the main part, whose least recently used key it must beat by the estimated
number of uses. The main part is a segmented LRU: on probation first, and protected, up to four
fifths of it, after a use there.

Objects have sizes here, so a candidate may need the room of several: it must beat their sum
(Einziger, Eytan, Friedman, Manes: Lightweight robust size aware cache management, 2022, §4.3).
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from core.cache.frequency_sketch import FrequencySketch

K = TypeVar("K", bound=Hashable)

WINDOW_DIVISOR: Final = 100


class _Segment(OrderedDict[K, int]):
    """Sizes of keys by last use, and their sum."""

    def __init__(self) -> None:
        super().__init__()
        self.used_bytes = 0

    def put(self, key: K, size_bytes: int) -> None:
        self[key] = size_bytes
        self.used_bytes += size_bytes

    def take(self, key: K) -> int:
        size_bytes = self.pop(key)
        self.used_bytes -= size_bytes
        return size_bytes

    def take_oldest(self) -> tuple[K, int]:
        key = next(iter(self))
        return key, self.take(key)


class WTinyLfu(Generic[K]):
    """Keys in a window, on probation, and protected; `entries` sizes the sketch of uses."""

    def __init__(self, limit_bytes: int, entries: int) -> None:
        self.limit_bytes = limit_bytes
        self._window: _Segment[K] = _Segment()
        self._probation: _Segment[K] = _Segment()
        self._protected: _Segment[K] = _Segment()
        self._window_limit_bytes = max(1, limit_bytes // WINDOW_DIVISOR)
        self._main_limit_bytes = limit_bytes - self._window_limit_bytes
        self._protected_limit_bytes = self._main_limit_bytes * 4 // 5
        self._sketch = FrequencySketch(entries)

    @property
    def used_bytes(self) -> int:
        """How much of the budget is taken."""
        return self._window.used_bytes + self._probation.used_bytes + self._protected.used_bytes

    def __len__(self) -> int:
        return len(self._window) + len(self._probation) + len(self._protected)

    def __contains__(self, key: K) -> bool:
        return key in self._window or key in self._probation or key in self._protected

    def touch(self, key: K) -> None:
        """Count a use of a kept key; on probation it becomes protected."""
        self._sketch.count(key)
        if key in self._window:
            self._window.move_to_end(key)
        elif key in self._protected:
            self._protected.move_to_end(key)
        else:
            self._protected.put(key, self._probation.take(key))
            while self._protected.used_bytes > self._protected_limit_bytes:
                self._probation.put(*self._protected.take_oldest())

    def admit(self, key: K, size_bytes: int) -> list[K] | None:
        """Keep `key` in the window; return the victims, among which `key` itself may be.

        None, and nothing changed but that an older version of `key` is gone, when the object is
        larger than the whole budget.
        """
        self._sketch.count(key)
        self.remove(key)
        if size_bytes > self.limit_bytes:
            return None
        self._window.put(key, size_bytes)
        victims: list[K] = []
        while self._window.used_bytes > self._window_limit_bytes:
            victims.extend(self._judge(*self._window.take_oldest()))
        return victims

    def remove(self, key: K) -> None:
        """Forget `key`, if it is kept; how often it was used is remembered."""
        for segment in (self._window, self._probation, self._protected):
            if key in segment:
                segment.take(key)

    def _judge(self, candidate: K, size_bytes: int) -> list[K]:
        """Put what left the window on probation in the place of others, or let it go."""
        if size_bytes > self._main_limit_bytes:
            return [candidate]
        victims = self._in_the_way(size_bytes)
        worth = sum(map(self._sketch.estimate, victims))
        if victims and self._sketch.estimate(candidate) <= worth:
            return [candidate]
        for victim in victims:
            self.remove(victim)
        self._probation.put(candidate, size_bytes)
        return victims

    def _in_the_way(self, size_bytes: int) -> list[K]:
        """The keys of the main part that would have to leave, those on probation first."""
        main_bytes = self._probation.used_bytes + self._protected.used_bytes
        excess_bytes = main_bytes + size_bytes - self._main_limit_bytes
        found: list[K] = []
        for segment in (self._probation, self._protected):
            for key, kept_bytes in segment.items():
                if excess_bytes <= 0:
                    return found
                found.append(key)
                excess_bytes -= kept_bytes
        return found
