"""The disk tier: what is kept there, decided on the event loop and carried out by threads.

The directory in memory is the truth of the moment: a call changes it at once, and threads follow,
each in the order it is told. Bodies are written by one, the index by another, and what is read is
read by a pool. A slice enters the index when its file is in place, and its file is deleted when it
has left the index; so whenever the process is killed, the index names only files that are whole,
and files that it does not name are swept at the next start. The way of each change
stands in `holdings.py`.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import msgspec

from core.cache.purge_stream import Position
from core.cache.purging import Purge
from core.cache.s3_fifo import S3Fifo
from core.cache.stored import StoredHead
from core.http.cache_key import CacheKey
from edge.disk.bodies import Bodies, OpenBody
from edge.disk.body_writer import BodyWriter, Lost
from edge.disk.changes import Change, PutPosition
from edge.disk.directory import Directory, Held, Piece
from edge.disk.holdings import Filed, Holdings, SliceKey
from edge.disk.index_writer import IndexWriter
from edge.disk.metrics import DiskMetrics
from edge.disk.readers import ReaderPool, ReadersBusy
from edge.disk.rows import read_head
from edge.disk.values import Body, DiskObject
from runtime.logs import get_logger

log = get_logger(__name__)


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
        self._machinery = machinery
        self._index = machinery.index_writer
        self._directory = directory
        self._holdings = Holdings(
            directory, policy, ids, machinery.body_writer, machinery.index_writer, metrics
        )
        self._position = position
        self._metrics = metrics
        self._closed = False

    def __len__(self) -> int:
        """How many stored responses there are."""
        return len(self._directory)

    @property
    def used_bytes(self) -> int:
        """How much of the budget is taken."""
        return self._holdings.used_bytes

    @property
    def queued_bytes(self) -> int:
        """How much waits to be written."""
        return self._holdings.queued_bytes

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
        self._holdings.use(held, number, piece)
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
            self._holdings.use(held, number, piece)
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
            self._holdings.use(held, number, piece)

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
            self._holdings.drop_object(held)
            held = None
        if held is not None and held.length is None and length is not None:
            self._holdings.revise(held, head, length)
        if held is not None and number in held.pieces:
            return
        if self._closed or not self._holdings.may_queue(len(body)):
            self._metrics.dropped(Lost.BUSY).inc()
            return
        if held is None:
            held = self._holdings.hold(key, head, version, length)
        self._holdings.admit(held, number, body)

    def tell(self, filed: Filed) -> None:
        """Call this whenever a slice has got its file."""
        self._holdings.tell(filed)

    def renew(self, key: CacheKey, version: int, head: StoredHead) -> None:
        """Keep a new head with a body that is kept, as after a 304."""
        held = self._directory.get(key)
        if held is not None and held.version == version:
            self._holdings.revise(held, head, held.length)

    def forget(self, key: CacheKey) -> None:
        """Keep nothing under this key."""
        held = self._directory.get(key)
        if held is not None:
            self._holdings.drop_object(held)

    # Purging

    async def purge(self, purge: Purge, now_s: float) -> int:
        """Drop what a purge covers, or mark it stale; return how many, when that is durable.

        For this process it is done before the first wait. Raises `PurgeNotDurable`.
        """
        covered = self._directory.covered(purge)
        if purge.soft:
            self._holdings.soften(covered, now_s)
        elif purge.everything:
            self._holdings.take_everything_out()
        else:
            self._holdings.take_out(covered)
        await self._holdings.settle()
        return len(covered)

    async def durable(self) -> None:
        """Wait until no power cut can undo what was done so far. Raises `PurgeNotDurable`."""
        await self._holdings.durable()

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
        self._holdings.emptied()
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
            self._holdings.drop_object(held)
            return None
        assert held.length is not None
        head = replace(head, purged_s=held.purged_s)
        return DiskObject(held.key, head, held.version, held.length, frozenset(held.pieces))

    def _lost(self, held: Held, number: int) -> None:
        log.warning("disk.corrupt_body", resource=held.key.resource, slice=number)
        self._metrics.corrupt.inc()
        self._holdings.drop_piece(held, number)
