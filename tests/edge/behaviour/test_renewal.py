"""What may not be stored does not get into the store by an answer without a body either.

A 304 and the answer to a HEAD renew what is stored (RFC 9111 §4.3.4, §4.3.5). Where their fields
are for one client, or say that no shared cache may keep the response, nobody else sees them.
"""

import asyncio

import pytest

from tests.fixtures.edge import RunningEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

PAGE = "/page"
FRESH = {"Cache-Control": "max-age=60", "ETag": '"v1"'}
STALE = FRESH | {"Age": "70"}
COOKIE = FRESH | {"Set-Cookie": "session=alice"}
ALICE = {"Authorization": "Basic alice"}
# Of these the cookie is kept from the others, the rest says that nothing may be shared any more.
UNSHARED = {
    "private": {"Cache-Control": "private, max-age=60"},
    "no-store": {"Cache-Control": "no-store, max-age=60"},
    "vary": {"Vary": "*"},
}


async def test_a_cookie_in_a_304_is_for_whom_it_answers(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, STALE, b"page"), Reply(304, COOKIE), Reply(200, FRESH, b"new"))
    await edge.get(PAGE)
    first, second, third = [await edge.get(PAGE) for _ in range(3)]
    assert (first["Set-Cookie"], first.body) == ("session=alice", b"page")
    assert "fwd=stale; fwd-status=304; detail=set-cookie" in first["Cache-Status"]
    assert (second.get("set-cookie"), second.body) == (None, b"new")
    assert "fwd=stale; fwd-status=200; ttl=" in second["Cache-Status"]
    assert (third.get("set-cookie"), third.body) == (None, b"new")
    assert "; hit" in third["Cache-Status"]


async def test_who_waits_for_a_304_with_a_cookie_does_not_get_it(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    upstream.on(
        PAGE, Reply(200, STALE, b"page"), Reply(304, COOKIE, before=hold), Reply(200, FRESH, b"new")
    )
    await edge.get(PAGE)
    asked = [asyncio.create_task(edge.get(PAGE)) for _ in range(4)]
    await edge.until_metric("sluice_edge_active_requests", 4)
    hold.set()
    answers = await asyncio.gather(*asked)
    got = sorted((answer.body, answer.get("set-cookie")) for answer in answers)
    assert got == [(b"new", None)] * 3 + [(b"page", "session=alice")]


@pytest.mark.parametrize("said", UNSHARED.values(), ids=UNSHARED)
async def test_a_304_that_forbids_to_share_is_no_renewal(
    edge: RunningEdge, upstream: ScriptedUpstream, said: dict[str, str]
) -> None:
    hers = FRESH | {"X-For": "alice"} | said
    upstream.on(
        PAGE, Reply(200, STALE, b"page"), Reply(304, hers), Reply(200, hers, b"alice's"),
        Reply(200, FRESH, b"for all"),
    )  # fmt: skip
    await edge.get(PAGE)
    first, second = await edge.get(PAGE), await edge.get(PAGE)
    assert (first.body, first["X-For"]) == (b"alice's", "alice")
    assert "if-none-match" not in upstream.requests[2].headers
    assert (second.body, second.get("x-for")) == (b"for all", None)


async def test_a_304_to_credentials_is_shared_where_it_says_so(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    hers = FRESH | {"X-For": "alice"}
    upstream.on(
        PAGE, Reply(200, STALE, b"page"), Reply(304, hers),
        Reply(200, FRESH | {"X-For": "all"}, b"page"),
    )  # fmt: skip
    await edge.get(PAGE)
    assert (await edge.get(PAGE, ALICE))["X-For"] == "alice"
    assert (await edge.get(PAGE))["X-For"] == "all"
    public = {"Cache-Control": "public, max-age=60", "ETag": '"v1"'}
    upstream.on("/public", Reply(200, STALE, b"page"), Reply(304, public))
    await edge.get("/public")
    await edge.get("/public", ALICE)
    assert "; hit" in (await edge.get("/public"))["Cache-Status"]


async def test_a_cookie_in_the_answer_to_a_head_renews_nothing(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, STALE, b"page"), Reply(200, COOKIE, b"page"), Reply(304, FRESH))
    await edge.get(PAGE)
    assert (await edge.get(PAGE, method="HEAD"))["Set-Cookie"] == "session=alice"
    after = await edge.get(PAGE)
    assert (after.get("set-cookie"), after.body) == (None, b"page")
    assert upstream.last(PAGE).headers["if-none-match"] == '"v1"'


@pytest.mark.parametrize("said", UNSHARED.values(), ids=UNSHARED)
async def test_a_head_that_forbids_to_share_makes_what_was_stored_untrue(
    edge: RunningEdge, upstream: ScriptedUpstream, said: dict[str, str]
) -> None:
    upstream.on(
        PAGE, Reply(200, STALE, b"page"), Reply(200, FRESH | said, b"page"),
        Reply(200, FRESH, b"again"),
    )  # fmt: skip
    await edge.get(PAGE)
    await edge.get(PAGE, method="HEAD")
    assert (await edge.get(PAGE)).body == b"again"
    assert "if-none-match" not in upstream.last(PAGE).headers


@pytest.mark.parametrize("etag", ['"v1"', '"alice"'])
async def test_the_answer_to_a_head_with_credentials_says_nothing_to_others(
    edge: RunningEdge, upstream: ScriptedUpstream, etag: str
) -> None:
    hers = FRESH | {"ETag": etag, "X-For": "alice"}
    upstream.on(PAGE, Reply(200, STALE, b"page"), Reply(200, hers, b"page"), Reply(304, FRESH))
    await edge.get(PAGE)
    await edge.get(PAGE, ALICE, method="HEAD")
    after = await edge.get(PAGE)
    assert (after.get("x-for"), after.body) == (None, b"page")
    assert upstream.last(PAGE).headers["if-none-match"] == '"v1"'


async def test_a_client_that_forbids_to_store_does_not_renew_by_a_head(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(
        PAGE, Reply(200, STALE, b"page"), Reply(200, FRESH | {"X-For": "alice"}, b"page"),
        Reply(304, FRESH),
    )  # fmt: skip
    await edge.get(PAGE)
    await edge.get(PAGE, {"Cache-Control": "no-store"}, method="HEAD")
    after = await edge.get(PAGE)
    assert (after.get("x-for"), after.body) == (None, b"page")
