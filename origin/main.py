"""The delivery process (`sluice origin`): from published builds to what edges fetch."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Final

from aiohttp import web

from core.errors import OperatorFault
from origin.delivery.announcements import follow_announcements
from origin.delivery.app import Delivery
from origin.delivery.builds import OpenBuilds
from origin.delivery.presenter import Presenter
from origin.delivery.reading import FileReader
from origin.delivery.responder import Responder
from origin.delivery.titles import Titles
from origin.repository import Repository
from runtime.health import Health
from runtime.listen import HostPort, bind, local_address
from runtime.metrics import Metrics
from runtime.migrations import require_current_schema
from runtime.postgres import Pool, check, close_pool, open_pool
from runtime.settings import OriginSettings
from runtime.storage import LocalStore

READER_THREADS: Final = 8
BUILD_LIMIT_BYTES: Final = 256 * 1024 * 1024
TEXT_LIMIT_BYTES: Final = 64 * 1024 * 1024
TITLE_LIMIT_BYTES: Final = 16 * 1024 * 1024
# Longer than an edge keeps an idle connection, so that the edge is the one who closes.
KEEPALIVE_S: Final = 90.0
SHUTDOWN_S: Final = 10.0


class FillKeyMissing(OperatorFault):
    """Anybody could fetch everything from an origin that listens beyond this machine."""

    code = "origin.fill_key_missing"


async def run(settings: OriginSettings, *, ready: Callable[[str], None] | None) -> None:
    """Deliver until cancelled; `ready` is told the URL once requests are answered.

    Raises `AddressInUse`, `FillKeyMissing`, `DatabaseUnavailable`, `SchemaOutdated`.
    """
    _check_exposure(settings.listen, settings.fill_key)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(bind(settings.listen))
        pool = await open_pool(
            settings.require_database_url(),
            max_size=settings.database_connections,
            application="sluice origin",
        )
        stack.push_async_callback(close_pool, pool)
        await require_current_schema(pool)
        executor = stack.enter_context(
            ThreadPoolExecutor(READER_THREADS, thread_name_prefix="reader")
        )
        titles = Titles(Repository(pool), limit_bytes=TITLE_LIMIT_BYTES)
        app = _application(settings, pool, titles, executor)
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            keepalive_timeout=KEEPALIVE_S,
            shutdown_timeout=SHUTDOWN_S,
        )
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        async with asyncio.TaskGroup() as group:
            group.create_task(
                follow_announcements(settings.require_database_url(), titles),
                name="announcements",
            )
            await web.SockSite(runner, listener).start()
            if ready is not None:
                ready(local_address(listener).url())


def _application(
    settings: OriginSettings, pool: Pool, titles: Titles, executor: ThreadPoolExecutor
) -> web.Application:
    store = LocalStore(settings.store_folder)
    builds = OpenBuilds(
        store, executor, limit_bytes=BUILD_LIMIT_BYTES, limit_count=settings.open_tracks
    )
    metrics = Metrics(process="origin")
    metrics.watch("sluice_origin_open_builds", "Builds kept open.", lambda: builds.count)
    metrics.watch(
        "sluice_origin_open_builds_bytes",
        "About how much memory the open builds take.",
        lambda: builds.used_bytes,
    )
    presenter = Presenter(titles, builds, store, executor, text_limit_bytes=TEXT_LIMIT_BYTES)
    health = Health(
        "origin", {"postgres": lambda: check(pool), "storage": lambda: _check_store(store)}
    )
    delivery = Delivery(presenter, Responder(FileReader(executor)), metrics, settings.fill_key)
    app = delivery.application(health, metrics)

    async def close(_app: web.Application) -> None:
        await builds.close()
        await titles.close()

    app.on_cleanup.append(close)
    return app


def _check_exposure(listen: HostPort, fill_key: str | None) -> None:
    if fill_key is None and not listen.is_loopback:
        raise FillKeyMissing(
            f"the origin would listen on {listen}, beyond this machine: set SLUICE_FILL_KEY here "
            "and on the edges"
        )


async def _check_store(store: LocalStore) -> None:
    if not await asyncio.to_thread(store.root.is_dir):
        raise OSError(f"{store.root} is not there")
