"""Changes of a title reach an origin at once, also after it could not listen for a while."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from runtime.listen import HostPort
from runtime.postgres import Connection, Pool, close_pool, connection, open_pool
from runtime.settings import OriginSettings
from tests.fixtures.catalogue import playback_id_of
from tests.fixtures.eventually import until
from tests.fixtures.origin import Delivery, Prepared, running_origin

pytestmark = pytest.mark.postgres

UNSETTLED = "public, max-age=2"


@pytest.fixture
async def catalogue(prepared: Prepared) -> AsyncIterator[Pool]:
    pool = await open_pool(prepared.database_url, max_size=2)
    yield pool
    await close_pool(pool)


@pytest.fixture
async def origin(prepared: Prepared) -> AsyncIterator[Delivery]:
    settings = OriginSettings(
        database_url=prepared.database_url, data=prepared.data, listen=HostPort("127.0.0.1", 0)
    )
    async with running_origin(settings) as delivery:
        yield delivery


@asynccontextmanager
async def not_ready(catalogue: Pool, video_id: str) -> AsyncIterator[None]:
    """For a while the video is one whose rungs are still joining."""
    async with connection(catalogue) as session:
        await _set_status(session, video_id, "playable")
        try:
            yield
        finally:
            await _set_status(session, video_id, "ready")


async def _set_status(session: Connection, video_id: str, status: str) -> None:
    await session.execute("UPDATE videos SET status = $2 WHERE id = $1", video_id, status)
    await session.execute("SELECT pg_notify('sluice_published', $1)", playback_id_of(video_id))


async def is_unsettled(origin: Delivery, video_id: str) -> bool:
    async with origin.client.get(origin.media(video_id, "master.m3u8")) as answer:
        return answer.headers["Cache-Control"] == UNSETTLED


async def test_an_announced_change_is_delivered_at_once(
    prepared: Prepared, catalogue: Pool, origin: Delivery
) -> None:
    assert not await is_unsettled(origin, prepared.video_id)

    async def unsettled() -> bool:
        return await is_unsettled(origin, prepared.video_id)

    async with not_ready(catalogue, prepared.video_id):
        await until(unsettled, "the change is delivered", deadline_s=20)


async def test_a_change_while_nobody_listened_is_delivered_after_all(
    prepared: Prepared, catalogue: Pool, origin: Delivery
) -> None:
    assert not await is_unsettled(origin, prepared.video_id)
    async with connection(catalogue) as session:
        await session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = $1",
            "sluice origin announcements",
        )

    async def unsettled() -> bool:
        return await is_unsettled(origin, prepared.video_id)

    async with not_ready(catalogue, prepared.video_id):
        await until(unsettled, "the change is delivered", deadline_s=25)
