"""Changes to the index, as values; the one thread that writes it carries them out in order."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from core.cache.purge_stream import Position
from edge.disk.rows import ObjectRow
from runtime.sql import load_queries

QUERIES: Final = load_queries("edge.disk", "index.sql")

STARTED: Final = "first_id"
POSITION: Final = "position"
ALIVE: Final = "alive_s"
PURGES: Final = "purges"


class Change(Protocol):
    """Something to be done to the index."""

    def apply(self, index: sqlite3.Connection) -> None:
        """Do it. Raises `sqlite3.Error`."""
        ...


@dataclass(frozen=True, slots=True)
class PutObject:
    """Remember a stored response, or what has become of it."""

    row: ObjectRow

    def apply(self, index: sqlite3.Connection) -> None:
        """Write its row."""
        index.execute(QUERIES["put_object"], self.row.columns())


@dataclass(frozen=True, slots=True)
class PutSlice:
    """Remember a slice whose file is in place."""

    id: int
    object: int
    number: int
    size_bytes: int
    checksum: int

    def apply(self, index: sqlite3.Connection) -> None:
        """Write its row."""
        row = self.id, self.object, self.number, self.size_bytes, self.checksum
        index.execute(QUERIES["put_slice"], row)


@dataclass(frozen=True, slots=True)
class UseSlice:
    """Remember how often a slice was used, for the order of eviction after a restart."""

    id: int
    uses: int

    def apply(self, index: sqlite3.Connection) -> None:
        """Write it."""
        index.execute(QUERIES["use_slice"], (self.uses, self.id))


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget stored responses with all their slices, and single slices of others."""

    objects: Sequence[int] = ()
    slices: Sequence[int] = ()

    def apply(self, index: sqlite3.Connection) -> None:
        """Delete the rows."""
        index.executemany(QUERIES["drop_slices_of"], ((number,) for number in self.objects))
        index.executemany(QUERIES["drop_object"], ((number,) for number in self.objects))
        index.executemany(QUERIES["drop_slice"], ((number,) for number in self.slices))


@dataclass(frozen=True, slots=True)
class DropEverything:
    """Forget all that is stored."""

    def apply(self, index: sqlite3.Connection) -> None:
        """Delete all rows."""
        index.execute(QUERIES["drop_every_slice"])
        index.execute(QUERIES["drop_every_object"])


@dataclass(frozen=True, slots=True)
class Soften:
    """Mark stored responses stale."""

    objects: Sequence[int]
    purged_s: float

    def apply(self, index: sqlite3.Connection) -> None:
        """Write the rows anew, for their digests. One that is damaged is dropped instead."""
        for number in self.objects:
            columns = index.execute(QUERIES["get_object"], (number,)).fetchone()
            row = None if columns is None else ObjectRow.read(columns)
            if row is None:
                Drop((number,)).apply(index)
            else:
                PutObject(replace(row, purged_s=self.purged_s)).apply(index)


@dataclass(frozen=True, slots=True)
class PutPosition:
    """Remember where the edge stands in the stream of purges."""

    position: Position

    def apply(self, index: sqlite3.Connection) -> None:
        """Write it."""
        epoch = self.position.epoch
        written = None if epoch is None else f"{self.position.last} {epoch}"
        index.execute(QUERIES["put_fact"], (POSITION, written))


@dataclass(frozen=True, slots=True)
class PutFact:
    """Remember a number under a name."""

    name: str
    value: float

    def apply(self, index: sqlite3.Connection) -> None:
        """Write it."""
        index.execute(QUERIES["put_fact"], (self.name, self.value))
