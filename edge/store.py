"""What is stored in memory, and how it is found: by key, by resource and by tag."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from core.cache.policies import CachePolicy, make_policy
from core.cache.purging import Purge, PurgeLog
from core.cache.stored import StoredHead
from core.http.cache_key import CacheKey, cache_key
from core.http.fields import Headers
from core.http.target import Target
from core.http.vary import VaryNames

if TYPE_CHECKING:
    from core.cache.eviction import EvictionPolicy
    from native import StoredBody

# A body on the heap of Python or in the memory of the data plane; read it through the buffer.
StoredBytes: TypeAlias = "bytes | StoredBody"
# What an entry costs beside its bytes: the objects of its head, and its places in the indexes.
OVERHEAD_BYTES: Final = 2048


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored response."""

    key: CacheKey
    head: StoredHead
    body: StoredBytes

    @property
    def size_bytes(self) -> int:
        """What it counts against the budget."""
        fields = sum(len(name) + len(value) for name, value in self.head.fields)
        return len(self.body) + 2 * fields + OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is stored for a request: its key, the entry, and whether other variants exist."""

    key: CacheKey
    entry: Entry | None
    other_variants: bool


class Shelf(Protocol):
    """Where entries are answered from without asking the store: the data plane."""

    def keep(self, body: StoredBytes) -> StoredBytes:
        """The body as the shelf wants it kept."""

    def show(self, entry: Entry) -> None:
        """Answer from this entry, in place of an older one with its key."""

    def hide(self, key: CacheKey) -> None:
        """Answer from no entry with this key any more."""

    def used(self) -> Iterable[CacheKey]:
        """What was answered since the last call, least recent first."""


class MemoryStore:
    """Entries within a budget of bytes; the policy says which make room.

    With a `shelf`, entries are shown there, and what is answered there counts as used.
    """

    def __init__(
        self,
        limit_bytes: int,
        evicted: Callable[[], None] = lambda: None,
        shelf: Shelf | None = None,
        policy: CachePolicy = CachePolicy.S3_FIFO,
    ) -> None:
        self._shelf = shelf
        self._policy: EvictionPolicy[CacheKey] = make_policy(policy, limit_bytes)
        self._entries: dict[CacheKey, Entry] = {}
        self._names: dict[str, VaryNames] = {}
        self._variants: dict[str, set[CacheKey]] = {}
        self._tagged: dict[str, set[CacheKey]] = {}
        self._evicted = evicted
        self.purges = PurgeLog()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def used_bytes(self) -> int:
        """How much of the budget is taken."""
        return self._policy.used_bytes

    def key(self, target: Target, request: Headers) -> CacheKey:
        """The key of a request, by what its resource is known to vary by."""
        return cache_key(target, self._names.get(str(target), ()), request)

    def note_uses(self) -> None:
        """Count what the shelf answered as used."""
        if self._shelf is None:
            return
        for key in self._shelf.used():
            if key in self._entries:
                self._policy.touch(key)

    def look_up(self, target: Target, request: Headers) -> Lookup:
        """Find what is stored for a request, and count it as used."""
        key = self.key(target, request)
        entry = self._entries.get(key)
        if entry is not None:
            self._policy.touch(key)
        return Lookup(key, entry, bool(self._variants.get(key.resource)))

    def get(self, key: CacheKey) -> Entry | None:
        """The entry with this key; does not count as a use."""
        return self._entries.get(key)

    def variants(self, resource: str) -> tuple[Entry, ...]:
        """Everything that is stored of a resource."""
        return tuple(self._entries[key] for key in self._variants.get(resource, ()))

    def learn(self, resource: str, names: VaryNames) -> None:
        """Remember what a resource varies by; entries stored under other names are dropped."""
        if self._names.get(resource, ()) == names:
            return
        for key in tuple(self._variants.get(resource, ())):
            self.remove(key)
        if names:
            self._names[resource] = names
        else:
            self._names.pop(resource, None)

    def settle(self, resource: str) -> None:
        """Forget what a resource varies by when nothing of it was stored after all."""
        if resource not in self._variants:
            self._names.pop(resource, None)

    def put(self, entry: Entry) -> bool:
        """Store an entry in place of an older one; False when there is no room for it."""
        self.note_uses()
        self._drop(entry.key)  # not from the policy, to which the new one is a version of the old
        victims = self._policy.admit(entry.key, entry.size_bytes)
        if victims is None:
            return False
        for victim in victims:
            self._drop(victim)
            self._evicted()
        if entry.key not in self._policy:
            return False  # what is kept is worth more
        if self._shelf is not None:
            entry = replace(entry, body=self._shelf.keep(entry.body))
            self._shelf.show(entry)
        self._entries[entry.key] = entry
        if entry.head.names:
            self._names[entry.key.resource] = entry.head.names
        self._variants.setdefault(entry.key.resource, set()).add(entry.key)
        for tag in entry.head.tags:
            self._tagged.setdefault(tag, set()).add(entry.key)
        return True

    def remove(self, key: CacheKey) -> None:
        """Forget an entry, if it is there."""
        self._policy.remove(key)
        self._drop(key)

    def purge(self, purge: Purge, now_s: float) -> int:
        """Drop what the purge covers, or mark it stale when soft; return how many entries."""
        self.purges.record(purge, now_s)
        covered = set(self._entries) if purge.everything else self._covered(purge)
        for key in covered:
            if purge.soft:
                self._expire(key, now_s)
            else:
                self.remove(key)
        return len(covered)

    def _covered(self, purge: Purge) -> set[CacheKey]:
        return {
            key
            for index, names in ((self._tagged, purge.tags), (self._variants, purge.resources))
            for name in names
            for key in index.get(name, ())
        }

    def _expire(self, key: CacheKey, now_s: float) -> None:
        entry = self._entries[key]
        if entry.head.purged_s is None:
            self._entries[key] = replace(entry, head=replace(entry.head, purged_s=now_s))
            if self._shelf is not None:
                self._shelf.hide(key)

    def _drop(self, key: CacheKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        if self._shelf is not None:
            self._shelf.hide(key)
        _discard(self._variants, key.resource, key)
        for tag in entry.head.tags:
            _discard(self._tagged, tag, key)
        self.settle(key.resource)


def _discard(index: dict[str, set[CacheKey]], name: str, key: CacheKey) -> None:
    keys = index[name]
    keys.discard(key)
    if not keys:
        del index[name]
