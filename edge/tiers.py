"""The tiers of the cache: memory, and behind it a disk or nothing."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Protocol

from core.cache.purging import Purge
from core.cache.slices import slice_span
from core.cache.stored import Terms, under
from core.http.cache_key import CacheKey, cache_key
from edge.ask import Ask
from edge.disk.bodies import OpenBody
from edge.disk.tier import DiskTier
from edge.store import Entry, Lookup, MemoryStore, StoredBytes


class Disk(Protocol):
    """Slices beyond memory. Only `recall` and `read` wait, and for no longer than is worth it."""

    def holds(self, resource: str, /) -> bool:
        """Whether anything of a resource is there."""

    def slices(self, entry: Entry, /) -> Collection[int]:
        """The slices of this version that are there."""

    async def recall(self, resource: str, began: int, /) -> Sequence[Entry]:
        """The entries of every variant of a resource; `began` is the last purge before asking."""

    async def read(self, entry: Entry, number: int, /) -> bytes | None:
        """A slice of this version; None when it is not there."""

    async def open(self, entry: Entry, number: int, /, *, used: bool) -> OpenBody | None:
        """The file of a slice of this version; None when it has none."""

    def write(self, entry: Entry, number: int, body: StoredBytes, /) -> None:
        """Keep a slice, some time soon."""

    def renew(self, entry: Entry, /) -> None:
        """Give what is there of this version another head."""

    def forget(self, key: CacheKey, /) -> None:
        """Let go of every slice of an entry."""

    async def purge(self, purge: Purge, now_s: float, /) -> int:
        """Purge, and return how many entries that were, when it is durable."""


class NoDisk:
    """An edge with memory alone."""

    def holds(self, _resource: str, /) -> bool:
        """Nothing is."""
        return False

    def slices(self, _entry: Entry, /) -> Collection[int]:
        """None is."""
        return ()

    async def recall(self, _resource: str, _began: int, /) -> Sequence[Entry]:
        """There is nothing."""
        return ()

    async def read(self, _entry: Entry, _number: int, /) -> bytes | None:
        """There is nothing."""
        return None

    async def open(self, _entry: Entry, _number: int, /, *, used: bool) -> OpenBody | None:  # noqa: ARG002 - the protocol's
        """There is nothing."""
        return None

    def write(self, _entry: Entry, _number: int, _body: StoredBytes, /) -> None:
        """It is not kept."""

    def renew(self, _entry: Entry, /) -> None:
        """There is nothing."""

    def forget(self, _key: CacheKey, /) -> None:
        """There is nothing."""

    async def purge(self, _purge: Purge, _now_s: float, /) -> int:
        """There is nothing."""
        return 0


class SlicesOnDisk:
    """The disk tier, in terms of entries."""

    def __init__(self, tier: DiskTier, terms: Terms) -> None:
        self._tier = tier
        self._terms = terms

    def holds(self, resource: str, /) -> bool:
        """Whether anything of a resource is there."""
        return self._tier.holds(resource)

    def slices(self, entry: Entry, /) -> Collection[int]:
        """The slices of this version that are there."""
        return self._tier.slices(entry.key, entry.version)

    async def recall(self, resource: str, began: int, /) -> Sequence[Entry]:
        """The entries of every variant of a resource; `began` is the last purge before asking."""
        return [
            Entry(found.key, under(self._terms, found.head), found.version, found.length, began)
            for found in await self._tier.recall(resource)
        ]

    async def read(self, entry: Entry, number: int, /) -> bytes | None:
        """A slice of this version; None when it is not there."""
        return await self._tier.read(entry.key, entry.version, number)

    async def open(self, entry: Entry, number: int, /, *, used: bool) -> OpenBody | None:
        """The file of a slice of this version; None when it has none."""
        return await self._tier.open(entry.key, entry.version, number, used=used)

    def write(self, entry: Entry, number: int, body: StoredBytes, /) -> None:
        """Keep a slice, some time soon; one in a file that was the disk's before is let go."""
        if not isinstance(body, bytes) and body.in_file:
            return
        self._tier.write(entry.key, entry.head, entry.version, entry.length, number, body)

    def renew(self, entry: Entry, /) -> None:
        """Give what is there of this version another head."""
        self._tier.renew(entry.key, entry.version, entry.head)

    def forget(self, key: CacheKey, /) -> None:
        """Let go of every slice of an entry."""
        self._tier.forget(key)

    async def purge(self, purge: Purge, now_s: float, /) -> int:
        """Purge, and return how many entries that were, when it is durable."""
        return await self._tier.purge(purge, now_s)


