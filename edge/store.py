"""What is stored in memory, by slices, and how it is found: by key, by resource and by tag."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from core.cache.policies import CachePolicy, make_policy
from core.cache.purging import Purge, PurgeLog
from core.cache.slices import slice_count
from core.cache.stored import StoredHead
from core.http.cache_key import CacheKey, cache_key
from core.http.conditional import is_weak
from core.http.fields import Headers
from core.http.target import Target
from core.http.vary import VaryNames
from edge.tracks import Tracks, TrackShelf

if TYPE_CHECKING:
    from core.cache.eviction import EvictionPolicy
    from core.http.byterange import ByteSpan
    from native import SealedFragment, StoredBody

# A slice on the heap of Python or in the memory of the data plane; read it through the buffer.
StoredBytes: TypeAlias = "bytes | StoredBody"
# What a slice costs beside its bytes: the head, which some slice has to pay for, and its places in
# the indexes.
OVERHEAD_BYTES: Final = 2048


def new_version() -> int:
    """A number that no other representation has."""
    return secrets.randbits(63) or 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored response but for its body, of which any slices may be stored.

    `version` tells its slices from those of another representation. `began` is the number of the
    last purge before its head was asked for.
    """

    key: CacheKey
    head: StoredHead
    version: int
    length: int
    began: int = 0

    @property
    def slices(self) -> int:
        """How many slices the body has."""
        return slice_count(self.length)

    @property
    def resumable(self) -> bool:
        """Whether missing slices can be asked for: a strong tag says that they are of this body."""
        etag = self.head.etag()
        return self.head.status == 200 and etag is not None and not is_weak(etag)

    def slice_bytes(self, body: StoredBytes) -> int:
        """What one of its slices counts against the budget."""
        fields = sum(len(name) + len(value) for name, value in self.head.fields)
        return len(body) + 2 * fields + OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is stored for a request: its key, the entry, and whether other variants exist."""

    key: CacheKey
    entry: Entry | None
    other_variants: bool


class Shelf(TrackShelf, Protocol):
    """Where entries are answered from without asking the store: the data plane."""

    def keep(self, body: StoredBytes) -> StoredBytes:
        """The slice as the shelf wants it kept."""

    def takes_file(self, length: int) -> bool:
        """Whether a slice of this length is better kept in its file than copied."""

    def keep_file(self, descriptor: int, length: int, offset: int = 0) -> "StoredBody | None":
        """The slice that is the first bytes of a file; None where that is not possible."""

    def keep_sealed(
        self, descriptor: int, sealed: "SealedFragment", span: "ByteSpan"
    ) -> "StoredBody | None":
        """Bytes of a fragment whose samples are in a file; None where that is not possible."""

    def show(self, entry: Entry, slices: "Slices") -> None:
        """Answer from this entry, in place of an older one with its key, as far as slices allow."""

    def show_slice(self, entry: Entry, number: int, body: StoredBytes) -> None:
        """Answer from this slice of an entry that was shown, too."""

    def hide(self, entry: Entry) -> None:
        """Answer from this entry no more."""

    def hide_slice(self, entry: Entry, number: int) -> None:
        """Answer from this slice no more."""

    def used(self) -> Iterable[tuple[int, int]]:
        """The slices that were answered from since the last call, by version and number.

        Least recent first, and nearly once for each use.
        """


Slices: TypeAlias = Mapping[int, StoredBytes]
SliceKey: TypeAlias = tuple[int, int]  # version and number


@dataclass(slots=True)
class _Object:
    entry: Entry
    slices: dict[int, StoredBytes] = field(default_factory=dict)


class MemoryStore:
    """Slices within a budget of bytes; the policy says which make room.

    A head is kept for as long as one of its slices is. With a `shelf`, entries are shown there, and
    what is answered there counts as used.
    """

    def __init__(
        self,
        limit_bytes: int,
        evicted: Callable[[], None] = lambda: None,
        shelf: Shelf | None = None,
        policy: CachePolicy = CachePolicy.S3_FIFO,
    ) -> None:
        self._shelf = shelf
        self._policy: EvictionPolicy[SliceKey] = make_policy(policy, limit_bytes)
        self._objects: dict[CacheKey, _Object] = {}
        self._versions: dict[int, CacheKey] = {}
        self._names: dict[str, VaryNames] = {}
        self._variants: dict[str, set[CacheKey]] = {}
        self._tagged: dict[str, set[CacheKey]] = {}
        self._evicted = evicted
        self._used: Callable[[int, int], None] = lambda _version, _number: None
        self.purges = PurgeLog()
        self.tracks = None if shelf is None else Tracks(shelf)

    def __len__(self) -> int:
        return len(self._objects)

    @property
    def used_bytes(self) -> int:
        """How much of the budget is taken."""
        return self._policy.used_bytes

    @property
    def limit_bytes(self) -> int:
        """The budget."""
        return self._policy.limit_bytes

    def key(self, target: Target, request: Headers) -> CacheKey:
        """The key of a request, by what its resource is known to vary by."""
        return cache_key(target, self._names.get(str(target), ()), request)

    def note_uses(self) -> None:
        """Count what the shelf answered as used."""
        if self._shelf is None:
            return
        for use in self._shelf.used():
            if use in self._policy:
                self._use(use)

    def tell_uses(self, used: Callable[[int, int], None]) -> None:
        """Call this with the version and the number of each slice that is used."""
        self._used = used

    def look_up(self, target: Target, request: Headers) -> Lookup:
        """Find what is stored for a request."""
        key = self.key(target, request)
        return Lookup(key, self.get(key), bool(self._variants.get(key.resource)))

    def get(self, key: CacheKey) -> Entry | None:
        """The entry with this key."""
        found = self._objects.get(key)
        return None if found is None else found.entry

    def slice(self, entry: Entry, number: int, *, used: bool = False) -> "StoredBytes | None":
        """A slice of this version of the entry; with `used` it counts as a use."""
        found = self._objects.get(entry.key)
        if found is None or found.entry.version != entry.version:
            return None
        body = found.slices.get(number)
        if body is not None and not isinstance(body, bytes) and body.broken:
            self._policy.remove((entry.version, number))
            self._drop_slice(found, number)
            return None
        if body is not None and used:
            self._use((entry.version, number))
        return body

    def bodies(self, entry: Entry) -> "Slices":
        """All slices that are stored of this version of the entry."""
        found = self._objects.get(entry.key)
        return dict(found.slices) if found and found.entry.version == entry.version else {}

    def missing(self, entry: Entry, numbers: Iterable[int]) -> list[int]:
        """Those of the slices that are not stored."""
        return [number for number in numbers if self.slice(entry, number) is None]

    def variants(self, resource: str) -> tuple[Entry, ...]:
        """Everything that is stored of a resource."""
        return tuple(self._objects[key].entry for key in self._variants.get(resource, ()))

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

    def covering_purge(self, entry: Entry) -> int | None:
        """The newest purge since the entry was asked for that covers it."""
        return self.purges.latest_covering(entry.key.resource, entry.head.tags, entry.began)

    def put_slice(self, entry: Entry, number: int, body: StoredBytes) -> "StoredBytes | None":
        """Store a slice, and the entry in place of another version; give the slice as it is kept.

        None when it is not: it was purged meanwhile, or there is no room for it.
        """
        known = self.get(entry.key)
        if known is not None and known.version == entry.version:
            entry = known  # its head may have been renewed
        if self.covering_purge(entry) is not None:
            return None
        self.note_uses()
        found = self._take_in(entry)
        if number in found.slices:
            self._drop_slice(found, number, keep=entry.key)
        self._make_room(entry, number, body)
        if (entry.version, number) not in self._policy:
            self._drop_if_empty(entry.key)
            return None
        if self._shelf is not None:
            body = self._shelf.keep(body)
        found.slices[number] = body
        if self._shelf is not None:
            self._shelf.show_slice(found.entry, number, body)
        return body

    def takes_file(self, length: int) -> bool:
        """Whether a slice of this length is better kept in its file than copied."""
        return self._shelf is not None and self._shelf.takes_file(length)

    def keep_file(self, descriptor: int, length: int, offset: int = 0) -> "StoredBody | None":
        """A slice in a file as a body that can be put; None where it has to be read."""
        return None if self._shelf is None else self._shelf.keep_file(descriptor, length, offset)

    def keep_sealed(
        self, descriptor: int, sealed: "SealedFragment", span: "ByteSpan"
    ) -> "StoredBody | None":
        """Bytes of a fragment, to be encrypted as they are sent; None where that cannot be."""
        return None if self._shelf is None else self._shelf.keep_sealed(descriptor, sealed, span)

    def replace_slice(self, entry: Entry, number: int, body: StoredBytes) -> None:
        """Keep the same slice in another way, if it is still there."""
        found = self._objects.get(entry.key)
        if found is None or found.entry.version != entry.version or number not in found.slices:
            return
        found.slices[number] = body
        if self._shelf is not None:
            self._shelf.show_slice(found.entry, number, body)

    def renew(self, entry: Entry) -> None:
        """Give what is stored of this version another head."""
        found = self._objects.get(entry.key)
        if found is None or found.entry.version != entry.version:
            return
        if self.covering_purge(entry) is not None:
            return
        self._untag(found.entry)
        found.entry = entry
        self._tag(entry)
        if self._shelf is not None:
            self._shelf.show(entry, found.slices)

    def remove(self, key: CacheKey) -> None:
        """Forget an entry, if it is there."""
        found = self._objects.get(key)
        if found is not None:
            for number in tuple(found.slices):
                self._policy.remove((found.entry.version, number))
                self._drop_slice(found, number)

    def purge(self, purge: Purge, now_s: float) -> int:
        """Drop what the purge covers, or mark it stale when soft; return how many entries."""
        self.purges.record(purge, now_s)
        if self.tracks is not None:
            self.tracks.purge(purge)
        covered = set(self._objects) if purge.everything else self._covered(purge)
        for key in covered:
            if purge.soft:
                self._expire(key, now_s)
            else:
                self.remove(key)
        return len(covered)

    def _take_in(self, entry: Entry) -> _Object:
        """Make this the version that is stored under its key."""
        found = self._objects.get(entry.key)
        if found is not None and found.entry.version == entry.version:
            return found
        self.remove(entry.key)
        found = self._objects[entry.key] = _Object(entry)
        self._versions[entry.version] = entry.key
        if entry.head.names:
            self._names[entry.key.resource] = entry.head.names
        self._variants.setdefault(entry.key.resource, set()).add(entry.key)
        self._tag(entry)
        if self._shelf is not None:
            self._shelf.show(entry, found.slices)
        return found

    def _make_room(self, entry: Entry, number: int, body: StoredBytes) -> None:
        place = entry.version, number
        for victim in self._policy.admit(place, entry.slice_bytes(body)) or ():
            if victim != place:  # else the others are worth more
                found = self._objects[self._versions[victim[0]]]
                self._drop_slice(found, victim[1], keep=entry.key)
            self._evicted()

    def _use(self, place: SliceKey) -> None:
        self._policy.touch(place)
        self._used(*place)

    def _covered(self, purge: Purge) -> set[CacheKey]:
        return {
            key
            for index, names in ((self._tagged, purge.tags), (self._variants, purge.resources))
            for name in names
            for key in index.get(name, ())
        }

    def _expire(self, key: CacheKey, now_s: float) -> None:
        found = self._objects[key]
        entry = found.entry
        if entry.head.purged_s is None:
            found.entry = replace(entry, head=replace(entry.head, purged_s=now_s))
            if self._shelf is not None:
                self._shelf.hide(entry)

    def _drop_slice(self, found: _Object, number: int, *, keep: CacheKey | None = None) -> None:
        """Let go of a slice that the policy no longer has, and of the head with the last one."""
        del found.slices[number]
        if self._shelf is not None:
            self._shelf.hide_slice(found.entry, number)
        if found.entry.key != keep:
            self._drop_if_empty(found.entry.key)

    def _drop_if_empty(self, key: CacheKey) -> None:
        found = self._objects.get(key)
        if found is None or found.slices:
            return
        del self._objects[key]
        del self._versions[found.entry.version]
        if self._shelf is not None:
            self._shelf.hide(found.entry)
        _discard(self._variants, key.resource, key)
        self._untag(found.entry)
        self.settle(key.resource)

    def _tag(self, entry: Entry) -> None:
        for tag in entry.head.tags:
            self._tagged.setdefault(tag, set()).add(entry.key)

    def _untag(self, entry: Entry) -> None:
        for tag in entry.head.tags:
            _discard(self._tagged, tag, entry.key)


def _discard(index: dict[str, set[CacheKey]], name: str, key: CacheKey) -> None:
    keys = index[name]
    keys.discard(key)
    if not keys:
        del index[name]
