"""RFC 9111 section by section, as a viewer and an upstream see it; RFC 5861, 9211 and 9213 with it.

What is only arithmetic is in tests/core/http, and what has a file of its own here is not repeated.
"""

import asyncio
import json
import time

import pytest

from core.http.dates import format_http_date
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

PAGE = "/page"
FRESH = {"Cache-Control": "max-age=60"}


def fresh(more: str = "", **headers: str) -> dict[str, str]:
    return {"Cache-Control": f"max-age=60{more}", **headers}


def stale(more: str = "", **headers: str) -> dict[str, str]:
    """Ten seconds past a lifetime of a minute."""
    return fresh(more, Age="70", ETag='"v1"', **headers)


# §3: storing


async def test_must_understand_overrules_no_store_where_the_status_is_understood(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, fresh(", must-understand, no-store"), b"page"))
    assert "; stored" in (await edge.get(PAGE))["Cache-Status"]
    assert "; hit" in (await edge.get(PAGE))["Cache-Status"]


async def test_a_status_that_is_not_understood_is_not_stored_when_it_must_be(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(299, fresh(", must-understand"), b"page"))
    assert "detail=no-store" in (await edge.get(PAGE))["Cache-Status"]


async def test_a_field_list_behind_private_or_no_cache_is_read_as_if_there_were_none(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, fresh(', private="x-user"'), b"page"))
    assert "detail=private" in (await edge.get(PAGE))["Cache-Status"]
    upstream.on("/other", Reply(200, fresh(', no-cache="x-user"', ETag='"1"'), b"page"))
    await edge.get("/other")
    await edge.get("/other")
    assert upstream.last("/other").headers["if-none-match"] == '"1"'


# §3.2, §4.3.4: what a 304 updates


