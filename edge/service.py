"""An edge put together: store, upstream, filler, and the two ports."""

import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

import native
from core.cache.purging import Purge
from edge.access_log import AccessLog
from edge.admin import Admin
from edge.config import EdgeConfig
from edge.disk.metrics import DiskMetrics
from edge.disk.opening import DiskPlan, open_disk
from edge.disk.tier import DiskTier
from edge.filing import filing
from edge.fill import Filler
from edge.handler import EdgeHandler
from edge.http_upstream import HttpUpstream
from edge.measured_upstream import MeasuredUpstream
from edge.metrics import EdgeMetrics
from edge.purge_desk import PurgeDesk
from edge.purge_follower import PurgeFollower, following
from edge.reference import ReferenceServer
from edge.store import MemoryStore
from edge.tiers import NoDisk, SlicesOnDisk, Tiers
from edge.upstream import Upstream
from runtime.health import Note

if native.IMPL == "compiled":
    from edge.plane import PlaneServer, plane_memory
    from edge.shelf import PlaneShelf


Purger = Callable[[Purge], Awaitable[None]]

# Without Redis a server tells an edge of a purge for a day; what an edge that was away for longer
# has on its disk may have been purged without its knowledge.
LONGEST_ABSENCE_S: Final = 20 * 3600.0
# A connection that comes to the admin port as it closes would be waited for until it asks.
ADMIN_STOP_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Sockets:
    """The listening sockets of the two ports; the data plane runs a thread for each public one.

    Without a socket for it there is no admin port.
    """

    public: tuple[socket.socket, ...]
    admin: socket.socket | None


@asynccontextmanager
async def serving(
    config: EdgeConfig,
    sockets: Sockets,
    clock: Callable[[], float] = time.time,
    *,
    upstream: Upstream | None = None,
    metrics: EdgeMetrics | None = None,
    log: AccessLog | None = None,
    on_plane: bool = native.IMPL == "compiled",
) -> AsyncIterator[Purger]:
    """Serve on the sockets for as long as the context lasts, then let requests end; give a purger.

    Misses are fetched from `upstream`, or over HTTP from the one that the configuration names.
    """
    metrics = metrics or EdgeMetrics()
    shelf = plane = None
    if on_plane:
        memory = plane_memory(config.memory_bytes)
        shelf = PlaneShelf(config.name, memory)
        plane = PlaneServer(config, sockets.public, memory, shelf, metrics, log)
    store = MemoryStore(config.memory_bytes, metrics.evictions.inc, shelf, config.cache_policy)
    upstream = MeasuredUpstream(upstream or HttpUpstream(config, metrics), metrics)
    async with AsyncExitStack() as stack:
        tier = await _opened_disk(stack, config, metrics, clock)
        if tier is not None:
            store.tell_uses(tier.touch)
        tiers = Tiers(store, NoDisk() if tier is None else SlicesOnDisk(tier, config.terms))
        if tier is not None and shelf is not None:
            await stack.enter_async_context(filing(tier, tiers))
        filler = Filler(config, tiers, upstream, metrics, clock)
        metrics.watch(
            objects=lambda: len(store),
            stored_bytes=lambda: store.used_bytes,
            limit_bytes=config.memory_bytes,
            fetches=lambda: filler.fetches,
        )
        handler = EdgeHandler(config, tiers, upstream, filler, metrics, clock)
        await upstream.open()
        stack.push_async_callback(upstream.close)
        stack.push_async_callback(filler.close)
        desk = PurgeDesk(filler, metrics)
        stack.push_async_callback(desk.close)
        follower = await stack.enter_async_context(
            following(config.redis_url, desk, filler, metrics, tier)
        )
        admin = Admin(config, desk, metrics, upstream, _notes(follower, tier))
        # Before the public port, so that it answers until the last viewer has gone.
        if sockets.admin is not None:
            await _start_admin(stack, admin, sockets.admin)
        if plane is not None:
            await plane.start(handler, store)
            stack.push_async_callback(plane.close)
        else:
            reference = ReferenceServer(config, handler, metrics, log)
            await _start(stack, reference.runner(), *sockets.public)
            stack.callback(reference.drain)
        stack.callback(admin.drain)
        yield _purger(filler)


def _notes(follower: PurgeFollower | None, tier: DiskTier | None) -> dict[str, Note]:
    """What an edge serves on without, so that nobody need look elsewhere: Redis, and its disk."""
    notes: dict[str, Note] = {}
    if follower is not None:
        notes["redis"] = lambda: follower.problem
    if tier is not None:
        notes["disk"] = lambda: tier.problem
    return notes


async def _opened_disk(
    stack: AsyncExitStack, config: EdgeConfig, metrics: EdgeMetrics, clock: Callable[[], float]
) -> DiskTier | None:
    """The disk tier, unless the edge has none; it is closed when all else is."""
    if config.cache_dir is None:
        return None
    plan = DiskPlan(
        config.cache_dir,
        config.disk_bytes,
        reserve_bytes=config.disk_reserve_bytes,
        read_deadline_s=config.disk_timeout_s,
        away_limit_s=LONGEST_ABSENCE_S if config.redis_url is None else None,
    )
    disk_metrics = DiskMetrics(metrics.page)
    tier = await stack.enter_async_context(open_disk(plan, disk_metrics, clock))
    disk_metrics.watch(
        objects=lambda: len(tier),
        stored_bytes=lambda: tier.used_bytes,
        limit_bytes=config.disk_bytes,
        queued_bytes=lambda: tier.queued_bytes,
    )
    return tier


def _purger(filler: Filler) -> Purger:
    async def purge(purge: Purge) -> None:
        await filler.purge(purge)

    return purge


async def _start_admin(stack: AsyncExitStack, admin: Admin, listener: socket.socket) -> None:
    runner = web.AppRunner(admin.application(), access_log=None, shutdown_timeout=ADMIN_STOP_S)
    await _start(stack, runner, listener)


async def _start(stack: AsyncExitStack, runner: web.BaseRunner, *listeners: socket.socket) -> None:
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    for listener in listeners:
        await web.SockSite(runner, listener, backlog=1024).start()
