"""S3-FIFO: three queues, of which the first sorts out what is asked for only once.

Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction (SOSP 2023), §4.
New keys enter a small queue of a tenth of the budget. At its end, a key that was used at least
twice meanwhile moves to the main queue, and any other leaves, remembered by name in the ghost
queue. A key that comes back while it is remembered goes to the main queue at once, where the
oldest is given another round for each of its uses, three at the most.

A scan thus passes through the small queue alone. A hit only counts: nothing moves.

Where the paper counts objects we count bytes: the ghost queue names keys of as many bytes as the
main queue may hold.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

SMALL_DIVISOR: Final = 10
MOST_USES: Final = 3
USES_TO_MOVE: Final = 2


@dataclass(slots=True)
class _Kept:
    size_bytes: int
    uses: int = 0


class S3Fifo(Generic[K]):
    """Keys in a small and a main queue, oldest first, and the names of those that left."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._small: OrderedDict[K, _Kept] = OrderedDict()
        self._main: OrderedDict[K, _Kept] = OrderedDict()
        self._ghosts: OrderedDict[K, int] = OrderedDict()
        self._small_limit_bytes = limit_bytes // SMALL_DIVISOR
        self._small_bytes = 0
        self._ghost_bytes = 0

    def __len__(self) -> int:
        return len(self._small) + len(self._main)

    def __contains__(self, key: K) -> bool:
        return key in self._small or key in self._main

    def touch(self, key: K) -> None:
        """Count a use of a kept key."""
        kept = self._small[key] if key in self._small else self._main[key]
        kept.uses = min(kept.uses + 1, MOST_USES)

    def admit(self, key: K, size_bytes: int) -> list[K] | None:
        """Keep `key`; return the victims that made room, in the order in which they left.

        A newer version of a kept key takes its place in the same queue, as its newest, with its
        uses. None, and nothing changed but that an older version of `key` is gone, when the
        object is larger than the whole budget.
        """
        uses = self._uses(key)
        to_main = key in self._main or key in self._ghosts
        self.remove(key)
        if size_bytes > self.limit_bytes:
            return None
        victims: list[K] = []
        while self.used_bytes + size_bytes > self.limit_bytes:
            victims.extend(self._evict())
        self._forget_ghost(key)
        queue = self._main if to_main else self._small
        queue[key] = _Kept(size_bytes, uses)
        self.used_bytes += size_bytes
        if not to_main:
            self._small_bytes += size_bytes
        return victims

    def remove(self, key: K) -> None:
        """Forget `key`, if it is kept; as a ghost it stays."""
        if key in self._small:
            size_bytes = self._small.pop(key).size_bytes
            self._small_bytes -= size_bytes
            self.used_bytes -= size_bytes
        elif key in self._main:
            self.used_bytes -= self._main.pop(key).size_bytes

    def _uses(self, key: K) -> int:
        kept = self._small.get(key, self._main.get(key))
        return 0 if kept is None else kept.uses

    def _evict(self) -> list[K]:
        """Let one key leave, or move what is left of the small queue to the main one."""
        if self._small and (self._small_bytes >= self._small_limit_bytes or not self._main):
            return self._evict_small()
        return [self._evict_main()]

    def _evict_small(self) -> list[K]:
        while self._small:
            key, kept = self._small.popitem(last=False)
            self._small_bytes -= kept.size_bytes
            if kept.uses < USES_TO_MOVE:
                self.used_bytes -= kept.size_bytes
                self._remember(key, kept.size_bytes)
                return [key]
            self._main[key] = _Kept(kept.size_bytes)
        return []

    def _evict_main(self) -> K:
        while True:
            key, kept = self._main.popitem(last=False)
            if kept.uses == 0:
                self.used_bytes -= kept.size_bytes
                return key
            kept.uses -= 1
            self._main[key] = kept

    def _remember(self, key: K, size_bytes: int) -> None:
        self._ghosts[key] = size_bytes
        self._ghost_bytes += size_bytes
        while self._ghost_bytes > self.limit_bytes - self._small_limit_bytes:
            self._ghost_bytes -= self._ghosts.popitem(last=False)[1]

    def _forget_ghost(self, key: K) -> None:
        self._ghost_bytes -= self._ghosts.pop(key, 0)