async def test_a_304_replaces_the_fields_that_it_has_and_no_others(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    first = stale(**{"X-Kept": "1", "X-Replaced": "1", "Content-Type": "text/plain"})
    renewed = fresh(
        **{"ETag": '"v1"', "X-Replaced": "2", "X-New": "2", "Content-Type": "text/html"}
    )
    upstream.on(PAGE, Reply(200, first, b"page"), Reply(304, renewed))
    await edge.get(PAGE)
    for answer in [await edge.get(PAGE) for _ in range(2)]:
        assert answer.body == b"page"
        assert (answer["X-Kept"], answer["X-Replaced"], answer["X-New"]) == ("1", "2", "2")
        assert answer["Content-Type"] == "text/plain", "that of the stored bytes"
        assert answer["Content-Length"] == "4"


async def test_a_304_renews_every_variant_with_the_same_strong_tag(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    varied = stale(Vary="Accept-Language")
    renewed = fresh(ETag='"v1"', Vary="Accept-Language")
    upstream.on(PAGE, Reply(200, varied, b"page"), Reply(200, varied, b"page"), Reply(304, renewed))
    german, english = {"Accept-Language": "de"}, {"Accept-Language": "en"}
    await edge.get(PAGE, german)
    await edge.get(PAGE, english)
    assert "fwd=stale" in (await edge.get(PAGE, german))["Cache-Status"]
    assert "; hit" in (await edge.get(PAGE, english))["Cache-Status"]
    assert upstream.count(PAGE) == 3


async def test_a_304_may_change_what_a_resource_varies_by(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    renewed = fresh(ETag='"v1"', Vary="Accept-Language")
    upstream.on(
        PAGE, Reply(200, stale(), b"page"), Reply(304, renewed), Reply(200, renewed, b"seite")
    )
    await edge.get(PAGE)
    await edge.get(PAGE)
    assert "; hit" in (await edge.get(PAGE))["Cache-Status"]
    assert (await edge.get(PAGE, {"Accept-Language": "de"})).body == b"seite"


async def test_a_304_about_another_date_confirms_nothing(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    old, new = format_http_date(1), format_http_date(2)
    first = fresh(**{"Age": "70", "Last-Modified": old})
    upstream.on(
        PAGE,
        Reply(200, first, b"one"),
        Reply(304, {"Last-Modified": new}),
        Reply(200, fresh(), b"two"),
    )
    await edge.get(PAGE)
    assert upstream.count(PAGE) == 1
    assert (await edge.get(PAGE)).body == b"two"


# §3.5: Authorization

AUTHORIZED = {"Authorization": "Basic eDp5"}


@pytest.mark.parametrize("word", ["public", "s-maxage=60", "must-revalidate"])
async def test_an_answer_to_credentials_is_shared_where_it_says_so(
    edge: RunningEdge, upstream: ScriptedUpstream, word: str
) -> None:
    upstream.on(PAGE, Reply(200, fresh(f", {word}"), b"page"))
    await edge.get(PAGE, AUTHORIZED)
    assert "; hit" in (await edge.get(PAGE))["Cache-Status"]
    assert upstream.last(PAGE).headers["authorization"] == "Basic eDp5"


async def test_an_answer_to_credentials_is_nobody_elses_without_a_word(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, FRESH, b"mine"), Reply(200, FRESH, b"yours"))
    assert "detail=authorization" in (await edge.get(PAGE, AUTHORIZED))["Cache-Status"]
    assert (await edge.get(PAGE)).body == b"yours"
    answer = await edge.get(PAGE, AUTHORIZED)
    assert answer.body == b"yours", "what was stored from a request without any is for all"
    assert "; hit" in answer["Cache-Status"]


async def test_who_waits_for_an_answer_to_credentials_does_not_get_it(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    upstream.on(PAGE, Reply(200, FRESH, b"mine", before=hold), Reply(200, FRESH, b"yours"))
    leading = asyncio.create_task(edge.get(PAGE, AUTHORIZED))
    await upstream.until_asked(PAGE)
    waiting = asyncio.create_task(edge.get(PAGE))
    await edge.until_metric("sluice_edge_active_requests", 2)
    hold.set()
    assert ((await leading).body, (await waiting).body) == (b"mine", b"yours")


# §4.1: Vary


async def test_fields_that_differ_by_blanks_and_lines_alone_choose_one_variant(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, fresh(Vary="Accept-Encoding, X-Other"), b"page"))
    async with edge.connect() as client:
        for lines in (
            b"Accept-Encoding: gzip, br\r\n",
            b"accept-encoding:gzip ,br \r\n",
            b"Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n",
        ):
            client.writer.write(b"GET /page HTTP/1.1\r\nHost: e\r\n" + lines + b"\r\n")
            assert (await client.body(await client.head())).body == b"page"
    assert upstream.count(PAGE) == 1


async def test_an_absent_field_is_another_variant_than_an_empty_one(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, fresh(Vary="X-Kind"), b"page"))
    for kind in ({}, {"X-Kind": ""}, {"X-Kind": "a"}):
        assert "fwd=" in (await edge.get(PAGE, kind))["Cache-Status"]
        assert "; hit" in (await edge.get(PAGE, kind))["Cache-Status"]
    assert upstream.count(PAGE) == 3


# §4.2: freshness


@pytest.mark.parametrize("status", [404, 410])
async def test_what_is_missing_is_remembered_for_as_long_as_the_operator_says(
    start_edge: StartEdge, upstream: ScriptedUpstream, status: int
) -> None:
    upstream.on(PAGE, Reply(status, {}, b"gone"))
    async with start_edge(upstream.url, negative_ttl_s=30) as edge:
        await edge.get(PAGE)
        again = await edge.get(PAGE)
    assert (again.status, upstream.count(PAGE)) == (status, 1)
    assert "; hit" in again["Cache-Status"]


async def test_without_a_word_what_is_missing_is_asked_for_again(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(404, {}, b"gone"))
    await edge.get(PAGE)
    await edge.get(PAGE)
    assert upstream.count(PAGE) == 2


async def test_a_lifetime_is_guessed_from_the_last_change(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, {"Last-Modified": format_http_date(1)}, b"page"))
    await edge.get(PAGE)
    assert "; hit" in (await edge.get(PAGE))["Cache-Status"]


async def test_ages_add_up_over_two_edges(
    start_edge: StartEdge, edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, fresh(Age="30"), b"page"))
    await edge.get(PAGE)
    async with start_edge(f"http://127.0.0.1:{edge.port}", name="edge-b") as second:
        first, again = await second.get(PAGE), await second.get(PAGE)
    assert all(30 <= int(answer["Age"]) <= 35 for answer in (first, again))
    shield, last = again["Cache-Status"].split(", ")
    assert shield.startswith("edge-a; hit; ttl=")
    assert last.startswith("edge-b; hit; ttl=")


