"""What the threads of the data plane count by themselves."""

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"
FRESH = {"Cache-Control": "max-age=60"}


async def test_refused_heads_are_counted_by_status(edge: RunningEdge) -> None:
    for head in (b"nonsense\r\n\r\n", b"GET / HTTP/3.0\r\nHost: a\r\n\r\n"):
        async with edge.connect() as client:
            client.writer.write(head)
            await client.head()
    assert await edge.metric("sluice_edge_refused_heads_total", status="400") == 1
    assert await edge.metric("sluice_edge_refused_heads_total", status="505") == 1
    assert await edge.metric("sluice_edge_responses_total", status="4xx") == 1
    assert await edge.metric("sluice_edge_responses_total", status="5xx") == 1


async def test_connections_that_are_late_are_counted_by_what_was_waited_for(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    async with start_edge(upstream.url, idle_timeout_s=2, header_timeout_s=0.2) as edge:
        async with edge.connect() as idle, edge.connect() as slow:
            slow.writer.write(b"GET / HT")
            assert (await slow.head()).status == 408
            await idle.reader.read()
        await edge.until_metric("sluice_edge_connections_expired_total", 1, reason="idle")
        await edge.until_metric("sluice_edge_connections_expired_total", 1, reason="head")


async def test_who_is_turned_away_is_counted_by_which_limit(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    async with start_edge(upstream.url, max_connections_per_client=1) as edge:
        async with edge.connect() as first:
            assert (await first.get("/x")).status == 404
            async with edge.connect() as second:
                assert await second.reader.read() == b""
        assert await edge.metric("sluice_edge_connections_refused_total", reason="client") == 1
        assert await edge.metric("sluice_edge_connections_refused_total", reason="all") == 0


async def test_the_sum_over_threads_is_what_was_served(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, bytes(100)))
    for _ in range(20):
        await edge.get(FILM)
    assert await edge.metric("sluice_edge_requests_total", result="hit") == 19
    assert await edge.metric("sluice_edge_request_seconds_count", result="hit") == 19
    assert await edge.metric("sluice_edge_sent_bytes_total", result="hit") == 1900
    assert await edge.metric("sluice_edge_threads") == 2
