"""Stale responses: confirmed, served during a refresh, served during an outage.

A response is made stale by the Age it arrives with, so that nothing has to wait for a clock.
"""

import asyncio
import re

from tests.fixtures.edge import RunningEdge
from tests.fixtures.upstream import Break, Reply, ScriptedUpstream

LIST = "/media/p_1/master.m3u8"


def stale(more: str = "", **headers: str) -> dict[str, str]:
    """Ten seconds past a lifetime of a minute."""
    return {"Cache-Control": f"max-age=60{more}", "Age": "70", "ETag": '"v1"', **headers}


async def test_a_stale_response_is_confirmed_and_renewed(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    renewed = {"Cache-Control": "max-age=90", "ETag": '"v1"', "X-Build": "2"}
    upstream.on(LIST, Reply(200, stale(**{"X-Build": "1"}), b"one"), Reply(304, renewed))
    await edge.get(LIST)
    confirmed = await edge.get(LIST)
    assert upstream.last(LIST).headers["if-none-match"] == '"v1"'
    assert (confirmed.status, confirmed.body) == (200, b"one")
    assert "fwd=stale; fwd-status=304" in confirmed["Cache-Status"]
    hit = await edge.get(LIST)
    assert (hit["X-Build"], hit["Cache-Control"], hit["Age"]) == ("2", "max-age=90", "0")
    assert "; hit" in hit["Cache-Status"]
    assert upstream.count(LIST) == 2


async def test_a_stale_response_that_has_changed_is_replaced(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    fresh = {"Cache-Control": "max-age=60", "ETag": '"v2"'}
    upstream.on(LIST, Reply(200, stale(), b"one"), Reply(200, fresh, b"two"))
    bodies = [(await edge.get(LIST)).body for _ in range(3)]
    assert bodies == [b"one", b"two", b"two"]
    assert upstream.count(LIST) == 2


async def test_confirmations_are_coalesced(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    hold = asyncio.Event()
    upstream.on(LIST, Reply(200, stale(), b"one"), Reply(304, before=hold))
    await edge.get(LIST)
    everyone = [asyncio.create_task(edge.get(LIST)) for _ in range(10)]
    await edge.until_metric("sluice_edge_active_requests", 10)
    hold.set()
    assert [(await task).body for task in everyone] == [b"one"] * 10
    assert upstream.count(LIST) == 2


async def test_a_304_about_another_tag_confirms_nothing(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    fresh = {"Cache-Control": "max-age=60", "ETag": '"v3"'}
    upstream.on(
        LIST,
        Reply(200, stale(), b"one"),
        Reply(304, {"ETag": '"v2"'}),
        Reply(200, fresh, b"three"),
    )
    await edge.get(LIST)
    assert (await edge.get(LIST)).body == b"three"


async def test_stale_while_revalidate_serves_at_once_and_refreshes_behind(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    fresh = {"Cache-Control": "max-age=60", "ETag": '"v2"'}
    upstream.on(
        LIST,
        Reply(200, stale(", stale-while-revalidate=600"), b"one"),
        Reply(200, fresh, b"two", before=hold),
    )
    await edge.get(LIST)
    answers = [await edge.get(LIST) for _ in range(3)]
    assert [answer.body for answer in answers] == [b"one"] * 3
    assert re.search(r"edge-a; hit; ttl=-1\d", answers[0]["Cache-Status"])
    hold.set()
    await edge.until_metric("sluice_edge_fetches_in_flight", 0)
    assert (await edge.get(LIST)).body == b"two"
    assert upstream.count(LIST) == 2


async def test_stale_while_revalidate_ends(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(
        LIST,
        Reply(200, stale(", stale-while-revalidate=5"), b"one"),
        Reply(200, {"Cache-Control": "max-age=60"}, b"two"),
    )
    assert [(await edge.get(LIST)).body for _ in range(2)] == [b"one", b"two"]


async def test_must_revalidate_forbids_every_stale_answer(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    more = ", must-revalidate, stale-while-revalidate=600, stale-if-error=600"
    upstream.on(LIST, Reply(200, stale(more), b"one"), Reply(break_before=Break.CLOSE))
    await edge.get(LIST)
    assert (await edge.get(LIST)).status == 502


async def test_stale_if_error_covers_an_upstream_that_fails(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(
        LIST,
        Reply(200, stale(", stale-if-error=600"), b"one"),
        Reply(raw=b"HTTP/1.1 banana\r\n\r\n"),
    )
    await edge.get(LIST)
    covered = await edge.get(LIST)
    assert (covered.status, covered.body) == (200, b"one")
    assert "detail=stale-if-error" in covered["Cache-Status"]
    assert int(covered["Age"]) >= 70
    again = await edge.get(LIST)
    assert again.body == b"one"
    assert upstream.count(LIST) == 2, "the upstream is left alone for a moment after it failed"


async def test_stale_if_error_covers_an_upstream_that_answers_5xx(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(LIST, Reply(200, stale(", stale-if-error=600"), b"one"), Reply(503, {}, b"busy"))
    await edge.get(LIST)
    assert (await edge.get(LIST)).body == b"one"


async def test_a_404_is_no_outage(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(LIST, Reply(200, stale(", stale-if-error=600"), b"one"), Reply(404, {}, b"gone"))
    await edge.get(LIST)
    answers = [await edge.get(LIST) for _ in range(2)]
    assert [answer.status for answer in answers] == [404, 404]


async def test_without_stale_if_error_an_outage_is_told(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(LIST, Reply(200, stale(), b"one"), Reply(break_before=Break.CLOSE))
    await edge.get(LIST)
    assert (await edge.get(LIST)).status == 502


async def test_no_cache_is_stored_but_checked_each_time(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    headers = {"Cache-Control": "no-cache", "ETag": '"v1"'}
    upstream.on(LIST, Reply(200, headers, b"one"), Reply(304, headers))
    assert [(await edge.get(LIST)).body for _ in range(3)] == [b"one"] * 3
    assert upstream.count(LIST) == 3
    assert upstream.last(LIST).headers["if-none-match"] == '"v1"'


async def test_age_counts_from_the_origin(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(LIST, Reply(200, {"Cache-Control": "max-age=60", "Age": "20"}, b"one"))
    await edge.get(LIST)
    hit = await edge.get(LIST)
    assert 20 <= int(hit["Age"]) <= 25
    match = re.search(r"ttl=(\d+)", hit["Cache-Status"])
    assert match is not None
    assert 35 <= int(match[1]) <= 40