async def test_a_date_long_past_makes_an_answer_old(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, fresh(Date=format_http_date(int(time.time()) - 100)), b"page"))
    await edge.get(PAGE)
    again = await edge.get(PAGE)
    assert upstream.count(PAGE) == 2
    assert int(again["Age"]) >= 100


# §4.3.5: HEAD


async def test_a_head_renews_what_a_get_stored(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    renewed = fresh(ETag='"v1"', **{"X-New": "1"})
    upstream.on(PAGE, Reply(200, stale(), b"page"), Reply(200, renewed, b"page"))
    await edge.get(PAGE)
    assert "fwd=stale" in (await edge.get(PAGE, method="HEAD"))["Cache-Status"]
    hit = await edge.get(PAGE)
    assert "; hit" in hit["Cache-Status"]
    assert (hit.body, hit["X-New"]) == (b"page", "1")
    assert [seen.method for seen in upstream.requests] == ["GET", "HEAD"]


@pytest.mark.parametrize("changed", [{"ETag": '"v2"'}, {"ETag": '"v1"', "Content-Length": "9"}])
async def test_a_head_about_another_body_makes_what_was_stored_untrue(
    edge: RunningEdge, upstream: ScriptedUpstream, changed: dict[str, str]
) -> None:
    other = {**FRESH, **changed}
    length = int(other.pop("Content-Length", "4"))
    upstream.on(
        PAGE,
        Reply(200, stale(", stale-if-error=600"), b"page"),
        Reply(200, other, b"", length=length),
        Reply(200, FRESH, b"new!"),
    )
    await edge.get(PAGE)
    await edge.get(PAGE, method="HEAD")
    answer = await edge.get(PAGE)
    assert answer.body == b"new!"
    assert "fwd=uri-miss" in answer["Cache-Status"]


# §4.4: invalidation


async def test_what_an_unsafe_answer_names_is_asked_for_again(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    for path in ("/items", "/items/5", "/items/6", "/items/7"):
        upstream.on(path, Reply(200, FRESH, b"old"))
        await edge.get(path)
    created = {"Location": "/items/5", "Content-Location": "http://edge.test/items/6"}
    upstream.on("/items", Reply(201, created), Reply(200, FRESH, b"new"))
    await edge.get("/items", method="POST", body=b"x")
    counts = {}
    for path in ("/items", "/items/5", "/items/6", "/items/7"):
        await edge.get(path)
        counts[path] = sum(s.target == path and s.method == "GET" for s in upstream.requests)
    assert counts == {"/items": 2, "/items/5": 2, "/items/6": 2, "/items/7": 1}


async def test_an_unsafe_request_that_failed_changes_nothing(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, FRESH, b"page"), Reply(409, {}, b"conflict"))
    await edge.get(PAGE)
    assert (await edge.get(PAGE, method="PUT", body=b"x")).status == 409
    assert "; hit" in (await edge.get(PAGE))["Cache-Status"]


async def test_an_answer_names_nothing_of_another_origin(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, FRESH, b"page"))
    upstream.on("/go", Reply(303, {"Location": "http://elsewhere.example/page"}))
    await edge.get(PAGE)
    await edge.get("/go", method="POST", body=b"x")
    assert "; hit" in (await edge.get(PAGE))["Cache-Status"]


