"""What lies behind the memory of an edge: a disk that keeps slices, or nothing."""

from collections.abc import Collection, Sequence
from typing import Protocol

from core.http.cache_key import CacheKey
from edge.store import Entry, StoredBytes


class Disk(Protocol):
    """Slices beyond memory. Only `recall` and `read` wait."""

    def holds(self, resource: str) -> bool:
        """Whether anything of a resource may be there."""

    async def recall(self, resource: str, began: int) -> Sequence[Entry]:
        """The entries of every variant of a resource; `began` is the last purge before asking."""

    async def held(self, entry: Entry) -> Collection[int]:
        """The slices of this version that are there."""

    async def read(self, entry: Entry, number: int) -> bytes | None:
        """A slice of this version; None when it is not there."""

    def write(self, entry: Entry, number: int, body: StoredBytes) -> None:
        """Keep a slice, some time soon."""

    def renew(self, entry: Entry) -> None:
        """Give what is there of this version another head."""

    def forget(self, key: CacheKey) -> None:
        """Let go of every slice of an entry."""


class NoDisk:
    """An edge with memory alone."""

    def holds(self, resource: str) -> bool:
        """Nothing is."""
        return False

    async def recall(self, resource: str, began: int) -> Sequence[Entry]:
        """There is nothing."""
        return ()

    async def held(self, entry: Entry) -> Collection[int]:
        """None is."""
        return ()

    async def read(self, entry: Entry, number: int) -> bytes | None:
        """There is nothing."""
        return None

    def write(self, entry: Entry, number: int, body: StoredBytes) -> None:
        """It is not kept."""

    def renew(self, entry: Entry) -> None:
        """There is nothing."""

    def forget(self, key: CacheKey) -> None:
        """There is nothing."""
