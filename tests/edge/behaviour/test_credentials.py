"""What a client with credentials does to the others: nothing.

Its answers are for it alone, unless they say otherwise (RFC 9111 §3.5). That they are says nothing
about the answers to those without credentials.
"""

import asyncio

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

PAGE = "/page"
ALICE = {"Authorization": "Basic alice"}
FRESH = {"Cache-Control": "max-age=60", "ETag": '"v1"'}
STALE = FRESH | {"Age": "70"}


async def test_what_is_stored_stays_when_somebody_gets_an_answer_of_his_own(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(
        PAGE, Reply(200, STALE, b"for all"), Reply(200, FRESH, b"for alice"), Reply(304, FRESH)
    )
    await edge.get(PAGE)
    assert (await edge.get(PAGE, ALICE)).body == b"for alice"
    assert (await edge.get(PAGE)).body == b"for all"
    assert upstream.last(PAGE).headers["if-none-match"] == '"v1"'


async def test_a_refresh_behind_takes_no_credentials_along_that_would_be_in_the_way(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    lenient = {"Cache-Control": "max-age=60, stale-while-revalidate=600", "ETag": '"v1"'}
    upstream.on(PAGE, Reply(200, lenient | {"Age": "70"}, b"old"), Reply(200, lenient, b"new"))
    await edge.get(PAGE)
    assert (await edge.get(PAGE, ALICE)).body == b"old"
    await upstream.until_asked(PAGE, 2)
    assert "authorization" not in upstream.last(PAGE).headers
    await edge.until_metric("sluice_edge_fetches_in_flight", 0)
    hit = await edge.get(PAGE)
    assert (hit.body, "; hit" in hit["Cache-Status"]) == (b"new", True)


async def test_a_refresh_behind_shows_the_credentials_that_what_is_stored_was_got_with(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    lenient = {"Cache-Control": "public, max-age=60, stale-while-revalidate=600"}
    upstream.on(PAGE, Reply(200, lenient | {"Age": "70"}, b"old"), Reply(200, lenient, b"new"))
    await edge.get(PAGE, ALICE)
    await edge.get(PAGE, ALICE)
    await upstream.until_asked(PAGE, 2)
    assert upstream.last(PAGE).headers["authorization"] == ALICE["Authorization"]


async def test_others_are_gathered_although_somebody_got_an_answer_of_his_own(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    upstream.on(PAGE, Reply(200, FRESH, b"for alice"), Reply(200, FRESH, b"for all", before=hold))
    async with start_edge(upstream.url) as edge:
        await edge.get(PAGE, ALICE)
        asked = [asyncio.create_task(edge.get(PAGE)) for _ in range(20)]
        await edge.until_metric("sluice_edge_active_requests", 20)
        hold.set()
        assert {answer.body for answer in await asyncio.gather(*asked)} == {b"for all"}
    assert upstream.count(PAGE) == 2


async def test_those_with_credentials_do_not_queue_behind_one_another(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    upstream.on(PAGE, Reply(200, FRESH, b"first"), Reply(200, FRESH, b"own", before=hold))
    async with start_edge(upstream.url) as edge:
        await edge.get(PAGE, ALICE)
        asked = [asyncio.create_task(edge.get(PAGE, ALICE)) for _ in range(20)]
        await upstream.until_asked(PAGE, 21)
        hold.set()
        assert {answer.body for answer in await asyncio.gather(*asked)} == {b"own"}
