"""Who fetches and who waits, and what becomes of them."""

import asyncio

import pytest

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.raw_client import Answer
from tests.fixtures.upstream import AUTO, CHUNKED, Reply, ScriptedUpstream, Step

FILM = "/media/p_1/v/720p/abc/0.m4s"
FRESH = {"Cache-Control": "max-age=60", "ETag": '"v1"'}
BODY = bytes(range(250)) * 40
CROWD = 1000
# A failure that no client library repeats the request for, as it may after a mere disconnect.
NO_HTTP = b"HTTP/1.1 banana\r\n\r\n"


async def crowd(edge: RunningEdge, count: int, target: str = FILM) -> list[Answer]:
    return await asyncio.gather(*(edge.get(target) for _ in range(count)))


async def test_a_thousand_misses_on_one_key_are_one_upstream_request(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    head, rest = asyncio.Event(), asyncio.Event()
    script: list[Step] = [BODY[:4000], rest, BODY[4000:]]
    upstream.on(FILM, Reply(200, FRESH, script, len(BODY), before=head))
    everyone = asyncio.create_task(crowd(edge, CROWD))
    await edge.until_metric("sluice_edge_active_requests", CROWD)
    head.set()
    rest.set()
    answers = await everyone
    assert all(answer.status == 200 and answer.body == BODY for answer in answers)
    assert upstream.count(FILM) == 1
    assert sum("collapsed" in answer["Cache-Status"] for answer in answers) == CROWD - 1
    assert await edge.metric("sluice_edge_coalesced_total") == CROWD - 1


async def test_waiters_read_while_the_upstream_is_still_sending(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    rest = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, [BODY[:5000], rest, BODY[5000:]], len(BODY)))
    async with edge.connect() as first, edge.connect() as second:
        await first.send(FILM)
        await first.head()
        assert await first.exactly(5000) == BODY[:5000]
        await second.send(FILM)
        assert "collapsed" in (await second.head())["Cache-Status"]
        assert await second.exactly(5000) == BODY[:5000]
        assert not rest.is_set()
        rest.set()
        assert await first.exactly(5000) == BODY[5000:]
        assert await second.exactly(5000) == BODY[5000:]
    assert upstream.count(FILM) == 1


async def test_a_client_that_leaves_takes_nothing_from_the_others(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    rest = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, [BODY[:5000], rest, BODY[5000:]], len(BODY)))
    async with edge.connect() as staying:
        async with edge.connect() as leaving:
            await leaving.send(FILM)
            await leaving.head()
            await staying.send(FILM)
            await staying.head()
            leaving.writer.transport.abort()
        await edge.until_metric("sluice_edge_active_requests", 1)
        rest.set()
        assert await staying.exactly(len(BODY)) == BODY
    assert upstream.count(FILM) == 1


async def test_a_cacheable_fill_goes_on_when_its_only_client_has_left(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    rest = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, [BODY[:5000], rest, BODY[5000:]], len(BODY)))
    async with edge.connect() as leaving:
        await leaving.send(FILM)
        await leaving.head()
        leaving.writer.transport.abort()
    await edge.until_metric("sluice_edge_active_requests", 0)
    rest.set()
    await edge.until_metric("sluice_edge_stored_objects", 1)
    assert (await edge.get(FILM)).body == BODY
    assert upstream.count(FILM) == 1


