"""A cache bounded by what its values cost: the least recently used go first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """Values by key: at most `limit_bytes` together, and at most `limit_count` of them.

    A value that costs more than that alone is not kept. `on_drop` is told of each value that
    leaves, for whatever reason.
    """

    def __init__(
        self,
        limit_bytes: int,
        limit_count: int = 1_000_000,
        *,
        on_drop: Callable[[V], None] | None = None,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._limit_count = limit_count
        self._on_drop = on_drop
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """Give the value and count it as used now."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, cost_bytes: int) -> None:
        """Keep a value, in place of the one that had the key."""
        self.drop(key)
        self._entries[key] = (value, cost_bytes)
        self.used_bytes += cost_bytes
        while self.used_bytes > self._limit_bytes or len(self._entries) > self._limit_count:
            self.drop(next(iter(self._entries)))

    def drop(self, key: K) -> None:
        """Forget the value of a key, if there is one."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.used_bytes -= entry[1]
        if self._on_drop is not None:
            self._on_drop(entry[0])

    def clear(self) -> None:
        """Forget everything."""
        for key in list(self._entries):
            self.drop(key)
