"""The disk tier: what is kept there, decided on the event loop and carried out by threads.

The directory in memory is the truth of the moment: a call changes it at once, and threads follow,
each in the order it is told. Bodies are written by one, the index by another, and what is read is
read by a pool. A slice enters the index when its file is in place, and its file is deleted when it
has left the index; so whenever the process is killed, the index names only files that are whole,
and files that it does not name are swept at the next start.

    write → directory → body thread: file → loop → index thread: row
    drop  → directory → index thread: row gone → body thread: file gone
    purge → directory → index thread: rows gone, durably → acknowledged → body thread: files gone
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import msgspec

from core.cache.purge_stream import Position
from core.cache.purging import Purge
from core.cache.s3_fifo import MOST_USES, S3Fifo
from core.cache.stored import StoredHead
from core.http.cache_key import CacheKey
from edge.disk.bodies import Bodies, OpenBody
from edge.disk.body_writer import BodyWriter, Lost, Outcome
from edge.disk.changes import (
    PURGES,
    Change,
    Drop,
    DropEverything,
    PutFact,
    PutObject,
    PutPosition,
    PutSlice,
    Soften,
    UseSlice,
)
from edge.disk.directory import Directory, Held, Piece
from edge.disk.faults import PurgeNotDurable
from edge.disk.index_writer import IndexWriter
from edge.disk.metrics import DiskMetrics
from edge.disk.readers import ReaderPool, ReadersBusy
from edge.disk.rows import object_row, read_head
from edge.disk.values import Body, DiskObject
from runtime.logs import get_logger

log = get_logger(__name__)

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


@dataclass(frozen=True, slots=True)
class Machinery:
    """The threads of a tier and what they work on."""

    bodies: Bodies
    body_writer: BodyWriter
    index_writer: IndexWriter
    read_heads: Callable[[Sequence[int]], dict[int, bytes]]
    readers: ReaderPool


class DiskTier:
    """Slices of stored responses in files, within a budget of bytes. Called on the event loop."""

    def __init__(
        self,
        machinery: Machinery,
        directory: Directory,
        policy: S3Fifo[SliceKey],
        ids: Iterable[int],
        position: Position | None,
        metrics: DiskMetrics,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._machinery = machinery
        self._index = machinery.index_writer
        self._directory = directory
        self._policy = policy
        self._ids = iter(ids)
        self._position = position
        self._metrics = metrics
        self._queued_bytes = 0
        self._closed = False
        self._told: list[Filed] = []
        self._drops = 0  # how many changes that take something away were made
        self._settled_drops = 0  # how many of them a durable commit has covered

    def __len__(self) -> int:
        """How many stored responses there are."""
        return len(self._directory)

    @property
    def used_bytes(self) -> int:
        """How much of the budget is taken."""
        return self._policy.used_bytes

    @property
    def queued_bytes(self) -> int:
        """How much waits to be written."""
        return self._queued_bytes

    @property
    def problem(self) -> str | None:
        """What keeps the disk from being of use; None when nothing does."""
        if self._machinery.readers.hang:
            return "every read of the disk hangs"
        return self._machinery.body_writer.problem

    # Finding and reading

    def holds(self, resource: str) -> bool:
        """Whether anything is kept of a resource."""
        return bool(self._directory.of(resource))

    def has(self, key: CacheKey, version: int) -> bool:
        """Whether this body is still the one kept, neither purged nor replaced."""
        held = self._directory.get(key)
        return held is not None and held.version == version

    def slices(self, key: CacheKey, version: int) -> Collection[int]:
        """Which slices of this body are kept."""
        held = self._directory.get(key)
        return () if held is None or held.version != version else held.pieces.keys()

    async def recall(self, resource: str) -> Sequence[DiskObject]:
        """What is kept of a resource, one for each variant; nothing when the disk is too slow."""
        wanted = [held for held in self._directory.of(resource) if held.length is not None]
        unknown = [held.id for held in wanted if held.head is None]
        written: dict[int, bytes] = {}
        if unknown:
            try:
                work = partial(self._machinery.read_heads, unknown)
                written = await self._machinery.readers.run(work)
            except (ReadersBusy, sqlite3.Error) as error:
                self._given_up(error)
                return ()
        found = (self._recalled(held, written) for held in wanted if not held.gone)
        return [each for each in found if each is not None]

    async def read(self, key: CacheKey, version: int, number: int) -> bytes | None:
        """The bytes of a slice; None when it is not kept, or the disk is too slow.

        What is damaged is dropped. Whoever awaits this directly goes on before anything is purged.
        """
        held, piece = self._find(key, version, number)
        if held is None or piece is None:
            return None
        self._use(held, number, piece)
        if piece.body is not None:
            return piece.body if isinstance(piece.body, bytes) else bytes(piece.body)
        work = partial(
            self._machinery.bodies.read, held.identity(number), piece.size_bytes, piece.checksum
        )
        try:
            body = await self._machinery.readers.run(work)
        except (ReadersBusy, OSError) as error:
            self._given_up(error)
            return None
        if piece.gone:
            return None
        if body is None:
            self._lost(held, number)
            return None
        self._metrics.hits.inc()
        return body

    async def open(
        self, key: CacheKey, version: int, number: int, *, used: bool = True
    ) -> OpenBody | None:
        """The file of a slice; None when it has none yet, and where `read` gives None.

        Nobody writes to it any more, and it is there for as long as it is open.
        """
        held, piece = self._find(key, version, number)
        if held is None or piece is None or not piece.is_filed:
            return None
        if used:
            self._use(held, number, piece)
        work = partial(
            self._machinery.bodies.open,
            held.identity(number),
            piece.size_bytes,
            piece.checksum,
            checked=piece.checked,
        )
        try:
            opened = await self._machinery.readers.run(work)
        except (ReadersBusy, OSError) as error:
            self._given_up(error)
            return None
        if piece.gone:
            return None
        if opened is None:
            self._lost(held, number)
            return None
        piece.checked = True
        if used:
            self._metrics.hits.inc()
        return opened

    def touch(self, version: int, number: int) -> None:
        """Count a use that something nearer answered, so that what is popular stays here, too."""
        held = self._directory.version(version)
        piece = None if held is None else held.pieces.get(number)
        if held is not None and piece is not None:
            self._use(held, number, piece)

    # Writing

    def write(
        self,
        key: CacheKey,
        head: StoredHead,
        version: int,
        length: int | None,
        number: int,
        body: Body,
    ) -> None:
        """Keep a slice, behind the caller's back; dropped and counted when that is too much.

        Another version takes the place of the one kept. While `length` is None the response is not
        whole, and is neither recalled nor kept over a restart.
        """
        held = self._directory.get(key)
        if held is not None and held.version != version:
            self._drop_object(held)
            held = None
        if held is not None and held.length is None and length is not None:
            self._revise(held, head, length)
        size_bytes = len(body)
        if held is not None and number in held.pieces:
            return
        if not self._may_queue(size_bytes):
            self._metrics.dropped(Lost.BUSY).inc()
            return
        if held is None:
            held = self._hold(key, head, version, length)
        self._admit(held, number, Piece(next(self._ids), size_bytes, body))

    def tell(self, filed: Filed) -> None:
        """Call this whenever a slice has got its file."""
        self._told.append(filed)

    def renew(self, key: CacheKey, version: int, head: StoredHead) -> None:
        """Keep a new head with a body that is kept, as after a 304."""
        held = self._directory.get(key)
        if held is not None and held.version == version:
            self._revise(held, head, held.length)

    def forget(self, key: CacheKey) -> None:
        """Keep nothing under this key."""
        held = self._directory.get(key)
        if held is not None:
            self._drop_object(held)

    # Purging

    async def purge(self, purge: Purge, now_s: float) -> int:
        """Drop what a purge covers, or mark it stale; return how many, when that is durable.

        For this process it is done before the first wait. Raises `PurgeNotDurable`.
        """
        covered = self._directory.covered(purge)
        if purge.soft:
            self._soften(covered, now_s)
        elif purge.everything:
            self._drop(*self._take_everything())
        else:
            self._take_out(covered)
        if self._drops > self._settled_drops:
            await self.durable()
        return len(covered)

    def load(self) -> Position | None:
        """The position in the stream of purges that is known to be applied here."""
        return self._position

    def save(self, position: Position) -> None:
        """Keep a position; it becomes durable after all purges before it, never earlier."""
        self._position = position
        self._index.put(PutPosition(position))

    def note(self, change: Change) -> None:
        """Write something into the index."""
        self._index.put(change)

    def emptied(self) -> None:
        """The index was lost and begun anew: all that was kept is gone."""
        self._metrics.emptied("failed").inc()
        self._index.drop(*self._take_everything())
        if self._position is not None:
            self._index.put(PutPosition(self._position))

    def close(self) -> None:
        """Keep nothing more."""
        self._closed = True

    # Within

    def _find(
        self, key: CacheKey, version: int, number: int
    ) -> tuple[Held, Piece] | tuple[None, None]:
        held = self._directory.get(key)
        if held is None or held.version != version or number not in held.pieces:
            return None, None
        return held, held.pieces[number]

    def _given_up(self, error: Exception) -> None:
        self._metrics.late.inc()
        if not isinstance(error, ReadersBusy):
            log.warning("disk.read_failed", reason=str(error))

    def _recalled(self, held: Held, written: dict[int, bytes]) -> DiskObject | None:
        head = held.head
        if head is None:
            raw = written.get(held.id)
            try:
                head = None if raw is None else read_head(raw, held.purged_s)
            except (msgspec.MsgspecError, ValueError):
                head = None
        if head is None:
            self._metrics.corrupt.inc()
            log.warning("disk.corrupt_head", resource=held.key.resource)
            self._drop_object(held)
            return None
        assert held.length is not None
        head = replace(head, purged_s=held.purged_s)
        return DiskObject(held.key, head, held.version, held.length, frozenset(held.pieces))

    def _use(self, held: Held, number: int, piece: Piece) -> None:
        self._policy.touch((held.key, number))
        if piece.uses < MOST_USES and self._index.backlog < MOST_BACKLOG:
            piece.uses += 1
            if piece.is_filed:
                self._index.put(UseSlice(piece.id, piece.uses))

    def _may_queue(self, size_bytes: int) -> bool:
        roomy = self._queued_bytes + size_bytes <= MOST_QUEUED_BYTES
        return roomy and not self._closed and self._index.backlog < MOST_BACKLOG

    def _hold(self, key: CacheKey, head: StoredHead, version: int, length: int | None) -> Held:
        held = Held(next(self._ids), key, version, length, head.tags, head=head)
        held.purged_s = head.purged_s
        self._directory.add(held)
        return held

    def _admit(self, held: Held, number: int, piece: Piece) -> None:
        held.pieces[number] = piece
        victims = self._policy.admit((held.key, number), cost_bytes(piece.size_bytes))
        if victims is None:
            self._drop_piece(held, number)
            self._metrics.dropped(Lost.FULL).inc()
            return
        for victim in victims:
            self._evict(victim)
        if piece.gone:
            return
        assert piece.body is not None
        self._queued_bytes += piece.size_bytes
        self._machinery.body_writer.store(
            held.identity(number), piece.body, self._in_thread(self._stored, held, number, piece)
        )

    def _evict(self, victim: SliceKey) -> None:
        key, number = victim
        held = self._directory.get(key)
        assert held is not None, "the policy knows only what is held"
        self._drop_piece(held, number)
        self._metrics.evictions.inc()

    def _stored(self, held: Held, number: int, piece: Piece, outcome: Outcome) -> None:
        """The file of a slice is in place, or could not be written."""
        self._queued_bytes -= piece.size_bytes
        if isinstance(outcome, Lost):
            self._metrics.dropped(outcome).inc()
            if not piece.gone:
                self._drop_piece(held, number)
            return
        if piece.gone:
            self._machinery.body_writer.unlink((piece.id,))
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
            self._drop_piece(held, number)

    def _revise(self, held: Held, head: StoredHead, length: int | None) -> None:
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

    def _lost(self, held: Held, number: int) -> None:
        log.warning("disk.corrupt_body", resource=held.key.resource, slice=number)
        self._metrics.corrupt.inc()
        self._drop_piece(held, number)

    def _drop_piece(self, held: Held, number: int) -> None:
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

    def _drop_object(self, held: Held) -> None:
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

    def _soften(self, covered: Sequence[Held], now_s: float) -> None:
        fresh = [held for held in covered if held.purged_s is None]
        for held in fresh:
            held.purged_s = now_s
        ids = [held.id for held in fresh if held.is_indexed]
        if ids:
            self._drop(Soften(ids, now_s))

    def _take_out(self, covered: Sequence[Held]) -> None:
        files = [number for held in covered for number in self._let_go(held)]
        ids = [held.id for held in covered if held.is_indexed]
        if ids:
            self._drop(Drop(ids), files)

    def _take_everything(self) -> tuple[Change, Sequence[int]]:
        files = [number for held in list(self._directory) for number in self._let_go(held)]
        return DropEverything(), files

    def _drop(self, change: Change, files: Sequence[int] = ()) -> None:
        self._drops += 1
        self._index.drop(change, files)

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
