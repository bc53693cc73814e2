"""Purges on their way into a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.cache.purge_stream import PurgeOrder, StreamEntry, StreamId, StreamState, read_entry
from runtime.postgres import Pool, connection
from runtime.purge_stream import STREAM, PurgeStream, StreamRecord
from runtime.redis import open_redis
from tests.fixtures.redis import RedisServer
from tests.fixtures.server import PATIENCE_S, Api, running_server, server_settings

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def server(database_url: str, folder: Path, redis: RedisServer) -> AsyncIterator[Api]:
    settings = server_settings(database_url, folder / "data", redis_url=redis.url)
    async with running_server(settings) as api:
        yield api


def entries(redis: RedisServer) -> list[StreamEntry]:
    """What the stream holds, oldest first."""
    with redis.client() as client:
        return [read_entry(fields) for _, fields in client.xrange(STREAM)]


def orders(redis: RedisServer) -> list[PurgeOrder]:
    return [entry.order for entry in entries(redis) if entry.order is not None]


async def until_published(redis: RedisServer, count: int) -> list[PurgeOrder]:
    async with asyncio.timeout(PATIENCE_S):
        while len(found := orders(redis)) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


async def until_owed(pool: Pool, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S), connection(pool) as session:
        while await session.fetchval("SELECT count(*) FROM purge_outbox") != count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def until_epoch(redis: RedisServer, *, other_than: str | None) -> StreamState:
    async with asyncio.timeout(PATIENCE_S), open_redis(redis.url) as door:
        while (state := await PurgeStream(door).state()).epoch in {None, other_than}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return state


async def until_recorded(pool: Pool, state: StreamState) -> None:
    """Wait until Postgres knows the epoch, which Redis has first."""
    async with asyncio.timeout(PATIENCE_S), connection(pool) as session:
        while await session.fetchval("SELECT epoch FROM purge_stream") != state.epoch:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_deleted_video_is_purged_through_the_stream_and_then_no_more_owed(
    database_url: str, pool: Pool, tmp_path: Path, redis_server: RedisServer
) -> None:
    async with server(database_url, tmp_path, redis_server) as api:
        video = await api.upload()
        await api.ask("DELETE", f"/videos/{video['id']}")
        (order,) = await until_published(redis_server, 1)
        assert order.keys == (f"video:{video['id']}",)
        assert not order.soft
        await until_owed(pool, 0)


async def test_purges_by_hand_arrive_whole_and_in_order(
    database_url: str, tmp_path: Path, redis_server: RedisServer
) -> None:
    async with server(database_url, tmp_path, redis_server) as api:
        tokens = []
        for body in (
            {"keys": ["video:a"], "soft": True},
            {"urls": ["/media/p_1/master.m3u8"]},
            {"all": True},
        ):
            answer = await api.ask("POST", "/cache/purge", json=body)
            assert answer.status == 202
            tokens.append(answer.json["purge_id"])
            await until_published(redis_server, len(tokens))
    assert orders(redis_server) == [
        PurgeOrder(tokens[0], keys=("video:a",), soft=True),
        PurgeOrder(tokens[1], urls=("/media/p_1/master.m3u8",)),
        PurgeOrder(tokens[2], everything=True),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"keys": []},
        {"all": False},
        {"all": True, "soft": True},
        {"all": True, "keys": ["a"]},
        {"urls": ["/media/../x"]},
    ],
)
async def test_a_purge_of_nothing_or_a_soft_one_of_all_is_refused(
    api: Api, body: dict[str, object]
) -> None:
    answer = await api.ask("POST", "/cache/purge", json=body)
    assert answer.status == 422
    assert answer.code == "request.invalid"


async def test_while_redis_is_away_purges_are_kept_and_published_when_it_returns(
    database_url: str, pool: Pool, tmp_path: Path, redis_server: RedisServer
) -> None:
    async with server(database_url, tmp_path, redis_server) as api:
        assert (await api.get("/readyz")).json["checks"]["redis"] == "ok"
        redis_server.kill()
        for key in "abc":
            answer = await api.ask("POST", "/cache/purge", json={"keys": [key]})
            assert answer.status == 202
        readiness = await api.get("/readyz")
        assert readiness.status == 503
        assert "Redis at" in readiness.json["checks"]["redis"]
        await until_owed(pool, 3)
        redis_server.start()
        found = await until_published(redis_server, 3)
        assert sorted(order.keys for order in found) == [("a",), ("b",), ("c",)]
        await until_owed(pool, 0)


async def test_a_purge_that_redis_did_not_take_is_published_after_a_restart(
    database_url: str, pool: Pool, tmp_path: Path, redis_server: RedisServer
) -> None:
    redis_server.kill()
    async with server(database_url, tmp_path, redis_server) as api:
        await api.ask("POST", "/cache/purge", json={"keys": ["a"]})
        await until_owed(pool, 1)
    async with connection(pool) as session:
        await session.execute("UPDATE purge_outbox SET due_at = now()")
    redis_server.start()
    async with server(database_url, tmp_path, redis_server):
        (order,) = await until_published(redis_server, 1)
        assert order.keys == ("a",)
        await until_owed(pool, 0)


async def test_a_stream_is_begun_before_there_is_anything_to_purge(
    database_url: str, pool: Pool, tmp_path: Path, redis_server: RedisServer
) -> None:
    async with server(database_url, tmp_path, redis_server):
        state = await until_epoch(redis_server, other_than=None)
        assert state.first == state.last > StreamId()
        await until_recorded(pool, state)  # a server that stops before begins another one later
    async with server(database_url, tmp_path, redis_server) as api:
        await api.ask("POST", "/cache/purge", json={"keys": ["a"]})
        await until_published(redis_server, 1)
        assert (await until_epoch(redis_server, other_than=None)).epoch == state.epoch


@pytest.mark.parametrize("loss", ["everything", "the latest"])
async def test_when_redis_lost_entries_another_epoch_begins(
    database_url: str, pool: Pool, tmp_path: Path, redis_server: RedisServer, loss: str
) -> None:
    async with server(database_url, tmp_path, redis_server) as api:
        before = await until_epoch(redis_server, other_than=None)
        if loss == "the latest":
            redis_server.save()
        await api.ask("POST", "/cache/purge", json={"keys": ["a"]})
        await until_owed(pool, 0)
        redis_server.kill()
        redis_server.start()
        after = await until_epoch(redis_server, other_than=before.epoch)
        await api.ask("POST", "/cache/purge", json={"keys": ["b"]})
        found = await until_published(redis_server, 1)
        assert found[-1].keys == ("b",)
        assert entries(redis_server)[-1].epoch == after.epoch


async def test_nothing_is_added_to_a_stream_that_lacks_what_was_there(
    redis_server: RedisServer,
) -> None:
    async with open_redis(redis_server.url) as door:
        stream = PurgeStream(door)
        last = await stream.begin("e")
        order = PurgeOrder("t", ("a",))
        assert await stream.publish(order, StreamRecord("d", last)) is None
        later = StreamId(last.time_ms + 10**9, 0)
        assert await stream.publish(order, StreamRecord("e", later)) is None
        assert await stream.publish(order, StreamRecord("e", last)) is not None
        assert await stream.publish(order, StreamRecord("e", last)) is not None


async def test_the_stream_keeps_no_more_than_it_shall(redis_server: RedisServer) -> None:
    async with open_redis(redis_server.url) as door:
        stream = PurgeStream(door, kept_entries=5)
        record = StreamRecord("e", await stream.begin("e"))
        for number in range(20):
            assert await stream.publish(PurgeOrder(str(number), ("a",)), record)
    assert [order.token for order in orders(redis_server)] == ["15", "16", "17", "18", "19"]
