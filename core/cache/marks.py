"""Marks: keys remembered for a fixed while, a bounded number of them."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

MOST_MARKS: Final = 10_000


class Marks(Generic[K]):
    """A set whose members expire `duration_s` after they were added; the oldest makes room."""

    def __init__(self, duration_s: float, limit: int = MOST_MARKS) -> None:
        self._duration_s = duration_s
        self._limit = limit
        self._until_s: OrderedDict[K, float] = OrderedDict()

    def add(self, key: K, now_s: float) -> None:
        """Mark `key`, from now on for the full while."""
        self._until_s.pop(key, None)
        self._until_s[key] = now_s + self._duration_s
        while len(self._until_s) > self._limit:
            self._until_s.popitem(last=False)

    def discard(self, key: K) -> None:
        """Forget the mark on `key`, if there is one."""
        self._until_s.pop(key, None)

    def holds(self, key: K, now_s: float) -> bool:
        """Whether `key` is marked at this moment."""
        until_s = self._until_s.get(key)
        return until_s is not None and now_s < until_s
