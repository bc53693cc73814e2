"""An edge put together: store, upstream, filler, and the two ports."""

import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from edge.admin import Admin
from edge.config import EdgeConfig
from edge.fill import Filler
from edge.handler import EdgeHandler
from edge.metrics import EdgeMetrics
from edge.store import MemoryStore
from edge.upstream import Upstream

SHUTDOWN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Sockets:
    """The listening sockets of the two ports."""

    public: socket.socket
    admin: socket.socket


@asynccontextmanager
async def serving(
    config: EdgeConfig, sockets: Sockets, clock: Callable[[], float] = time.time
) -> AsyncIterator[None]:
    """Serve on both sockets for as long as the context lasts, then let requests end."""
    metrics = EdgeMetrics()
    store = MemoryStore(config.memory_bytes, metrics.evictions.inc)
    upstream = Upstream(config)
    filler = Filler(config, store, upstream, metrics, clock)
    metrics.watch(
        objects=lambda: len(store),
        stored_bytes=lambda: store.used_bytes,
        fetches=lambda: filler.fetches,
    )
    handler = EdgeHandler(config, store, upstream, filler, metrics, clock)
    async with AsyncExitStack() as stack:
        await upstream.open()
        stack.push_async_callback(upstream.close)
        stack.push_async_callback(filler.close)
        await _start(stack, _public_runner(handler, config), sockets.public)
        admin = Admin(config, filler, metrics, upstream).application()
        await _start(stack, web.AppRunner(admin, access_log=None), sockets.admin)
        yield


def _public_runner(handler: EdgeHandler, config: EdgeConfig) -> web.ServerRunner:
    # aiohttp's keep-alive deadline holds from the beginning of a connection on, and a head that
    # dribbles in does not prolong it.
    # A client that leaves ends its request at once; the fetch it waited for has a task of its own.
    server = web.Server(
        handler,
        handler_cancellation=True,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=config.idle_timeout_s,
    )
    return web.ServerRunner(server, shutdown_timeout=SHUTDOWN_S)


async def _start(stack: AsyncExitStack, runner: web.BaseRunner, listener: socket.socket) -> None:
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listener, backlog=1024).start()
