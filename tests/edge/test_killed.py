"""An edge that is killed: it comes back warm, and nothing that was purged comes back with it."""

import json
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from core.cache.purge_stream import PurgeOrder
from runtime.purge_stream import PurgeStream, StreamRecord
from runtime.redis import open_redis
from tests.fixtures.edge import RunningEdge
from tests.fixtures.edge_process import REPOSITORY, EdgeProcess
from tests.fixtures.redis import RedisServer
from tests.fixtures.upstream import Reply, ScriptedUpstream

PAGE = "/page"
FRESH = {"Cache-Control": "max-age=600", "ETag": '"v1"', "Surrogate-Key": "video:1"}
CHANGED = FRESH | {"ETag": '"v2"'}
OTHERS = [f"/other/{number}" for number in range(20)]


async def filled(process: EdgeProcess, upstream: ScriptedUpstream) -> RunningEdge:
    """A running edge with everything on its disk."""
    upstream.on(PAGE, Reply(200, FRESH, b"one"), Reply(200, CHANGED, b"two"))
    for target in OTHERS:
        upstream.on(target, Reply(200, FRESH | {"Surrogate-Key": "video:2"}, target.encode()))
    edge = await process.start()
    for target in (PAGE, *OTHERS):
        await edge.get(target)
    await edge.until_metric("sluice_edge_disk_objects", 1 + len(OTHERS))
    await edge.until_metric("sluice_edge_disk_queued_bytes", 0)
    await edge.until_metric("sluice_edge_disk_writes_total", 1 + len(OTHERS))
    return edge


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_it_comes_back_warm(
    process: EdgeProcess, upstream: ScriptedUpstream, number: signal.Signals
) -> None:
    await filled(process, upstream)
    process.end(number)
    edge = await process.start()
    for target in OTHERS:
        assert (await edge.get(target)).body == target.encode()
    assert (await edge.get(PAGE)).body == b"one"
    assert all(upstream.count(target) == 1 for target in (PAGE, *OTHERS))


async def by_key(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    assert (await edge.purge(keys=["video:1"])).status == 202


async def softly(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    assert (await edge.purge(keys=["video:1"], soft=True)).status == 202


async def by_url(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    assert (await edge.purge(urls=[PAGE])).status == 202


async def everything(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    assert (await edge.purge(all=True)).status == 202


async def by_method(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    assert (await edge.admin(PAGE, method="PURGE")).status == 202


async def by_writing(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(PAGE, Reply(201), Reply(200, CHANGED, b"two"))
    assert (await edge.get(PAGE, method="POST", body=b"two")).status == 201


Purging = Callable[[RunningEdge, ScriptedUpstream], Awaitable[None]]


@pytest.mark.parametrize("purge", [by_key, softly, by_url, everything, by_method, by_writing])
async def test_killed_right_after_a_purge_was_acknowledged_it_does_not_bring_it_back(
    process: EdgeProcess, upstream: ScriptedUpstream, purge: Purging
) -> None:
    edge = await filled(process, upstream)
    await purge(edge, upstream)
    process.end()
    edge = await process.start()
    assert (await edge.get(PAGE)).body == b"two"
    assert (await edge.get(OTHERS[0])).body == OTHERS[0].encode()
    asked = 2 if purge is everything else 1
    assert upstream.count(OTHERS[0]) == asked


async def test_what_came_through_redis_stays_purged_without_redis(
    process: EdgeProcess, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    process.environment["SLUICE_REDIS_URL"] = redis_server.url
    async with open_redis(redis_server.url) as door:
        record = StreamRecord("one", await PurgeStream(door).begin("one"))
    edge = await filled(process, upstream)
    async with open_redis(redis_server.url) as door:
        await PurgeStream(door).publish(PurgeOrder("a", ("video:1",)), record)
    await edge.until_metric("sluice_edge_purge_stream_entries_total", 1)
    process.end()
    redis_server.kill()
    edge = await process.start()
    assert (await edge.get(PAGE)).body == b"two"
    assert (await edge.get(OTHERS[0])).body == OTHERS[0].encode()
    assert upstream.count(OTHERS[0]) == 1
    # And where Redis is back, but not what was in it, the edge can tell.
    redis_server.start()
    await edge.until_metric("sluice_edge_purge_stream_gaps_total", 1, reason="lost")


async def test_a_second_edge_on_the_same_folder_says_so_and_ends(
    process: EdgeProcess, upstream: ScriptedUpstream
) -> None:
    await process.start()
    second = subprocess.run(
        [
            sys.executable, "-m", "cli", "edge", "--upstream", upstream.url,
            "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
            "--cache-dir", process.cache,
        ],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode != 0
    assert "in use by another edge" in second.stderr
    assert "Traceback" not in second.stderr


async def test_readiness_says_that_nothing_can_be_written_and_the_edge_serves_on(
    process: EdgeProcess, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, FRESH, b"one"))
    edge = await process.start()
    assert json.loads((await edge.admin("/readyz")).body)["checks"]["disk"] == "ok"
    bodies = process.cache / "bodies"
    bodies.write_bytes(b"")  # no folder can be made in its place
    assert (await edge.get(PAGE)).body == b"one"
    await edge.until_metric("sluice_edge_disk_dropped_total", 1, reason="failed")
    answer = await edge.admin("/readyz")
    assert answer.status == 200
    assert "nothing is written" in json.loads(answer.body)["checks"]["disk"]
    assert (await edge.get(PAGE)).body == b"one"
    assert upstream.count(PAGE) == 1
