"""What a disk tier keeps: the directory, the policy and the index, changed together.

- write: directory → body thread: file → loop → index thread: row
- drop: directory → index thread: row gone → body thread: file gone
- purge: directory → index thread: rows gone, durably → acknowledged → body thread: files gone
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from core.cache.s3_fifo import MOST_USES, S3Fifo
from core.cache.stored import StoredHead
from core.http.cache_key import CacheKey
from edge.disk.body_writer import BodyWriter, Lost, Outcome
from edge.disk.changes import (
    PURGES,
    Change,
    Drop,
    DropEverything,
    PutFact,
    PutObject,
    PutSlice,
    Soften,
    UseSlice,
)
from edge.disk.directory import Directory, Held, Piece
from edge.disk.faults import PurgeNotDurable
from edge.disk.index_writer import IndexWriter
from edge.disk.metrics import DiskMetrics
from edge.disk.rows import object_row
from edge.disk.values import Body

# What waits to be written, and what waits to be indexed; beyond that slices are not kept.
MOST_QUEUED_BYTES: Final = 64 * 2**20
MOST_BACKLOG: Final = 10_000
# What a slice costs beside its bytes: its share of the index, and the rest of a last block.
OVERHEAD_BYTES: Final = 1024
BLOCK_BYTES: Final = 4096
PURGE_DEADLINE_S: Final = 10.0

# Called with the key, the version and the number of a slice whose file is in place.
Filed = Callable[[CacheKey, int, int], None]
# What the policy knows a slice by: the same for the same slice of a newer body.
SliceKey = tuple[CacheKey, int]


def cost_bytes(size_bytes: int) -> int:
    """What a slice counts against the budget."""
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES + OVERHEAD_BYTES


class Holdings:
    """Slices and the stored responses that they are of. Called on the event loop."""

    def __init__(
        self,
        directory: Directory,
        policy: S3Fifo[SliceKey],
        ids: Iterable[int],
        writer: BodyWriter,
        index: IndexWriter,
        metrics: DiskMetrics,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._directory = directory
        self._policy = policy
        self._ids = iter(ids)
        self._writer = writer
        self._index = index
        self._metrics = metrics
        self.queued_bytes = 0
        self._told: list[Filed] = []
        self._drops = 0  # how many changes that take something away were made
        self._settled_drops = 0  # how many of them a durable commit has covered

    @property
    def used_bytes(self) -> int:
        """How much of the budget is taken."""
        return self._policy.used_bytes

    def use(self, held: Held, number: int, piece: Piece) -> None:
        """Count a use of a slice."""
        self._policy.touch((held.key, number))
        if piece.uses < MOST_USES and self._index.backlog < MOST_BACKLOG:
            piece.uses += 1
            if piece.is_filed:
                self._index.put(UseSlice(piece.id, piece.uses))

    def may_queue(self, size_bytes: int) -> bool:
        """Whether so many bytes more may wait to be written."""
        roomy = self.queued_bytes + size_bytes <= MOST_QUEUED_BYTES
        return roomy and self._index.backlog < MOST_BACKLOG

    def tell(self, filed: Filed) -> None:
        """Call this whenever a slice has got its file."""
        self._told.append(filed)

    def hold(self, key: CacheKey, head: StoredHead, version: int, length: int | None) -> Held:
        """Keep a stored response, of which there are no slices yet."""
        held = Held(next(self._ids), key, version, length, head.tags, head=head)
        held.purged_s = head.purged_s
        self._directory.add(held)
        return held

    def admit(self, held: Held, number: int, body: Body) -> None:
        """Keep a slice, if the policy takes it, and have its file written."""
        piece = held.pieces[number] = Piece(next(self._ids), len(body), body)
        victims = self._policy.admit((held.key, number), cost_bytes(piece.size_bytes))
        if victims is None:
            self.drop_piece(held, number)
            self._metrics.dropped(Lost.FULL).inc()
            return
        for victim in victims:
            self._evict(victim)
        if piece.gone:
            return
        self.queued_bytes += piece.size_bytes
        self._writer.store(
            held.identity(number), body, self._in_thread(self._stored, held, number, piece)
        )

    def _evict(self, victim: SliceKey) -> None:
        key, number = victim
        held = self._directory.get(key)
        assert held is not None, "the policy knows only what is held"
        self.drop_piece(held, number)
        self._metrics.evictions.inc()

    def _stored(self, held: Held, number: int, piece: Piece, outcome: Outcome) -> None:
        """The file of a slice is in place, or could not be written."""
        self.queued_bytes -= piece.size_bytes
        if isinstance(outcome, Lost):
            self._metrics.dropped(outcome).inc()
            if not piece.gone:
                self.drop_piece(held, number)
            return
        if piece.gone:
            self._writer.unlink((piece.id,))
            return
        piece.body, piece.checksum, piece.checked = None, outcome, True
        if not held.is_indexed:
            held.is_indexed = True
            self._put_object(held)
        self._index.add(
            PutSlice(piece.id, held.id, number, piece.size_bytes, piece.checksum),
            self._in_thread(self._entered, held, number, piece),
        )
        if piece.uses:
            self._index.put(UseSlice(piece.id, piece.uses))
        for told in self._told:
            told(held.key, held.version, number)

    def _entered(self, held: Held, number: int, piece: Piece, problem: Exception | None) -> None:
        """A slice is in the index, or there was no room for it."""
        if problem is None:
            self._metrics.writes.inc()
            return
        self._metrics.dropped(Lost.FULL).inc()
        if not piece.gone:
            self.drop_piece(held, number)

    def revise(self, held: Held, head: StoredHead, length: int | None) -> None:
        """Give a stored response another head or its length."""
        held.head, held.length, held.purged_s = head, length, head.purged_s
        held.revision += 1
        self._directory.retag(held, head.tags)
        if held.is_indexed:
            self._put_object(held)

    def _put_object(self, held: Held) -> None:
        assert held.head is not None
        # A soft purge may have come since the head was given.
        head = replace(held.head, purged_s=held.purged_s)
        row = object_row(held.id, held.key, head, held.version, held.length)
        self._index.put(PutObject(row), self._in_thread(self._indexed, held, held.revision))

    def _indexed(self, held: Held, revision: int, problem: Exception | None) -> None:
        """The head is in the index, and need not be kept here."""
        if problem is None and held.revision == revision:
            held.head = None

    # Letting go

    def drop_piece(self, held: Held, number: int) -> None:
        """Keep a slice no more; without the last one there is no object."""
        piece = held.pieces.pop(number)
        piece.gone = True
        self._policy.remove((held.key, number))
        files = (piece.id,) if piece.is_filed else ()
        objects: tuple[int, ...] = ()
        if not held.pieces:
            self._directory.remove(held)
            objects = (held.id,) if held.is_indexed else ()
        if files or objects:
            self._drop(Drop(objects, files), files)

    def drop_object(self, held: Held) -> None:
        """Keep nothing of a stored response."""
        files = self._let_go(held)
        if held.is_indexed:
            self._drop(Drop((held.id,)), files)

    def _let_go(self, held: Held) -> list[int]:
        """Take an object out of the directory; the ids of its files."""
        files = held.filed()
        for number, piece in held.pieces.items():
            piece.gone = True
            self._policy.remove((held.key, number))
        self._directory.remove(held)
        return files

    def soften(self, covered: Sequence[Held], now_s: float) -> None:
        """Mark stored responses as stale."""
        fresh = [held for held in covered if held.purged_s is None]
        for held in fresh:
            held.purged_s = now_s
        ids = [held.id for held in fresh if held.is_indexed]
        if ids:
            self._drop(Soften(ids, now_s))

    def take_out(self, covered: Sequence[Held]) -> None:
        """Keep nothing of these stored responses."""
        files = [number for held in covered for number in self._let_go(held)]
        ids = [held.id for held in covered if held.is_indexed]
        if ids:
            self._drop(Drop(ids), files)

    def take_everything_out(self) -> None:
        """Keep nothing."""
        self._drop(DropEverything(), self._let_everything_go())

    def emptied(self) -> None:
        """Everything is gone already, since the index was begun anew; files are left."""
        self._index.drop(DropEverything(), self._let_everything_go())

    def _let_everything_go(self) -> list[int]:
        return [number for held in list(self._directory) for number in self._let_go(held)]

    def _drop(self, change: Change, files: Sequence[int] = ()) -> None:
        self._drops += 1
        self._index.drop(change, files)

    async def settle(self) -> None:
        """Wait until no power cut brings back what was dropped so far. Raises `PurgeNotDurable`."""
        if self._drops > self._settled_drops:
            await self.durable()

    async def durable(self) -> None:
        """Wait until no power cut can undo what was done so far. Raises `PurgeNotDurable`."""
        settles = self._drops
        settled: asyncio.Future[None] = self._loop.create_future()
        # A commit that changes nothing would not reach the disk, so that there is always a change.
        self._index.put(PutFact(PURGES, settles), self._in_thread(_settle, settled), durable=True)
        try:
            async with asyncio.timeout(PURGE_DEADLINE_S):
                await settled
        except TimeoutError as error:
            late = f"the disk has not taken the purge within {PURGE_DEADLINE_S:g} s"
            raise PurgeNotDurable(late) from error
        self._settled_drops = max(self._settled_drops, settles)

    def _in_thread(self, then: Callable[..., None], *first: object) -> Callable[[object], None]:
        """A function for a thread to call, which has `then` called on the loop."""

        def call(last: object) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(partial(then, *first, last))

        return call


def _settle(settled: asyncio.Future[None], problem: Exception | None) -> None:
    if settled.done():
        return
    if problem is None:
        settled.set_result(None)
    else:
        settled.set_exception(PurgeNotDurable(f"the disk does not take the purge: {problem}"))
