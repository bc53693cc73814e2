"""The API and library process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from socket import socket

from aiohttp import web

from runtime.listen import bind, local_address
from runtime.metrics import Metrics
from runtime.migrations import require_current_schema
from runtime.postgres import Pool, close_pool, open_pool
from runtime.scratch import Scratch
from runtime.settings.server import ServerSettings
from runtime.storage import LocalStore
from server.application import build_application
from server.cursor import CursorKey
from server.deletions import Deletions
from server.purges import Purges
from server.repository import Repository
from server.services import Services
from server.visitor import parse_networks
from server.web_site import WebSite, built_folder

# Requests in progress get this share of the time that the process has to stop.
DRAIN_SHARE = 0.6


async def run(settings: ServerSettings, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve the API and the pages until cancelled; `ready` is told our URL once we answer.

    Raises `AddressInUse`, `DatabaseUnavailable`, `DatabaseRefused`, `SchemaOutdated`,
    `SchemaDiverged` and `StoreUnwritable`.
    """
    listener = bind(settings.listen)
    try:
        async with _services(settings) as (services, pool):
            app = build_application(services, pool, WebSite(built_folder()))
            async with _serving(app, listener, settings):
                if ready is not None:
                    ready(local_address(listener).url())
                async with asyncio.TaskGroup() as group:
                    group.create_task(services.purges.run(), name="purges")
                    group.create_task(services.deletions.run(), name="deletions")
    finally:
        listener.close()


@asynccontextmanager
async def _services(settings: ServerSettings) -> AsyncIterator[tuple[Services, Pool]]:
    store = LocalStore(settings.store_folder)
    store.prepare()
    pool = await open_pool(
        settings.require_database_url(),
        max_size=settings.database_connections,
        application="sluice server",
    )
    try:
        await require_current_schema(pool)
        repository = Repository(pool)
        with Scratch.open(settings.scratch_folder, "server") as scratch:
            yield (
                Services(
                    settings=settings,
                    repository=repository,
                    store=store,
                    scratch=scratch,
                    cursors=CursorKey(await repository.secret("cursors")),
                    deletions=Deletions(store),
                    purges=Purges(repository, settings.edge_admin_urls, settings.admin_token),
                    metrics=Metrics(process="server"),
                    trusted=parse_networks(settings.trusted_proxy),
                ),
                pool,
            )
    finally:
        await close_pool(pool)


@asynccontextmanager
async def _serving(
    app: web.Application, listener: socket, settings: ServerSettings
) -> AsyncIterator[None]:
    # No endpoint reads compressed bodies, so nothing here has to unpack them before it is refused.
    runner = web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=settings.idle_timeout_s,  # holds for the first head, too
        shutdown_timeout=settings.stop_deadline_s * DRAIN_SHARE,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()
