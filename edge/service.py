"""An edge put together: store, upstream, filler, and the two ports."""

import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

import native
from edge.admin import Admin
from edge.config import EdgeConfig
from edge.fill import Filler
from edge.handler import EdgeHandler
from edge.http_upstream import HttpUpstream
from edge.measured_upstream import MeasuredUpstream
from edge.metrics import EdgeMetrics
from edge.purge_desk import PurgeDesk
from edge.purge_follower import following
from edge.reference import ReferenceServer
from edge.store import MemoryStore
from edge.tiers import NoDisk, Tiers
from edge.upstream import Upstream

if native.IMPL == "compiled":
    from edge.plane import PlaneServer, plane_memory
    from edge.shelf import PlaneShelf


@dataclass(frozen=True, slots=True)
class Sockets:
    """The listening sockets of the two ports; the data plane runs a thread for each public one."""

    public: tuple[socket.socket, ...]
    admin: socket.socket


@asynccontextmanager
async def serving(
    config: EdgeConfig,
    sockets: Sockets,
    clock: Callable[[], float] = time.time,
    *,
    upstream: Upstream | None = None,
    on_plane: bool = native.IMPL == "compiled",
) -> AsyncIterator[None]:
    """Serve on the sockets for as long as the context lasts, then let requests end.

    Misses are fetched from `upstream`, or over HTTP from the one that the configuration names.
    """
    metrics = EdgeMetrics()
    shelf = plane = None
    if on_plane:
        memory = plane_memory(config.memory_bytes)
        shelf = PlaneShelf(config.name, memory)
        plane = PlaneServer(config, sockets.public, memory, shelf, metrics)
    store = MemoryStore(config.memory_bytes, metrics.evictions.inc, shelf, config.cache_policy)
    tiers = Tiers(store, NoDisk())
    upstream = MeasuredUpstream(upstream or HttpUpstream(config, metrics), metrics)
    filler = Filler(config, tiers, upstream, metrics, clock)
    metrics.watch(
        objects=lambda: len(store),
        stored_bytes=lambda: store.used_bytes,
        limit_bytes=config.memory_bytes,
        fetches=lambda: filler.fetches,
    )
    handler = EdgeHandler(config, tiers, upstream, filler, metrics, clock)
    async with AsyncExitStack() as stack:
        await upstream.open()
        stack.push_async_callback(upstream.close)
        stack.push_async_callback(filler.close)
        desk = PurgeDesk(filler, metrics)
        follower = await stack.enter_async_context(
            following(config.redis_url, desk, filler, metrics)
        )
        # Before the public port, so that it answers until the last viewer has gone.
        admin = Admin(config, desk, metrics, upstream, follower)
        await _start(stack, web.AppRunner(admin.application(), access_log=None), sockets.admin)
        if plane is not None:
            await plane.start(handler, store)
            stack.push_async_callback(plane.close)
        else:
            reference = ReferenceServer(config, handler, metrics).runner()
            await _start(stack, reference, *sockets.public)
        stack.callback(admin.drain)
        yield


async def _start(stack: AsyncExitStack, runner: web.BaseRunner, *listeners: socket.socket) -> None:
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    for listener in listeners:
        await web.SockSite(runner, listener, backlog=1024).start()
