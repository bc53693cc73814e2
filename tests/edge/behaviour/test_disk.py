"""An edge with a disk: warm after a restart, right about what was purged, renewed or damaged."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from core.cache.purge_stream import PurgeOrder
from core.http.audience import Audience
from runtime.purge_stream import STREAM, PurgeStream, StreamRecord
from runtime.redis import open_redis
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.redis import RedisServer
from tests.fixtures.upstream import Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"
OTHER = "/media/p_2/0.m4s"
FRESH = {"Cache-Control": "max-age=600", "ETag": '"v1"', "Surrogate-Key": "video:1"}
BODY = bytes(range(256)) * 12_000  # three slices, the last one short

Start = Callable[..., AbstractAsyncContextManager[RunningEdge]]


@pytest.fixture
def start(start_edge: StartEdge, upstream: ScriptedUpstream, tmp_path: Path) -> Start:
    """Starts the edge whose cache is in one folder."""

    def starting(**config: object) -> AbstractAsyncContextManager[RunningEdge]:
        own = {"cache_dir": tmp_path / "cache", "disk_reserve_bytes": 0, **config}
        return start_edge(upstream.url, **own)

    return starting


async def on_disk(edge: RunningEdge, objects: int) -> None:
    """Wait until so many responses are on the disk, with nothing left to write."""
    await edge.until_metric("sluice_edge_disk_objects", objects)
    await edge.until_metric("sluice_edge_disk_queued_bytes", 0)


async def test_a_restart_is_warm(start: Start, upstream: ScriptedUpstream) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    async with start() as edge:
        first = await edge.get(FILM)
        await on_disk(edge, 1)
    async with start() as edge:
        again = await edge.get(FILM)
        assert again.body == first.body == BODY
        assert "edge-a; hit" in again["Cache-Status"]
        assert await edge.metric("sluice_edge_disk_hits_total") == 3
        part = await edge.get(FILM, {"Range": "bytes=2000000-2000009"})
        assert (part.status, part.body) == (206, BODY[2_000_000:2_000_010])
    assert upstream.count(FILM) == 1


async def test_a_range_after_a_restart_reads_the_slices_that_it_needs(
    start: Start, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    async with start() as edge:
        await edge.get(FILM)
        await on_disk(edge, 1)
    async with start() as edge:
        part = await edge.get(FILM, {"Range": "bytes=1100000-1100009"})
        assert (part.status, part.body) == (206, BODY[1_100_000:1_100_010])
        assert await edge.metric("sluice_edge_disk_hits_total") == 1
    assert upstream.count(FILM) == 1


async def test_each_variant_is_found_again(start: Start, upstream: ScriptedUpstream) -> None:
    vary = FRESH | {"Vary": "Accept-Language"}
    upstream.on(FILM, Reply(200, vary, b"hallo"), Reply(200, vary | {"ETag": '"en"'}, b"hello"))
    said = {"de": b"hallo", "en": b"hello"}
    async with start() as edge:
        for language, body in said.items():
            assert (await edge.get(FILM, {"Accept-Language": language})).body == body
        await on_disk(edge, 2)
    async with start() as edge:
        for language, body in said.items():
            assert (await edge.get(FILM, {"Accept-Language": language})).body == body
    assert upstream.count(FILM) == 2


async def test_what_memory_let_go_of_comes_from_disk(
    start: Start, upstream: ScriptedUpstream
) -> None:
    targets = [f"/media/p_1/{number}.m4s" for number in range(6)]
    for target in targets:
        upstream.on(target, Reply(200, FRESH, target.encode() * 40_000))
    async with start(memory_bytes=2 * 2**20) as edge:
        for _ in range(2):
            for target in targets:
                assert (await edge.get(target)).body == target.encode() * 40_000
                await edge.until_metric("sluice_edge_disk_queued_bytes", 0)
        assert await edge.metric("sluice_edge_disk_hits_total") > 0
    assert all(upstream.count(target) == 1 for target in targets)


async def test_what_memory_answers_again_and_again_stays_on_disk(
    start: Start, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, bytes(60_000)))
    async with start(disk_bytes=2**20) as edge:
        for _ in range(4):
            await edge.get(FILM)
        await on_disk(edge, 1)
        for number in range(60):
            target = f"/media/p_2/{number}.m4s"
            upstream.on(target, Reply(200, FRESH, bytes(60_000)))
            await edge.get(target)
        await edge.until_metric("sluice_edge_disk_queued_bytes", 0)
        assert await edge.metric("sluice_edge_disk_evictions_total") > 40
    async with start(disk_bytes=2**20) as edge:
        await edge.get(FILM)
    assert upstream.count(FILM) == 1


async def test_what_is_damaged_is_fetched_again(
    start: Start, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    async with start() as edge:
        await edge.get(FILM)
        await on_disk(edge, 1)
    (file,) = (path for path in (tmp_path / "cache" / "bodies").rglob("*") if path.is_file())
    file.write_bytes(b"bluf")
    async with start() as edge:
        assert (await edge.get(FILM)).body == b"film"
        assert await edge.metric("sluice_edge_disk_corrupt_total") == 1
        await on_disk(edge, 1)
        assert (await edge.get(FILM)).body == b"film"
    assert upstream.count(FILM) == 2


@pytest.mark.parametrize("purge", [{"keys": ["video:1"]}, {"urls": [FILM]}, {"all": True}])
@pytest.mark.parametrize("again", [False, True])
async def test_what_was_purged_is_not_there_after_a_restart(
    start: Start, upstream: ScriptedUpstream, purge: dict[str, object], again: bool
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"one"), Reply(200, FRESH | {"ETag": '"v2"'}, b"two"))
    async with start() as edge:
        await edge.get(FILM)
        await on_disk(edge, 1)
        if not again:
            await edge.purge(**purge)
    async with start() as edge:
        if again:  # by an edge that has it on disk alone
            await edge.purge(**purge)
        assert (await edge.get(FILM)).body == b"two"


async def test_what_was_purged_softly_is_confirmed_first_after_a_restart(
    start: Start, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"one"), Reply(304, FRESH))
    async with start() as edge:
        await edge.get(FILM)
        await on_disk(edge, 1)
        await edge.purge(keys=["video:1"], soft=True)
    async with start() as edge:
        assert (await edge.get(FILM)).body == b"one"
        assert upstream.last(FILM).headers["if-none-match"] == '"v1"'
        assert upstream.count(FILM) == 2
    async with start() as edge:
        assert "edge-a; hit" in (await edge.get(FILM))["Cache-Status"]
    assert upstream.count(FILM) == 2


async def test_an_unsafe_method_is_not_undone_by_a_restart(
    start: Start, upstream: ScriptedUpstream
) -> None:
    upstream.on("/page", Reply(200, FRESH, b"one"), Reply(201), Reply(200, FRESH, b"two"))
    async with start() as edge:
        await edge.get("/page")
        await on_disk(edge, 1)
        assert (await edge.get("/page", method="POST", body=b"new")).status == 201
    async with start() as edge:
        assert (await edge.get("/page")).body == b"two"


async def publish(
    redis: RedisServer, record: StreamRecord, token: str, **what: object
) -> StreamRecord:
    order = PurgeOrder(token, **what)  # type: ignore[arg-type]  # the fields of an order
    async with open_redis(redis.url) as door:
        last = await PurgeStream(door).publish(order, record)
    assert last is not None
    return StreamRecord(record.epoch, last)


async def began(redis: RedisServer) -> StreamRecord:
    async with open_redis(redis.url) as door:
        return StreamRecord("one", await PurgeStream(door).begin("one"))


async def filled(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"one"), Reply(200, FRESH | {"ETag": '"v2"'}, b"two"))
    upstream.on(OTHER, Reply(200, FRESH | {"Surrogate-Key": "video:2"}, b"other"))
    for target in (FILM, OTHER):
        await edge.get(target)
    await on_disk(edge, 2)


async def test_an_edge_that_was_away_has_caught_up_before_it_serves(
    start: Start, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    record = await began(redis_server)
    async with start(redis_url=redis_server.url) as edge:
        await filled(edge, upstream)
    for number in range(700):  # more than one read of the stream gives
        record = await publish(redis_server, record, f"t{number}", keys=(f"video:{number + 9}",))
    await publish(redis_server, record, "last", keys=("video:1",))
    async with start(redis_url=redis_server.url) as edge:
        assert await edge.metric("sluice_edge_purge_stream_entries_total") == 701
        assert await edge.metric("sluice_edge_purge_stream_gaps_total") == 0
        assert (await edge.get(FILM)).body == b"two"
        assert (await edge.get(OTHER)).body == b"other"
    assert upstream.count(OTHER) == 1


async def test_an_edge_that_was_away_for_too_long_comes_back_empty(
    start: Start, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    record = await began(redis_server)
    async with start(redis_url=redis_server.url) as edge:
        await filled(edge, upstream)
    record = await publish(redis_server, record, "a", keys=("video:9",))
    await publish(redis_server, record, "b", keys=("video:9",))
    with redis_server.client() as client:
        client.xtrim(STREAM, maxlen=1, approximate=False)
    async with start(redis_url=redis_server.url) as edge:
        assert await edge.metric("sluice_edge_purge_stream_gaps_total", reason="trimmed") == 1
        assert await edge.metric("sluice_edge_disk_objects") == 0
        assert (await edge.get(FILM)).body == b"two"


async def test_a_disk_filled_without_redis_is_not_believed_with_it(
    start: Start, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    async with start() as edge:
        await filled(edge, upstream)
    await began(redis_server)
    async with start(redis_url=redis_server.url) as edge:
        assert await edge.metric("sluice_edge_purge_stream_gaps_total", reason="unknown") == 1
        assert (await edge.get(FILM)).body == b"two"


async def test_an_edge_that_starts_while_redis_is_away_serves_and_catches_up_later(
    start: Start, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    record = await began(redis_server)
    async with start(redis_url=redis_server.url) as edge:
        await filled(edge, upstream)
    await publish(redis_server, record, "a", keys=("video:1",))
    redis_server.save()
    redis_server.kill()
    async with start(redis_url=redis_server.url) as edge:
        assert (await edge.get(OTHER)).body == b"other"
        redis_server.start()
        await edge.until_metric("sluice_edge_purge_stream_entries_total", 1)
        assert (await edge.get(FILM)).body == b"two"
    assert upstream.count(OTHER) == 1


async def test_the_first_visitors_after_a_restart_share_what_is_read(
    start: Start, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    async with start() as edge:
        await edge.get(FILM)
        await on_disk(edge, 1)
    async with start() as edge:
        answers = await asyncio.gather(*(edge.get(FILM) for _ in range(20)))
        assert all(answer.body == BODY for answer in answers)
    assert upstream.count(FILM) == 1


async def test_an_edge_below_is_told_the_keys_of_what_was_stored_before_a_restart(
    start: Start, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    async with start(audience=Audience.EDGES) as edge:
        await edge.get(FILM)
        await on_disk(edge, 1)
    async with start(audience=Audience.EDGES) as edge:
        for _ in range(2):
            again = await edge.get(FILM)
            assert (again.body, again["Surrogate-Key"]) == (b"film", "video:1")
    assert upstream.count(FILM) == 1


async def test_what_was_missing_before_a_restart_is_so_for_as_long_as_the_operator_says(
    start: Start, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(404, {}, b"none"))
    async with start(negative_ttl_s=600.0) as edge:
        await edge.get(FILM)
        await on_disk(edge, 1)
    async with start(negative_ttl_s=600.0) as edge:
        assert "; hit" in (await edge.get(FILM))["Cache-Status"]
    assert upstream.count(FILM) == 1
