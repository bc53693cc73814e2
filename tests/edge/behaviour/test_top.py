"""What an edge tells those who watch it."""

import json

import msgspec

from core.cache.snapshot import Snapshot
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"
FRESH = {"Cache-Control": "max-age=60"}


async def look(edge: RunningEdge) -> Snapshot:
    return msgspec.json.decode((await edge.admin("/top")).body, type=Snapshot)


async def test_a_snapshot_tells_what_is_counted(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, bytes(1000)))
    for _ in range(3):
        await edge.get(FILM)
    await edge.until_metric("sluice_edge_active_requests", 0)
    found = await look(edge)
    assert found.name == "edge-a"
    assert (found.requests["hit"], found.requests["miss"]) == (2, 1)
    assert found.misses == {"uri-miss": 1}
    assert found.latencies["hit"].count == 2
    assert found.upstream_latency.count == 1
    assert found.upstream_problem is None
    assert found.sent_bytes > 3000
    assert found.filled_bytes == 1000
    assert found.objects == 1
    assert 0 < found.memory_bytes < found.memory_limit_bytes
    assert not found.draining


async def test_the_hottest_keys_are_told_once_somebody_watches(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    for number in range(3):
        upstream.on(f"/media/p_1/{number}", Reply(200, FRESH, b"film"))
    await edge.get("/media/p_1/0")
    assert (await look(edge)).hot == []
    async with edge.connect() as client:
        for number, times in ((0, 30), (1, 60), (2, 10)):
            for _ in range(times):
                await client.get(f"/media/p_1/{number}?CMCD=x")
    hot = (await look(edge)).hot
    assert [each.key for each in hot] == ["/media/p_1/1", "/media/p_1/0", "/media/p_1/2"]
    rates = [each.rate for each in hot]
    assert rates[0] > rates[1] > rates[2] > 0


async def test_a_flood_of_keys_stays_bounded(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    await look(edge)
    async with edge.connect() as client:
        for number in range(600):
            await client.get(f"/none/{number}", method="HEAD")
    assert len((await look(edge)).hot) <= 100


async def test_an_upstream_that_is_away_is_told(start_edge: StartEdge) -> None:
    async with start_edge("http://127.0.0.1:9") as edge:
        assert "takes no connections" in str((await look(edge)).upstream_problem)


async def test_with_a_token_set_it_is_asked_for(start_edge: StartEdge) -> None:
    async with start_edge("http://127.0.0.1:9", admin_token="secret") as edge:
        answer = await edge.admin("/top")
        assert answer.status == 401
        assert json.loads(answer.body)["code"] == "admin.unauthorized"
        right = {"Authorization": "Bearer secret"}
        assert (await edge.admin("/top", headers=right)).status == 200