class Tiers:
    """Memory and disk as one: what is missing in memory is looked for on disk."""

    def __init__(self, memory: MemoryStore, disk: Disk) -> None:
        self.memory = memory
        self._disk = disk

    async def look_up(self, ask: Ask) -> Lookup:
        """Find what is stored for a request."""
        found = self.memory.look_up(ask.target, ask.fields)
        resource = found.key.resource
        if found.entry is not None or not self._disk.holds(resource):
            return found
        entries = await self._disk.recall(resource, self.memory.purges.last)
        for entry in entries:
            if entry.key == cache_key(ask.target, entry.head.names, ask.fields):
                return Lookup(entry.key, self.memory.get(entry.key) or entry, other_variants=True)
        return replace(found, other_variants=found.other_variants or bool(entries))

    def missing(self, entry: Entry, numbers: Iterable[int]) -> list[int]:
        """Those of the slices that are in no tier."""
        there = self._disk.slices(entry)
        return [number for number in self.memory.missing(entry, numbers) if number not in there]

    async def recall_slice(self, entry: Entry, number: int) -> "StoredBytes | None":
        """A slice from disk, which memory then has, too."""
        if number not in self._disk.slices(entry):
            return None
        body = await self._open(entry, number, used=True) or await self._disk.read(entry, number)
        if body is None or self._is_superseded(entry):
            return body
        return self.memory.put_slice(entry, number, body) or body

    async def refile(self, key: CacheKey, version: int, number: int) -> None:
        """Let a slice that has got its file be sent from there, and memory let go of its copy."""
        entry = self.memory.get(key)
        if entry is not None and entry.version == version:
            body = await self._open(entry, number, used=False)
            if body is not None:
                self.memory.replace_slice(entry, number, body)

    async def _open(self, entry: Entry, number: int, *, used: bool) -> "StoredBytes | None":
        length = slice_span(number, entry.length).length
        if not self.memory.takes_file(length):
            return None
        opened = await self._disk.open(entry, number, used=used)
        if opened is None:
            return None
        with closing(opened):
            return self.memory.keep_file(opened.descriptor, length)

    def store(
        self, entry: Entry, number: int, body: StoredBytes, *, first: bool
    ) -> "StoredBytes | None":
        """Store a slice in both; give it as memory keeps it, None when it does not.

        `first`: it is the first of its version, and what was stored of another is to go.
        """
        if first:
            self._disk.forget(entry.key)
        kept = self.memory.put_slice(entry, number, body)
        if self.memory.covering_purge(entry) is None:
            self._disk.write(entry, number, body if kept is None else kept)
        return kept

    def renew(self, entry: Entry) -> None:
        """Give what is stored of this version another head, unless that was purged meanwhile."""
        if self.memory.covering_purge(entry) is None:
            self.memory.renew(entry)
            self._disk.renew(entry)

    def move(self, old: Entry, new: Entry) -> None:
        """Store what memory has of an entry under another key, as what it varies by has changed."""
        bodies = self.memory.bodies(old)
        self.forget(old.key)
        self.memory.learn(new.key.resource, new.head.names)
        for number, body in bodies.items():
            self.store(new, number, body, first=False)
        self.memory.settle(new.key.resource)

    async def purge_disk(self, purge: Purge, now_s: float) -> int:
        """Purge the disk alone; see `DiskTier.purge`."""
        return await self._disk.purge(purge, now_s)

    def forget(self, key: CacheKey) -> None:
        """Let go of an entry everywhere."""
        self.memory.remove(key)
        self._disk.forget(key)

    def _is_superseded(self, entry: Entry) -> bool:
        known = self.memory.get(entry.key)
        return known is not None and known.version != entry.version
