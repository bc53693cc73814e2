"""What is on the disk, as the event loop knows it: found by key, by resource and by tag."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.cache.purging import Purge
from core.cache.stored import StoredHead
from core.http.cache_key import CacheKey
from edge.disk.bodies import SliceIdentity

if TYPE_CHECKING:
    from edge.disk.values import Body


@dataclass(eq=False, slots=True)
class Piece:
    """A slice: with its body until that is in its file, with its checksum from then on.

    `checked` says that this process wrote the file, or has compared it with its checksum.
    """

    id: int
    size_bytes: int
    body: "Body | None" = None
    checksum: int = 0
    uses: int = 0
    gone: bool = False
    checked: bool = False

    @property
    def is_filed(self) -> bool:
        """Whether there is a file of it."""
        return self.body is None


@dataclass(eq=False, slots=True)
class Held:
    """A stored response; `head` is known here only until it is in the index."""

    id: int
    key: CacheKey
    version: int
    length: int | None
    tags: frozenset[str]
    pieces: dict[int, Piece] = field(default_factory=dict)
    head: StoredHead | None = None
    purged_s: float | None = None
    revision: int = 0
    is_indexed: bool = False
    gone: bool = False

    def identity(self, number: int) -> SliceIdentity:
        """Whose slice the one with this number is."""
        return SliceIdentity(self.pieces[number].id, self.id, number)

    def filed(self) -> list[int]:
        """The ids of its slices that have files."""
        return [piece.id for piece in self.pieces.values() if piece.is_filed]


class Directory:
    """Stored responses in three indexes that agree."""

    def __init__(self, held: Iterable[Held] = ()) -> None:
        self._held: dict[CacheKey, Held] = {}
        self._resources: dict[str, dict[CacheKey, Held]] = {}
        self._tagged: dict[str, set[Held]] = {}
        self._versions: dict[int, Held] = {}
        for each in held:
            self.add(each)

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    def get(self, key: CacheKey) -> Held | None:
        """What is held under this key."""
        return self._held.get(key)

    def version(self, version: int) -> Held | None:
        """What has this version, which nothing else has."""
        return self._versions.get(version)

    def of(self, resource: str) -> Collection[Held]:
        """All variants of a resource."""
        return self._resources.get(resource, {}).values()

    def add(self, held: Held) -> None:
        """Hold something whose key is not held yet."""
        assert held.key not in self._held
        self._held[held.key] = held
        self._versions[held.version] = held
        self._resources.setdefault(held.key.resource, {})[held.key] = held
        for tag in held.tags:
            self._tagged.setdefault(tag, set()).add(held)

    def remove(self, held: Held) -> None:
        """Hold it no more."""
        held.gone = True
        del self._held[held.key]
        self._versions.pop(held.version, None)
        variants = self._resources[held.key.resource]
        del variants[held.key]
        if not variants:
            del self._resources[held.key.resource]
        self._untag(held)

    def retag(self, held: Held, tags: frozenset[str]) -> None:
        """Give it other tags."""
        if tags != held.tags:
            self._untag(held)
            held.tags = tags
            for tag in tags:
                self._tagged.setdefault(tag, set()).add(held)

    def covered(self, purge: Purge) -> list[Held]:
        """What a purge is about."""
        if purge.everything:
            return list(self)
        found = {held for tag in purge.tags for held in self._tagged.get(tag, ())}
        for resource in purge.resources:
            found.update(self.of(resource))
        return list(found)

    def _untag(self, held: Held) -> None:
        for tag in held.tags:
            tagged = self._tagged[tag]
            tagged.discard(held)
            if not tagged:
                del self._tagged[tag]
