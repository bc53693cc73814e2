"""The API and library process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from socket import socket

from aiohttp import web

from core.errors import OperatorFault
from core.media.playback_id import PlaybackPolicy
from core.protection.master_key import MasterKeyMissing
from runtime.listen import bind, local_address
from runtime.metrics import Metrics
from runtime.migrations import require_current_schema
from runtime.postgres import Pool, close_pool, open_pool
from runtime.purge_stream import PurgeStream
from runtime.redis import RedisDoor, open_redis
from runtime.scratch import Scratch
from runtime.settings.server import ServerSettings
from runtime.storage import LocalStore
from server.application import build_application
from server.caption_repository import CaptionRepository
from server.cursor import CursorKey
from server.deletions import Deletions
from server.purge_publisher import PurgePublisher
from server.purges import Purges
from server.repository import Repository
from server.rewrapping import rewrap_all
from server.services import Services
from server.visitor import parse_networks
from server.web_site import WebSite, built_folder

# Requests in progress get this share of the time that the process has to stop.
DRAIN_SHARE = 0.6


class MediaKeysMissing(OperatorFault):
    """Videos are to be signed, and there is nothing to sign them with."""

    code = "server.media_keys_missing"


async def run(settings: ServerSettings, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve the API and the pages until cancelled; `ready` is told our URL once we answer.

    Raises `AddressInUse`, `DatabaseUnavailable`, `DatabaseRefused`, `SchemaOutdated`,
    `SchemaDiverged`, `StoreUnwritable`, `MediaKeysMissing` and `MasterKeyMissing`.
    """
    _check_policy(settings)
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
                    group.create_task(rewrap_all(services), name="rewrap content keys")
    finally:
        listener.close()


def _check_policy(settings: ServerSettings) -> None:
    policy = settings.default_policy
    if policy is not PlaybackPolicy.PUBLIC and settings.media_keys is None:
        raise MediaKeysMissing(
            f"default_policy is {policy}, and there is no key to sign with: set SLUICE_MEDIA_KEYS"
        )
    if policy is PlaybackPolicy.DRM and settings.master_key is None:
        raise MasterKeyMissing(
            "default_policy is drm, and there is no key to keep content keys under: set "
            "SLUICE_MASTER_KEY"
        )


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
        metrics = Metrics(process="server")
        async with AsyncExitStack() as stack:
            redis = None
            if settings.redis_url is not None:
                redis = await stack.enter_async_context(open_redis(settings.redis_url))
            scratch = stack.enter_context(Scratch.open(settings.scratch_folder, "server"))
            yield (
                Services(
                    settings=settings,
                    repository=repository,
                    store=store,
                    scratch=scratch,
                    cursors=CursorKey(await repository.secret("cursors")),
                    deletions=Deletions(store),
                    purges=Purges(
                        repository,
                        settings.edge_admin_urls,
                        settings.admin_token,
                        _publisher(pool, redis, metrics),
                    ),
                    metrics=metrics,
                    redis=redis,
                    trusted=parse_networks(settings.trusted_proxy),
                    media_keys=settings.key_ring(),
                    captions=CaptionRepository(pool),
                    master_keys=settings.master_keys(),
                ),
                pool,
            )
    finally:
        await close_pool(pool)


def _publisher(pool: Pool, redis: RedisDoor | None, metrics: Metrics) -> PurgePublisher | None:
    return None if redis is None else PurgePublisher(pool, PurgeStream(redis), metrics)


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
