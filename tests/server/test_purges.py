import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from runtime.listen import HostPort, bind, local_address
from runtime.postgres import Pool, connection
from server.purges import LONGEST_DELAY_S, delay_s
from tests.fixtures.server import PATIENCE_S, running_server, server_settings

pytestmark = pytest.mark.postgres


class EdgeAdmin:
    """An edge's admin port, as far as purging goes: it keeps what it is told."""

    def __init__(self) -> None:
        self.url = ""
        self.refusals = 0
        self.told: asyncio.Queue[Any] = asyncio.Queue()

    async def purge(self, request: web.Request) -> web.Response:
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=503)
        self.told.put_nowait(await request.json())
        return web.json_response({"purge_id": "1"}, status=202)

    async def hears(self) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            return await self.told.get()


@asynccontextmanager
async def edge_admin() -> AsyncIterator[EdgeAdmin]:
    edge = EdgeAdmin()
    app = web.Application()
    app.router.add_post("/cache/purge", edge.purge)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = bind(HostPort("127.0.0.1", 0))
    edge.url = local_address(listener).url()
    await web.SockSite(runner, listener).start()
    yield edge
    await runner.cleanup()


async def owed(pool: Pool) -> int:
    async with connection(pool) as session:
        count: int = await session.fetchval("SELECT count(*) FROM purge_outbox")
    return count


async def until_found(pool: Pool, question: str) -> None:
    """Wait until Postgres says yes; what changes there sets no event here."""
    async with asyncio.timeout(PATIENCE_S), connection(pool) as session:
        while not await session.fetchval(question):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def until_owed(pool: Pool, count: int) -> None:
    await until_found(pool, f"SELECT count(*) = {count} FROM purge_outbox")


async def test_a_deleted_video_is_forgotten_by_every_edge(
    database_url: str, pool: Pool, tmp_path: Path
) -> None:
    async with edge_admin() as one, edge_admin() as two:
        settings = server_settings(
            database_url, tmp_path / "data", edge_admin_urls=(one.url, two.url)
        )
        async with running_server(settings) as api:
            video = await api.upload()
            await api.ask("DELETE", f"/videos/{video['id']}")
            expected = {"keys": [f"video:{video['id']}"], "soft": False}
            assert await one.hears() == expected
            assert await two.hears() == expected
            await until_owed(pool, 0)


async def test_a_purge_by_hand_is_acknowledged_and_delivered(
    database_url: str, pool: Pool, tmp_path: Path
) -> None:
    async with edge_admin() as edge:
        settings = server_settings(database_url, tmp_path / "data", edge_admin_urls=(edge.url,))
        async with running_server(settings) as api:
            body = {"keys": ["video:a", "rend:1080"], "soft": True}
            answer = await api.ask("POST", "/cache/purge", json=body)
            assert answer.status == 202
            assert isinstance(answer.json["purge_id"], str)
            assert await edge.hears() == body


async def test_an_edge_that_fails_is_told_again_and_the_others_only_once(
    database_url: str, pool: Pool, tmp_path: Path
) -> None:
    async with edge_admin() as failing, edge_admin() as well:
        failing.refusals = 1
        urls = (failing.url, well.url)
        settings = server_settings(database_url, tmp_path / "data", edge_admin_urls=urls)
        async with running_server(settings) as api:
            await api.ask("POST", "/cache/purge", json={"keys": ["video:a"]})
            assert await well.hears() == await failing.hears()
            await until_owed(pool, 0)
            assert well.told.empty()


async def test_a_purge_that_nobody_heard_is_kept_over_a_restart(
    database_url: str, pool: Pool, tmp_path: Path
) -> None:
    nobody = server_settings(
        database_url, tmp_path / "data", edge_admin_urls=("http://127.0.0.1:1",)
    )
    async with running_server(nobody) as api:
        await api.ask("POST", "/cache/purge", json={"keys": ["video:a"]})
        await until_found(pool, "SELECT max(attempts) > 0 FROM purge_outbox")
    assert await owed(pool) == 1
    async with connection(pool) as session:
        await session.execute("UPDATE purge_outbox SET due_at = now()")
    async with edge_admin() as edge:
        somebody = server_settings(database_url, tmp_path / "data", edge_admin_urls=(edge.url,))
        async with running_server(somebody):
            assert await edge.hears() == {"keys": ["video:a"], "soft": False}
            await until_owed(pool, 0)


async def test_an_edge_that_is_gone_for_a_day_is_given_up(
    database_url: str, pool: Pool, tmp_path: Path
) -> None:
    async with connection(pool) as session:
        await session.execute(
            "INSERT INTO purge_outbox (keys, created_at) "
            "VALUES ('{old}', now() - interval '25 hours'), ('{new}', now())"
        )
    settings = server_settings(
        database_url, tmp_path / "data", edge_admin_urls=("http://127.0.0.1:1",)
    )
    async with running_server(settings):
        await until_owed(pool, 1)
    async with connection(pool) as session:
        assert await session.fetchval("SELECT keys FROM purge_outbox") == ["new"]


async def test_without_edges_nothing_stays_owed(
    database_url: str, pool: Pool, tmp_path: Path
) -> None:
    async with running_server(server_settings(database_url, tmp_path / "data")) as api:
        await api.ask("POST", "/cache/purge", json={"keys": ["video:a"]})
        await until_owed(pool, 0)


def test_delays_grow_and_have_an_end() -> None:
    steady: Callable[[int], float] = lambda attempt: delay_s(attempt, 0)  # noqa: E731
    assert [steady(attempt) for attempt in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert steady(10_000) == LONGEST_DELAY_S
    assert delay_s(1, -1) == pytest.approx(0.8)
    assert delay_s(1, 1) == pytest.approx(1.2)
