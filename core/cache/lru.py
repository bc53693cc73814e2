"""Least recently used, counted in bytes: what is kept and what makes room."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class ByteLru(Generic[K]):
    """Keys in order of last use, each with a size in bytes, within a budget.

    It holds no bodies: the caller stores them and drops the victims named here.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._sizes: OrderedDict[K, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sizes)

    def __contains__(self, key: K) -> bool:
        return key in self._sizes

    def touch(self, key: K) -> None:
        """Mark a kept key as just used."""
        self._sizes.move_to_end(key)

    def admit(self, key: K, size_bytes: int) -> list[K] | None:
        """Keep `key` as the most recent; return the victims that made room, oldest first.

        None, and nothing changed but that an older version of `key` is gone, when the object is
        larger than the whole budget.
        """
        self.remove(key)
        if size_bytes > self.limit_bytes:
            return None
        victims: list[K] = []
        while self.used_bytes + size_bytes > self.limit_bytes:
            victim, victim_bytes = self._sizes.popitem(last=False)
            self.used_bytes -= victim_bytes
            victims.append(victim)
        self._sizes[key] = size_bytes
        self.used_bytes += size_bytes
        return victims

    def remove(self, key: K) -> None:
        """Forget `key`, if it is kept."""
        self.used_bytes -= self._sizes.pop(key, 0)
