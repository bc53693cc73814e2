"""The segment pipeline put together: from published builds to what edges fetch."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from origin.delivery.announcements import Announcements, Purger
from origin.delivery.builds import OpenBuilds
from origin.delivery.key_desk import KeyDesk
from origin.delivery.pipeline import Pipeline
from origin.delivery.presenter import Presenter
from origin.delivery.protected import ProtectedSegments
from origin.delivery.reading import FileReader
from origin.delivery.thumbnails import Thumbnails, in_processes
from origin.delivery.titles import Titles
from origin.jobs.media import MediaProcesses
from origin.repository import Repository
from runtime.health import Health
from runtime.metrics import Metrics
from runtime.migrations import require_current_schema
from runtime.postgres import check, close_pool, open_pool
from runtime.settings import OriginSettings
from runtime.storage import LocalStore

# What delivery keeps beside the bodies in `memory_bytes`, so that a library of any size fits.
BUILD_LIMIT_BYTES: Final = 64 * 1024 * 1024
TEXT_LIMIT_BYTES: Final = 16 * 1024 * 1024
TITLE_LIMIT_BYTES: Final = 16 * 1024 * 1024


class Origin:
    """A pipeline, and what must be heard while it answers."""

    def __init__(self, pipeline: Pipeline, titles: Titles, database_url: str) -> None:
        self.pipeline = pipeline
        self._titles = titles
        self._database_url = database_url

    async def follow(self, purge: Purger) -> None:
        """Keep up with what is published and deleted until cancelled; `purge` is told of it."""
        await Announcements(self._database_url, self._titles, purge).follow()


@asynccontextmanager
async def open_origin(settings: OriginSettings, metrics: Metrics) -> AsyncIterator[Origin]:
    """Connect to the database and the store for as long as the context lasts.

    Raises `DatabaseUnavailable` and `SchemaOutdated`.
    """
    database_url = settings.require_database_url()
    async with AsyncExitStack() as stack:
        pool = await open_pool(
            database_url, max_size=settings.database_connections, application="sluice origin"
        )
        stack.push_async_callback(close_pool, pool)
        await require_current_schema(pool)
        executor = stack.enter_context(
            ThreadPoolExecutor(settings.reader_threads, thread_name_prefix="reader")
        )
        store = LocalStore(settings.store_folder)
        checks = {"postgres": lambda: check(pool), "storage": lambda: _check_store(store)}
        titles = Titles(Repository(pool), limit_bytes=TITLE_LIMIT_BYTES)
        pipeline = _pipeline(settings, store, titles, executor, Health("origin", checks), metrics)
        yield Origin(pipeline, titles, database_url)


def _pipeline(
    settings: OriginSettings,
    store: LocalStore,
    titles: Titles,
    executor: ThreadPoolExecutor,
    health: Health,
    metrics: Metrics,
) -> Pipeline:
    builds = OpenBuilds(
        store, executor, limit_bytes=BUILD_LIMIT_BYTES, limit_count=settings.open_tracks
    )
    metrics.watch("sluice_origin_open_builds", "Builds kept open.", lambda: builds.count)
    metrics.watch(
        "sluice_origin_open_builds_bytes",
        "About how much memory the open builds take.",
        lambda: builds.used_bytes,
    )
    protected = ProtectedSegments(executor, settings.master_keys(), metrics)
    presenter = Presenter(
        titles,
        builds,
        store,
        executor,
        text_limit_bytes=TEXT_LIMIT_BYTES,
        protected=protected,
        thumbnails=Thumbnails(
            in_processes(MediaProcesses()), metrics, at_a_time=settings.thumbnails
        ),
    )
    keys = KeyDesk(titles, protected, metrics)
    reader = FileReader(executor)
    return Pipeline(titles, builds, presenter, reader, health, metrics, keys=keys)


async def _check_store(store: LocalStore) -> None:
    if not await asyncio.to_thread(store.root.is_dir):
        raise OSError(f"{store.root} is not there")