# §5.2.1, §5.4: what a request wants, outside /media/

RELOADS = [
    {"Cache-Control": "no-cache"},
    {"Cache-Control": "max-age=0"},
    {"Cache-Control": "min-fresh=3600"},
    {"Pragma": "no-cache"},
]


@pytest.mark.parametrize("wish", RELOADS)
async def test_a_reload_reaches_the_upstream(
    edge: RunningEdge, upstream: ScriptedUpstream, wish: dict[str, str]
) -> None:
    both = fresh(ETag='"v1"')
    upstream.on(PAGE, Reply(200, both, b"page"), Reply(304, both))
    await edge.get(PAGE)
    answer = await edge.get(PAGE, wish)
    assert answer.body == b"page"
    assert "fwd=request; fwd-status=304" in answer["Cache-Status"]
    seen = upstream.last(PAGE).headers
    assert seen["if-none-match"] == '"v1"'
    assert wish.items() <= {("Cache-Control", seen.get("cache-control")),
                            ("Pragma", seen.get("pragma"))}  # fmt: skip
    assert "; hit" in (await edge.get(PAGE))["Cache-Status"]


@pytest.mark.parametrize("wish", [*RELOADS, {"Cache-Control": "no-store"}])
async def test_under_media_a_reload_does_not(
    edge: RunningEdge, upstream: ScriptedUpstream, wish: dict[str, str]
) -> None:
    upstream.on("/media/p_1/x", Reply(200, FRESH, b"film"))
    await edge.get("/media/p_1/x", wish)
    assert "; hit" in (await edge.get("/media/p_1/x", wish))["Cache-Status"]
    assert not {"cache-control", "pragma"} & set(upstream.last("/media/p_1/x").headers)


async def test_a_client_may_take_what_is_stale(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, stale(), b"old"), Reply(200, FRESH, b"new"))
    await edge.get(PAGE)
    for wish in ("max-stale", "max-stale=600"):
        answer = await edge.get(PAGE, {"Cache-Control": wish})
        assert answer.body == b"old"
        assert "hit; ttl=-1" in answer["Cache-Status"]
    assert (await edge.get(PAGE, {"Cache-Control": "max-stale=5"})).body == b"new"


@pytest.mark.parametrize("word", ["must-revalidate", "proxy-revalidate", "s-maxage=60"])
async def test_not_where_the_upstream_forbids_it(
    edge: RunningEdge, upstream: ScriptedUpstream, word: str
) -> None:
    upstream.on(PAGE, Reply(200, stale(f", {word}"), b"old"), Reply(200, FRESH, b"new"))
    await edge.get(PAGE)
    assert (await edge.get(PAGE, {"Cache-Control": "max-stale"})).body == b"new"


async def test_what_a_client_forbids_to_store_is_not_stored(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, FRESH, b"page"))
    answer = await edge.get(PAGE, {"Cache-Control": "no-store"})
    assert "fwd=uri-miss" in answer["Cache-Status"]
    assert "detail=no-store" in answer["Cache-Status"]
    assert await edge.metric("sluice_edge_stored_objects") == 0
    await edge.get(PAGE)
    assert "; hit" in (await edge.get(PAGE, {"Cache-Control": "no-store"}))["Cache-Status"]


async def test_only_if_cached_says_that_nothing_was(edge: RunningEdge) -> None:
    answer = await edge.get(PAGE, {"Cache-Control": "only-if-cached"})
    assert answer.status == 504
    assert answer["Cache-Status"] == "edge-a; detail=cache.only_if_cached"