async def test_a_fetch_nobody_may_store_ends_when_its_client_leaves(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    never = asyncio.Event()
    script: list[Step] = [BODY, never]
    upstream.on(FILM, Reply(200, {"Cache-Control": "no-store"}, script, 10 * len(BODY)))
    async with start_edge(upstream.url, stall_timeout_s=300) as edge:
        async with edge.connect() as leaving:
            await leaving.send(FILM)
            await leaving.head()
            leaving.writer.transport.abort()
        await edge.until_metric("sluice_edge_fetches_in_flight", 0)
        assert await edge.metric("sluice_edge_upstream_failures_total") == 0
    never.set()


async def test_who_comes_after_the_head_of_what_must_be_checked_each_time_asks_anew(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    rest = asyncio.Event()
    checked = {"Cache-Control": "no-cache", "ETag": '"v1"'}
    upstream.on(FILM, Reply(200, checked, [b"o", rest, b"ne"]), Reply(200, checked, b"two"))
    async with edge.connect() as early:
        await early.send(FILM)
        head = await early.head()
        late = await edge.get(FILM)
        rest.set()
        assert (await early.body(head)).body == b"one"
    assert late.body == b"two"


async def test_a_thousand_requests_for_an_uncacheable_answer_do_not_queue_behind_one_another(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    private = {"Cache-Control": "no-store"}
    finish = asyncio.Event()
    upstream.on(FILM, Reply(200, private, [b"mi", finish, b"ne"]))
    async with start_edge(upstream.url, max_upstream_connections=CROWD) as edge:
        everyone = asyncio.create_task(crowd(edge, CROWD))
        await upstream.until_asked(FILM, CROWD)  # all at once, and none has finished
        finish.set()
        assert all(answer.body == b"mine" for answer in await everyone)
        assert upstream.count(FILM) == CROWD


async def test_a_key_once_uncacheable_is_not_gathered_again_for_a_while(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    private = {"Cache-Control": "no-store"}
    upstream.on(FILM, Reply(200, private, b"mine"), Reply(200, private, b"mine", before=hold))
    await edge.get(FILM)
    everyone = asyncio.create_task(crowd(edge, 5))
    await upstream.until_asked(FILM, 6)
    hold.set()
    await everyone


async def test_a_waiter_is_promoted_when_the_leader_fails_before_its_head(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    fail = asyncio.Event()
    upstream.on(FILM, Reply(before=fail, raw=NO_HTTP), Reply(200, FRESH, BODY))
    everyone = asyncio.create_task(crowd(edge, 10))
    await edge.until_metric("sluice_edge_active_requests", 10)
    fail.set()
    answers = await everyone
    assert sorted(answer.status for answer in answers) == [200] * 9 + [502]
    assert upstream.count(FILM) == 2


async def test_an_upstream_that_keeps_failing_is_not_asked_once_for_each_waiter(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    fail = asyncio.Event()
    upstream.on(FILM, Reply(before=fail, raw=NO_HTTP))
    everyone = asyncio.create_task(crowd(edge, 20))
    await edge.until_metric("sluice_edge_active_requests", 20)
    fail.set()
    assert {answer.status for answer in await everyone} == {502}
    assert upstream.count(FILM) == 2


async def test_waiters_for_another_variant_are_sent_to_fetch_their_own(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    headers = {**FRESH, "Vary": "Accept-Language"}
    upstream.on(FILM, Reply(200, headers, b"hallo", before=hold), Reply(200, headers, b"hello"))
    german = asyncio.create_task(edge.get(FILM, {"Accept-Language": "de"}))
    await upstream.until_asked(FILM)
    english = [asyncio.create_task(edge.get(FILM, {"Accept-Language": "en"})) for _ in range(3)]
    await edge.until_metric("sluice_edge_active_requests", 4)
    hold.set()
    assert (await german).body == b"hallo"
    assert [(await task).body for task in english] == [b"hello"] * 3
    assert upstream.count(FILM) == 2


@pytest.mark.parametrize("length", [AUTO, CHUNKED], ids=["length", "chunked"])
async def test_a_slow_client_holds_back_what_only_passes_through(
    start_edge: StartEdge, upstream: ScriptedUpstream, length: int
) -> None:
    pieces = [bytes(2**20)] * 64
    upstream.on(FILM, Reply(200, {"Cache-Control": "no-store"}, pieces, length))
    async with start_edge(upstream.url) as edge, edge.connect() as client:
        await client.send(FILM)
        await client.head()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it reads, too
        before, now = -1.0, 0.0
        while before != now:
            await asyncio.sleep(0.2)
            before, now = now, await edge.metric("sluice_edge_filled_bytes_total")
        assert now < 32 * 2**20, "the edge took in everything although its client took nothing"
