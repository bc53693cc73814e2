"""Opening the disk tier: the folder locked, the index read, the threads started, and an end."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from edge.disk.ballast import Ballast
from edge.disk.bodies import Bodies
from edge.disk.body_writer import BodyWriter
from edge.disk.changes import ALIVE, PutFact
from edge.disk.faults import CacheInUse
from edge.disk.heads import read_heads
from edge.disk.index import IndexErrors, IndexUnusable, delete_index, open_index
from edge.disk.index_writer import Housekeeping, IndexWriter
from edge.disk.loading import Loaded, load
from edge.disk.metrics import DiskMetrics
from edge.disk.readers import DEADLINE_S, READERS, ReaderPool
from edge.disk.tier import DiskTier, Machinery
from runtime.instance import DataInUse, InstanceLock
from runtime.logs import get_logger
from runtime.storage import StoreUnwritable, ensure_folder

log = get_logger(__name__)

# Free space that is left to others: a full disk stops more than a cache.
RESERVE_BYTES: Final = 2**30
ALIVE_EVERY_S: Final = 60.0
# How long what is queued may take at the end.
CLOSE_DEADLINE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class DiskPlan:
    """Where a disk tier is and how much it may take.

    An edge that ended longer than `away_limit_s` ago forgets what it had; None is any time.
    `read_deadline_s` is how long anyone waits for a read.
    """

    folder: Path
    limit_bytes: int
    reserve_bytes: int = RESERVE_BYTES
    readers: int = READERS
    read_deadline_s: float = DEADLINE_S
    away_limit_s: float | None = None


@asynccontextmanager
async def open_disk(
    plan: DiskPlan, metrics: DiskMetrics, clock: Callable[[], float] = time.time
) -> AsyncIterator[DiskTier]:
    """Keep what is stored in a folder, for as long as the context lasts.

    Raises `CacheInUse` when another edge does, and `StoreUnwritable`.
    """
    lock = InstanceLock(plan.folder)
    await asyncio.to_thread(_claim, plan.folder, lock)
    try:
        index, loaded = await asyncio.to_thread(_load, plan, metrics, clock())
        async with _running(plan, index, loaded, metrics) as tier:
            beat = asyncio.create_task(_say_alive(tier, clock), name="disk alive")
            try:
                yield tier
            finally:
                beat.cancel()
                tier.note(PutFact(ALIVE, clock()))
    finally:
        lock.release()


@asynccontextmanager
async def _running(
    plan: DiskPlan, index: sqlite3.Connection, loaded: Loaded, metrics: DiskMetrics
) -> AsyncIterator[DiskTier]:
    loop = asyncio.get_running_loop()
    bodies = Bodies(plan.folder)

    def emptied() -> None:
        loop.call_soon_threadsafe(tier.emptied)

    body_writer = BodyWriter(bodies, Ballast(plan.folder), plan.reserve_bytes)
    housekeeping = Housekeeping(body_writer.unlink, bodies.unlink, body_writer.yield_room, emptied)
    machinery = Machinery(
        bodies=bodies,
        body_writer=body_writer,
        index_writer=IndexWriter(plan.folder, index, housekeeping),
        read_heads=partial(read_heads, plan.folder),
        readers=ReaderPool(plan.readers, deadline_s=plan.read_deadline_s),
    )
    tier = DiskTier(
        machinery, loaded.directory, loaded.policy, loaded.ids(), loaded.position, metrics
    )
    ending = threading.Event()
    sweeper = threading.Thread(
        target=_sweep, args=(bodies, loaded, ending), name="disk-sweeper", daemon=True
    )
    sweeper.start()
    try:
        yield tier
    finally:
        ending.set()
        await _close(tier, machinery)


async def _close(tier: DiskTier, machinery: Machinery) -> None:
    """Write what is queued, then end the threads; one that hangs is left behind."""
    tier.close()
    machinery.readers.close()
    # What was written is told to the loop, goes into the index from there, and what has left the
    # index is deleted last.
    for step in (
        machinery.body_writer.flush,
        machinery.index_writer.close,
        machinery.body_writer.close,
    ):
        if not await asyncio.to_thread(step, CLOSE_DEADLINE_S):
            log.warning("disk.close_late", deadline_s=CLOSE_DEADLINE_S)


async def _say_alive(tier: DiskTier, clock: Callable[[], float]) -> None:
    """Write down, now and then, that purges could reach this edge."""
    while True:
        tier.note(PutFact(ALIVE, clock()))
        await asyncio.sleep(ALIVE_EVERY_S)


def _claim(folder: Path, lock: InstanceLock) -> None:
    ensure_folder(folder)
    try:
        lock.acquire()
    except DataInUse as error:
        raise CacheInUse(
            f"the cache folder {folder} is in use by another edge; stop that one, or choose "
            "another folder with --cache-dir"
        ) from error


def _load(plan: DiskPlan, metrics: DiskMetrics, now_s: float) -> tuple[sqlite3.Connection, Loaded]:
    """Open the index and read it; one that is not good is deleted, and the cache is empty."""
    try:
        return _read(plan, now_s)
    except (*IndexErrors, IndexUnusable) as error:
        log.warning("disk.index_unusable", folder=str(plan.folder), reason=str(error))
        metrics.emptied("unusable").inc()
    try:
        delete_index(plan.folder)
        return _read(plan, now_s)
    except OSError as error:
        raise StoreUnwritable(plan.folder, error) from error
    except (sqlite3.Error, IndexUnusable) as error:
        raise StoreUnwritable(plan.folder, OSError(str(error))) from error


def _read(plan: DiskPlan, now_s: float) -> tuple[sqlite3.Connection, Loaded]:
    index = open_index(plan.folder)
    try:
        loaded = load(index, plan.limit_bytes, away_limit_s=plan.away_limit_s, now_s=now_s)
    except BaseException:
        index.close()
        raise
    if loaded.damaged:
        log.warning("disk.index_damaged", rows=loaded.damaged)
    return index, loaded


def _sweep(bodies: Bodies, loaded: Loaded, ending: threading.Event) -> None:
    """Delete what earlier runs left behind."""
    swept = bodies.sweep(loaded.is_orphan, lambda: not ending.is_set())
    if swept:
        log.info("disk.swept", files=swept)
