"""What an edge counts: every metric is documented, and each kind of event has its place."""

import asyncio
import json
import re
from pathlib import Path

from core.http.media_token import KeyRing, MediaKey
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"
FRESH = {"Cache-Control": "max-age=60"}
PAGE = Path(__file__).resolve().parents[3] / "docs" / "operations" / "edge.md"


async def test_every_metric_is_documented_and_every_documented_one_exists(
    start_edge: StartEdge, tmp_path: Path
) -> None:
    async with start_edge("http://127.0.0.1:1", cache_dir=tmp_path / "cache") as edge:
        page = (await edge.admin("/metrics")).body.decode()
    exist = set(re.findall(r"^# TYPE (sluice_edge_\S+)", page, re.MULTILINE))
    section = PAGE.read_text().partition("\n## Metrics\n")[2].partition("\n### ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    documented = set(re.findall(r"`(sluice_edge_\w+)", " ".join(rows)))
    assert documented == exist


async def test_names_follow_the_conventions_of_prometheus(edge: RunningEdge) -> None:
    page = (await edge.admin("/metrics")).body.decode()
    for name, kind in re.findall(r"^# TYPE (sluice_edge_\S+) (\w+)", page, re.MULTILINE):
        assert (kind == "counter") == name.endswith("_total")
        assert (kind == "histogram") == name.endswith("_seconds")
        assert f"# HELP {name} " in page


async def test_bytes_and_statuses_are_counted_by_kind(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, bytes(1000)))
    upstream.on("/media/p_1/x", Reply(404, {"Cache-Control": "no-store"}, bytes(10)))
    await edge.get(FILM)
    await edge.get(FILM)
    await edge.get(FILM, {"Range": "bytes=0-9"})
    await edge.get("/media/p_1/x")
    await edge.until_metric("sluice_edge_active_requests", 0)
    assert await edge.metric("sluice_edge_sent_bytes_total", result="miss") == 1000
    assert await edge.metric("sluice_edge_sent_bytes_total", result="hit") == 1010
    assert await edge.metric("sluice_edge_sent_bytes_total", result="pass") == 10
    assert await edge.metric("sluice_edge_responses_total", status="2xx") == 3
    assert await edge.metric("sluice_edge_responses_total", status="4xx") == 1
    assert await edge.metric("sluice_edge_upstream_responses_total", status="2xx") == 1
    assert await edge.metric("sluice_edge_upstream_responses_total", status="4xx") == 1
    assert await edge.metric("sluice_edge_upstream_seconds_count") == 2
    assert await edge.metric("sluice_edge_network_sent_bytes_total") > 2020
    assert await edge.metric("sluice_edge_connections_total") in {0, 4}


async def test_token_refusals_are_counted_by_what_is_wrong(start_edge: StartEdge) -> None:
    ring = KeyRing((MediaKey("k1", bytes(32)),))
    async with start_edge("http://127.0.0.1:9", media_keys=ring) as edge:
        assert (await edge.get("/media/s_1/0.m4s")).status == 403
        assert (await edge.get(f"/media/~{'A' * 43}.k1.4000000000.s.0/s_1/x")).status == 403
        assert (await edge.get(f"/media/~{'A' * 43}.k9.4000000000.s.0/s_1/x")).status == 403
        assert (await edge.get("/media/~token/s_1/x")).status == 403
        for reason in ("missing", "forged", "unknown_key", "malformed"):
            assert await edge.metric("sluice_edge_token_refusals_total", reason=reason) == 1


async def test_purges_count_what_they_drop(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    await edge.get(FILM)
    await edge.purge(urls=[FILM])
    assert await edge.metric("sluice_edge_purges_total") == 1
    assert await edge.metric("sluice_edge_purged_objects_total") == 1


async def test_an_edge_that_stops_says_so_until_the_last_answer_has_ended(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    rest = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, [b"fi", rest, b"lm"]))
    context = start_edge(upstream.url, drain_timeout_s=20)
    edge = await context.__aenter__()
    async with edge.connect() as viewer:
        await viewer.send(FILM)
        head = await viewer.head()
        closing = asyncio.create_task(context.__aexit__(None, None, None))
        await edge.until_metric("sluice_edge_draining", 1)
        answer = await edge.admin("/readyz")
        assert answer.status == 503
        assert "stops" in json.loads(answer.body)["checks"]["serving"]
        assert (await edge.admin("/healthz")).status == 200
        rest.set()
        assert (await viewer.body(head)).body == b"film"
        async with asyncio.timeout(20):
            await closing
