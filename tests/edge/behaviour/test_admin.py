"""The admin port: health, readiness, metrics."""

import json
import socket

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"


async def test_healthz_says_what_runs(edge: RunningEdge) -> None:
    answer = await edge.admin("/healthz")
    body = json.loads(answer.body)
    assert answer.status == 200
    assert body["status"] == "ok"
    assert "native" in body


async def test_readyz_asks_whether_the_upstream_is_there(
    start_edge: StartEdge, edge: RunningEdge
) -> None:
    assert (await edge.admin("/readyz")).status == 200
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        taken.close()
        async with start_edge(nobody) as lonely:
            answer = await lonely.admin("/readyz")
    assert answer.status == 503
    assert "upstream" in json.loads(answer.body)["checks"]


async def test_metrics_count_what_happened(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(FILM, Reply(200, {"Cache-Control": "max-age=60"}, bytes(1000)))
    for _ in range(3):
        await edge.get(FILM)
    assert await edge.metric("sluice_edge_requests_total", result="miss") == 1
    assert await edge.metric("sluice_edge_requests_total", result="hit") == 2
    assert await edge.metric("sluice_edge_misses_total", reason="uri-miss") == 1
    assert await edge.metric("sluice_edge_sent_bytes_total") == 3000
    assert await edge.metric("sluice_edge_filled_bytes_total") == 1000
    assert await edge.metric("sluice_edge_stored_objects") == 1
    assert await edge.metric("sluice_edge_stored_bytes") > 1000
    assert await edge.metric("sluice_edge_request_seconds_count", result="hit") == 2
    await edge.until_metric("sluice_edge_active_requests", 0)


async def test_admin_pages_are_not_on_the_public_port(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on("/metrics", Reply(404, {}, b"upstream's own"))
    assert (await edge.get("/metrics")).body == b"upstream's own"
