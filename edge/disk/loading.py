"""Reading the index at the start: what the edge had when it ended, however it ended."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final, cast

import msgspec

from core.cache.purge_stream import Position
from core.cache.s3_fifo import S3Fifo
from edge.disk.changes import ALIVE, QUERIES, STARTED, Drop, DropEverything, PutFact
from edge.disk.directory import Directory, Held, Piece
from edge.disk.holdings import SliceKey, cost_bytes
from edge.disk.index import read_fact, read_position, read_rows, transaction
from edge.disk.rows import Column, ObjectRow, tags_of

# The ids that a run gives begin at the millisecond of its start, with room for a million in each.
# So a file that an earlier run left behind is never taken for a new one, even with the index lost.
IDS_IN_A_MS_BITS: Final = 20
_LATEST_MS: Final = 2**41
_LARGEST_ID: Final = 2**62


@dataclass(slots=True)
class Loaded:
    """What was found. The ids of this run begin at `first_id`; `keep` are those of slices found."""

    directory: Directory
    policy: S3Fifo[SliceKey]
    position: Position | None
    first_id: int
    keep: set[int]
    damaged: int

    def ids(self) -> Iterator[int]:
        """The ids of this run, each once."""
        return count(self.first_id)

    def is_orphan(self, number: int) -> bool:
        """Whether a file with this id belongs to nobody."""
        return number < self.first_id and number not in self.keep


def load(
    index: sqlite3.Connection, limit_bytes: int, *, away_limit_s: float | None, now_s: float
) -> Loaded:
    """Read what is stored, drop what is not whole or too much, begin a run.

    An edge that was away for longer than `away_limit_s` forgets everything: nobody remembers any
    more what it was not told. Raises `sqlite3.Error`.
    """
    first_id = _first_id(index, now_s)
    with transaction(index, durable=True):
        PutFact(STARTED, first_id).apply(index)
        if _was_away(index, away_limit_s, now_s):
            DropEverything().apply(index)
        PutFact(ALIVE, now_s).apply(index)
        held, damaged = _read(index)
        policy: S3Fifo[SliceKey] = S3Fifo(limit_bytes)
        _admit(policy, held)
        whole = [each for each in held.values() if each.pieces]
        _drop_rest(index, whole)
    keep = {piece.id for each in whole for piece in each.pieces.values()}
    position = read_position(index)
    return Loaded(Directory(whole), policy, position, first_id, keep, damaged)


def _first_id(index: sqlite3.Connection, now_s: float) -> int:
    """An id above all that were ever given, although the clock may have been put back."""
    given = read_fact(index, STARTED)
    in_use: int = index.execute(QUERIES["last_id"]).fetchone()[0]
    begun = given if isinstance(given, int) else 0
    first = max(min(int(now_s * 1000), _LATEST_MS) << IDS_IN_A_MS_BITS, in_use + 1, begun + 1)
    if first > _LARGEST_ID:
        raise sqlite3.DataError(f"the ids have come to {first}")
    return first


def _was_away(index: sqlite3.Connection, limit_s: float | None, now_s: float) -> bool:
    last = read_fact(index, ALIVE)
    known = isinstance(last, int | float)
    return limit_s is not None and (not known or now_s - cast("float", last) > limit_s)


def _read(index: sqlite3.Connection) -> tuple[dict[int, Held], int]:
    """The objects by id, with their slices; and how many rows were damaged."""
    held: dict[int, Held] = {}
    keys = set()
    damaged = 0
    for columns in read_rows(index, "every_object"):
        found = _held(cast("tuple[Column, ...]", columns))
        if found is None or found.key in keys:
            damaged += 1
        elif found.length is not None:
            keys.add(found.key)
            held[found.id] = found
    for columns in read_rows(index, "every_slice"):
        damaged += not _add_piece(held, columns)
    return held, damaged


def _held(columns: tuple[Column, ...]) -> Held | None:
    row = ObjectRow.read(columns)
    if row is None:
        return None
    try:
        key = row.key()
    except (msgspec.MsgspecError, ValueError):
        return None
    found = Held(row.id, key, row.version, row.length, tags_of(row), is_indexed=True)
    found.purged_s = row.purged_s
    return found


def _add_piece(held: dict[int, Held], columns: tuple[object, ...]) -> bool:
    """Give a slice to its object, if that is there; whether the row is sound."""
    if len(columns) != 6 or not all(isinstance(column, int) for column in columns):
        return False
    number, owner, place, size_bytes, checksum, uses = cast("tuple[int, ...]", columns)
    if owner in held and place >= 0 and size_bytes >= 0:
        piece = Piece(number, size_bytes, checksum=checksum, uses=max(0, min(uses, 3)))
        held[owner].pieces[place] = piece
    return True


def _admit(policy: S3Fifo[SliceKey], held: dict[int, Held]) -> None:
    """Let the policy decide anew, oldest first, with the uses that are known."""
    by_key = {each.key: each for each in held.values()}
    pieces = (
        (piece.id, each.key, place, piece)
        for each in held.values()
        for place, piece in each.pieces.items()
    )
    for _, key, place, piece in sorted(pieces, key=lambda found: found[0]):
        victims = policy.admit((key, place), cost_bytes(piece.size_bytes))
        if victims is None:
            del by_key[key].pieces[place]
            continue
        for victim_key, victim_place in victims:
            del by_key[victim_key].pieces[victim_place]
        if (key, place) in policy:
            for _ in range(piece.uses):
                policy.touch((key, place))


def _drop_rest(index: sqlite3.Connection, whole: list[Held]) -> None:
    """Delete the rows of all that is not held."""
    kept_slices = {piece.id for held in whole for piece in held.pieces.values()}
    kept_objects = {held.id for held in whole}
    slices = [row[0] for row in index.execute(QUERIES["every_slice_id"])]
    objects = [row[0] for row in index.execute(QUERIES["every_object_id"])]
    Drop(
        [number for number in objects if number not in kept_objects],
        [number for number in slices if number not in kept_slices],
    ).apply(index)