async def test_a_reload_while_the_upstream_is_away_gets_what_is_stored(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, FRESH, b"page"), Reply(raw=b"garbage\r\n\r\n"))
    async with start_edge(upstream.url) as edge:
        await edge.get(PAGE)
        answer = await edge.get(PAGE, {"Cache-Control": "no-cache"})
    assert (answer.status, answer.body) == (200, b"page")
    assert "detail=stale-if-error" in answer["Cache-Status"]


@pytest.mark.parametrize(
    ("failure", "status"), [(Reply(raw=b"garbage\r\n\r\n"), 502), (Reply(503, {}, b"down"), 503)]
)
async def test_a_client_may_prefer_what_is_stale_to_an_error(
    edge: RunningEdge, upstream: ScriptedUpstream, failure: Reply, status: int
) -> None:
    upstream.on(PAGE, Reply(200, stale(), b"old"), failure)
    await edge.get(PAGE)
    assert (await edge.get(PAGE, {"Cache-Control": "stale-if-error=600"})).body == b"old"
    assert (await edge.get(PAGE)).status == status


# RFC 9213


async def test_a_targeted_field_replaces_cache_control_and_expires(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    headers = {
        "Cache-Control": "no-store",
        "Expires": "0",
        "CDN-Cache-Control": "max-age=60;x=y, stale-if-error=5",
    }
    upstream.on(PAGE, Reply(200, headers, b"page"))
    await edge.get(PAGE)
    hit = await edge.get(PAGE)
    assert "; hit" in hit["Cache-Status"]
    assert (hit["Cache-Control"], hit.get("CDN-Cache-Control")) == ("no-store", None)


@pytest.mark.parametrize("broken", ["max-age=", "max-age=60, =", "", "MAX-AGE=60"])
async def test_a_targeted_field_that_is_none_is_ignored(
    edge: RunningEdge, upstream: ScriptedUpstream, broken: str
) -> None:
    headers = {"Cache-Control": "no-store", "CDN-Cache-Control": broken}
    upstream.on(PAGE, Reply(200, headers, b"page"))
    assert "detail=no-store" in (await edge.get(PAGE))["Cache-Status"]


# RFC 9211


async def test_an_answer_of_our_own_is_neither_hit_nor_forwarded(edge: RunningEdge) -> None:
    refused = await edge.get("/media/p_1/../x")
    assert refused["Cache-Status"] == "edge-a; detail=target.refused"
    unsigned = await edge.get("/media/s_1/x")
    assert unsigned["Cache-Status"] == f"edge-a; detail={json.loads(unsigned.body)['code']}"


async def test_a_failed_fetch_says_why_it_was_made(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(raw=b"garbage\r\n\r\n"))
    failed = await edge.get(PAGE)
    assert failed["Cache-Status"] == "edge-a; fwd=uri-miss; detail=upstream.malformed"


async def test_a_get_with_a_body_bypasses_the_cache(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(PAGE, Reply(200, FRESH, b"found"))
    for _ in range(2):
        answer = await edge.get(PAGE, body=b'{"query": 1}')
        assert answer["Cache-Status"] == "edge-a; fwd=bypass; fwd-status=200"
    assert upstream.last(PAGE).body == b'{"query": 1}'
    assert upstream.count(PAGE) == 2


async def test_trace_is_refused_as_it_would_show_what_we_say_to_the_upstream(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    async with start_edge(upstream.url, fill_key="sesame") as edge:
        assert (await edge.get(PAGE, method="TRACE")).status == 405
    assert not upstream.requests


async def test_no_tunnel_is_opened_to_the_upstream(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    assert (await edge.get(PAGE, method="CONNECT")).status == 405
    assert not upstream.requests


async def test_an_empty_query_is_another_resource_than_none(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    for target in (PAGE, f"{PAGE}?"):
        upstream.on(target, Reply(200, FRESH, target.encode()))
    for _ in range(2):
        for target in (PAGE, f"{PAGE}?"):
            assert (await edge.get(target)).body == target.encode()
