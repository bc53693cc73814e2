"""Purges that come through a real Redis: in order, each once, and none missed unnoticed."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from core.cache.purge_stream import PurgeOrder, StreamId, write_order
from runtime.purge_stream import EPOCH, STREAM, PurgeStream, StreamRecord
from runtime.redis import open_redis
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.redis import RedisServer
from tests.fixtures.upstream import Reply, ScriptedUpstream

LIST = "/media/p_1/master.m3u8"
OTHER = "/media/p_2/master.m3u8"
FRESH = {"Cache-Control": "max-age=60", "ETag": '"v1"', "Surrogate-Key": "video:1"}


@dataclass
class Writer:
    """What a server would write."""

    redis: RedisServer
    record: StreamRecord = field(default_factory=lambda: StreamRecord("none", StreamId()))

    async def begin(self, epoch: str) -> None:
        async with open_redis(self.redis.url) as door:
            self.record = StreamRecord(epoch, await PurgeStream(door).begin(epoch))

    async def purge(self, token: str, **what: object) -> None:
        order = PurgeOrder(token, **what)  # type: ignore[arg-type]  # the fields of an order
        async with open_redis(self.redis.url) as door:
            last = await PurgeStream(door).publish(order, self.record)
        assert last is not None
        self.record = StreamRecord(self.record.epoch, last)


@pytest.fixture
async def writer(redis_server: RedisServer) -> Writer:
    writer = Writer(redis_server)
    await writer.begin("one")
    return writer


@pytest.fixture
async def edge(
    start_edge: StartEdge, upstream: ScriptedUpstream, writer: Writer
) -> AsyncIterator[RunningEdge]:
    upstream.on(LIST, Reply(200, FRESH, b"one"), Reply(200, FRESH, b"two"))
    upstream.on(OTHER, Reply(200, {**FRESH, "Surrogate-Key": "video:2"}, b"other"))
    async with start_edge(upstream.url, redis_url=writer.redis.url) as running:
        await running.until_metric("sluice_edge_purge_stream_followed", 1)
        yield running


async def applied(edge: RunningEdge, count: int) -> None:
    await edge.until_metric("sluice_edge_purge_stream_entries_total", count)


async def gaps(edge: RunningEdge, reason: str) -> None:
    await edge.until_metric("sluice_edge_purge_stream_gaps_total", 1, reason=reason)


@pytest.mark.parametrize("what", [{"keys": ("video:1",)}, {"urls": (LIST,)}])
async def test_a_purge_drops_what_it_names_and_nothing_else(
    edge: RunningEdge, upstream: ScriptedUpstream, writer: Writer, what: dict[str, object]
) -> None:
    for target in (LIST, OTHER):
        await edge.get(target)
    await writer.purge("a", **what)
    await applied(edge, 1)
    assert (await edge.get(LIST)).body == b"two"
    assert (await edge.get(OTHER)).body == b"other"
    assert upstream.count(OTHER) == 1


async def test_a_soft_purge_marks_stale(
    edge: RunningEdge, upstream: ScriptedUpstream, writer: Writer
) -> None:
    headers = {**FRESH, "Cache-Control": "max-age=60, stale-while-revalidate=600"}
    upstream.on(LIST, Reply(200, headers, b"one"), Reply(200, headers, b"two"))
    await edge.get(LIST)
    await writer.purge("a", keys=("video:1",), soft=True)
    await applied(edge, 1)
    assert (await edge.get(LIST)).body == b"one"
    await edge.until_metric("sluice_edge_fetches_in_flight", 0)
    assert (await edge.get(LIST)).body == b"two"


async def test_a_fetch_begun_before_a_purge_is_delivered_but_not_stored(
    edge: RunningEdge, upstream: ScriptedUpstream, writer: Writer
) -> None:
    rest = asyncio.Event()
    upstream.on(LIST, Reply(200, FRESH, [b"o", rest, b"ne"]), Reply(200, FRESH, b"two"))
    async with edge.connect() as early:
        await early.send(LIST)
        head = await early.head()
        await writer.purge("a", keys=("video:1",))
        await applied(edge, 1)
        rest.set()
        assert (await early.body(head)).body == b"one"
    assert (await edge.get(LIST)).body == b"two"
    assert (await edge.get(LIST)).body == b"two"
    assert upstream.count(LIST) == 2


async def test_a_purge_that_also_comes_by_the_admin_port_is_done_once(
    edge: RunningEdge, upstream: ScriptedUpstream, writer: Writer
) -> None:
    await edge.get(LIST)
    fields = {"Idempotency-Key": "a"}
    body = json.dumps({"keys": ["video:1"]}).encode()
    answer = await edge.admin("/cache/purge", headers=fields, method="POST", body=body)
    assert json.loads(answer.body) == {"purge_id": "a"}
    assert (await edge.get(LIST)).body == b"two"
    await writer.purge("a", keys=("video:1",))
    await applied(edge, 1)
    assert (await edge.get(LIST))["Cache-Status"].startswith("edge-a; hit")
    assert upstream.count(LIST) == 2
    assert await edge.metric("sluice_edge_purges_total") == 1


async def test_an_edge_begins_at_the_end_of_the_stream(
    start_edge: StartEdge, upstream: ScriptedUpstream, writer: Writer
) -> None:
    await writer.purge("old", keys=("video:1",))
    async with start_edge(upstream.url, redis_url=writer.redis.url) as edge:
        await writer.purge("new", keys=("video:1",))
        await applied(edge, 1)
        assert await edge.metric("sluice_edge_purge_stream_gaps_total") == 0


async def test_while_redis_hangs_the_edge_serves_and_then_catches_up(
    edge: RunningEdge, upstream: ScriptedUpstream, writer: Writer
) -> None:
    await edge.get(LIST)
    writer.redis.pause()
    assert (await edge.get(LIST)).body == b"one"
    writer.redis.resume()
    for token in "abc":
        await writer.purge(token, keys=("video:1",))
    await applied(edge, 3)
    assert (await edge.get(LIST)).body == b"two"


async def test_while_redis_is_away_the_edge_is_ready_and_says_so_and_catches_up_after(
    edge: RunningEdge, upstream: ScriptedUpstream, writer: Writer
) -> None:
    for target in (LIST, OTHER):
        await edge.get(target)
    writer.redis.save()
    writer.redis.kill()
    await edge.until_metric("sluice_edge_purge_stream_followed", 0)
    readiness = await edge.admin("/readyz")
    assert readiness.status == 200
    assert "Redis at" in json.loads(readiness.body)["checks"]["redis"]
    assert (await edge.get(LIST)).body == b"one"
    writer.redis.start()
    await writer.purge("a", keys=("video:1",))
    await applied(edge, 1)
    assert (await edge.get(LIST)).body == b"two"
    assert (await edge.get(OTHER)).body == b"other"
    assert upstream.count(OTHER) == 1
    assert json.loads((await edge.admin("/readyz")).body)["checks"]["redis"] == "ok"


async def trim(writer: Writer, edge: RunningEdge) -> None:
    """Two purges at once, of which only the second is left when anyone can look."""
    add = "redis.call('XADD', KEYS[1], 'MAXLEN', 1, '*', 'epoch', ARGV[1], 'purge', ARGV[2])"
    order = write_order(PurgeOrder("a", ("video:9",)))
    with writer.redis.client() as client:
        client.eval(f"{add} {add}", 1, STREAM, writer.record.epoch, order)


async def lose(writer: Writer, edge: RunningEdge) -> None:
    """Everything gone, and a server that noticed."""
    with writer.redis.client() as client:
        client.flushall()
    await writer.begin("two")


async def roll_back(writer: Writer, edge: RunningEdge) -> None:
    """Back to a state before the last entry."""
    writer.redis.save()
    await writer.purge("a", keys=("video:9",))
    await applied(edge, 1)
    writer.redis.kill()
    writer.redis.start()


async def garble(writer: Writer, edge: RunningEdge) -> None:
    """An entry that nobody understands."""
    with writer.redis.client() as client:
        client.xadd(STREAM, {"epoch": writer.record.epoch, "purge": "?"})


async def exchange(writer: Writer, edge: RunningEdge) -> None:
    """Another epoch with the next entry, as if nothing had been."""
    with writer.redis.client() as client:
        client.set(EPOCH, "two")
        client.xadd(STREAM, {"epoch": "two", "purge": write_order(PurgeOrder("a", ("video:9",)))})


@pytest.mark.parametrize(
    ("mishap", "reason"),
    [(trim, "trimmed"), (lose, "lost"), (roll_back, "lost"), (exchange, "lost"),
     (garble, "unreadable")],
)  # fmt: skip
async def test_an_edge_that_may_have_missed_a_purge_forgets_everything_and_goes_on(
    edge: RunningEdge,
    upstream: ScriptedUpstream,
    writer: Writer,
    mishap: Callable[[Writer, RunningEdge], Awaitable[None]],
    reason: str,
) -> None:
    for target in (LIST, OTHER):
        await edge.get(target)
    await mishap(writer, edge)
    await gaps(edge, reason)
    assert await edge.metric("sluice_edge_stored_objects") == 0
    assert (await edge.get(LIST)).body == b"two"
    # And what comes next is followed as before.
    await edge.get(OTHER)
    await writer.begin("three")
    await edge.until_metric("sluice_edge_purge_stream_gaps_total", 2)


async def test_an_edge_that_began_without_redis_forgets_what_it_stored_until_then(
    start_edge: StartEdge, upstream: ScriptedUpstream, writer: Writer
) -> None:
    upstream.on(LIST, Reply(200, FRESH, b"one"), Reply(200, FRESH, b"two"))
    writer.redis.save()
    writer.redis.kill()
    async with start_edge(upstream.url, redis_url=writer.redis.url) as edge:
        assert (await edge.get(LIST)).body == b"one"
        writer.redis.start()
        await gaps(edge, "unknown")
        assert (await edge.get(LIST)).body == b"two"
        await writer.purge("a", keys=("video:9",))
        await applied(edge, 1)
