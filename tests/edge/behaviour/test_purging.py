"""Purging by tag and by URL, hard and soft, with fetches under way."""

import asyncio
import json

import pytest

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

LIST = "/media/p_1/master.m3u8"
OTHER = "/media/p_2/master.m3u8"
FRESH = {"Cache-Control": "max-age=60", "ETag": '"v1"', "Surrogate-Key": "video:1 playback:p_1"}


def versions(upstream: ScriptedUpstream, *, headers: dict[str, str] | None = None) -> None:
    fields = headers or FRESH
    upstream.on(LIST, Reply(200, fields, b"one"), Reply(200, fields, b"two"))
    upstream.on(OTHER, Reply(200, {**FRESH, "Surrogate-Key": "video:2"}, b"other"))


async def test_a_purge_by_tag_drops_what_has_it_and_nothing_else(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    versions(upstream)
    for target in (LIST, OTHER):
        await edge.get(target)
    answer = await edge.purge(keys=["video:1"])
    assert answer.status == 202
    assert json.loads(answer.body)["purge_id"]
    assert (await edge.get(LIST)).body == b"two"
    assert (await edge.get(OTHER)).body == b"other"
    assert upstream.count(OTHER) == 1


@pytest.mark.parametrize("url", [LIST, f"http://edge.test{LIST}", f"{LIST}?CMCD=sid%3D1"])
async def test_a_purge_by_url_drops_that_resource(
    edge: RunningEdge, upstream: ScriptedUpstream, url: str
) -> None:
    versions(upstream)
    await edge.get(LIST)
    await edge.purge(urls=[url])
    assert (await edge.get(LIST)).body == b"two"


async def test_a_purge_by_url_drops_every_variant(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(LIST, Reply(200, {**FRESH, "Vary": "Accept-Language"}, b"one"))
    for language in ("de", "en"):
        await edge.get(LIST, {"Accept-Language": language})
    await edge.purge(urls=[LIST])
    assert await edge.metric("sluice_edge_stored_objects") == 0


async def test_a_soft_purge_marks_stale(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    headers = {**FRESH, "Cache-Control": "max-age=60, stale-while-revalidate=600"}
    versions(upstream, headers=headers)
    await edge.get(LIST)
    await edge.purge(keys=["playback:p_1"], soft=True)
    stale = await edge.get(LIST)
    assert stale.body == b"one"
    assert "hit; ttl=0" in stale["Cache-Status"]
    await edge.until_metric("sluice_edge_fetches_in_flight", 0)
    assert upstream.last(LIST).headers["if-none-match"] == '"v1"'
    assert (await edge.get(LIST)).body == b"two"


async def test_a_soft_purge_without_stale_while_revalidate_asks_first(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    versions(upstream)
    await edge.get(LIST)
    await edge.purge(keys=["video:1"], soft=True)
    assert (await edge.get(LIST)).body == b"two"


@pytest.mark.parametrize("purge", [{"keys": ["video:1"]}, {"urls": [LIST]}])
@pytest.mark.parametrize("soft", [False, True])
async def test_a_fetch_begun_before_a_purge_is_delivered_but_not_stored(
    edge: RunningEdge, upstream: ScriptedUpstream, purge: dict[str, list[str]], soft: bool
) -> None:
    rest = asyncio.Event()
    upstream.on(LIST, Reply(200, FRESH, [b"o", rest, b"ne"]), Reply(200, FRESH, b"two"))
    async with edge.connect() as early:
        await early.send(LIST)
        head = await early.head()
        await edge.purge(**purge, soft=soft)
        late = await edge.get(LIST)
        rest.set()
        assert (await early.body(head)).body == b"one"
    assert late.body == b"two"
    assert (await edge.get(LIST)).body == b"two"
    assert upstream.count(LIST) == 2


async def test_who_comes_after_a_purge_does_not_get_what_was_asked_for_before(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    upstream.on(LIST, Reply(200, FRESH, b"one", before=hold), Reply(200, FRESH, b"two"))
    early = asyncio.create_task(edge.get(LIST))
    await upstream.until_asked(LIST)
    await edge.purge(keys=["video:1"])  # nobody knows yet that the answer has this tag
    late = asyncio.create_task(edge.get(LIST))
    await edge.until_metric("sluice_edge_active_requests", 2)
    hold.set()
    assert (await early).body == b"one"
    assert (await late).body == b"two"
    assert (await edge.get(LIST)).body == b"two"


@pytest.mark.parametrize("purge", [{"keys": ["video:1"]}, {"urls": [LIST]}])
async def test_those_who_come_after_a_purge_share_a_new_fetch(
    edge: RunningEdge, upstream: ScriptedUpstream, purge: dict[str, list[str]]
) -> None:
    rest, hold = asyncio.Event(), asyncio.Event()
    upstream.on(
        LIST, Reply(200, FRESH, [b"o", rest, b"ne"]), Reply(200, FRESH, b"two", before=hold)
    )
    async with edge.connect() as early:
        await early.send(LIST)
        head = await early.head()
        await edge.purge(**purge)
        late = [asyncio.create_task(edge.get(LIST)) for _ in range(5)]
        await edge.until_metric("sluice_edge_active_requests", 6)
        hold.set()
        assert [(await task).body for task in late] == [b"two"] * 5
        rest.set()
        assert (await early.body(head)).body == b"one"
    assert upstream.count(LIST) == 2


async def test_tags_are_not_shown_to_clients(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    versions(upstream)
    for answer in [await edge.get(LIST) for _ in range(2)]:
        assert answer.get("Surrogate-Key") is None


@pytest.mark.parametrize("url", [LIST, f"http://edge.test{LIST}"])
@pytest.mark.parametrize("soft", [False, True])
async def test_the_purge_method_purges_its_target(
    edge: RunningEdge, upstream: ScriptedUpstream, url: str, soft: bool
) -> None:
    versions(upstream)
    for target in (LIST, OTHER):
        await edge.get(target)
    headers = {"Fastly-Soft-Purge": "1"} if soft else {}
    answer = await edge.admin(url, method="PURGE", headers=headers)
    assert answer.status == 202
    assert json.loads(answer.body)["purge_id"]
    assert await edge.metric("sluice_edge_stored_objects") == (2 if soft else 1)
    assert (await edge.get(LIST)).body == b"two"
    assert (await edge.get(OTHER)).body == b"other"


async def test_a_purge_of_all_drops_everything(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    versions(upstream)
    for target in (LIST, OTHER):
        await edge.get(target)
    assert (await edge.purge(all=True)).status == 202
    assert await edge.metric("sluice_edge_stored_objects") == 0
    assert (await edge.get(LIST)).body == b"two"


async def test_a_fetch_begun_before_a_purge_of_all_is_delivered_but_not_stored(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    rest = asyncio.Event()
    upstream.on(LIST, Reply(200, FRESH, [b"o", rest, b"ne"]), Reply(200, FRESH, b"two"))
    async with edge.connect() as early:
        await early.send(LIST)
        head = await early.head()
        await edge.purge(all=True)
        rest.set()
        assert (await early.body(head)).body == b"one"
    assert (await edge.get(LIST)).body == b"two"


async def test_a_purge_that_is_told_again_is_done_once(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    versions(upstream)
    fields = {"Idempotency-Key": "a"}
    for body in (b"one", b"two", b"two"):
        assert (await edge.get(LIST)).body == body
        answer = await edge.admin(LIST, method="PURGE", headers=fields)
        assert answer.status == 202
    assert upstream.count(LIST) == 2


async def test_a_purge_method_without_the_token_is_refused(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    async with start_edge(upstream.url, admin_token="s3cret") as edge:
        answer = await edge.admin(LIST, method="PURGE")
        assert answer.status == 401
        assert answer["Content-Type"] == "application/problem+json"
        headers = {"Authorization": "bearer  s3cret"}  # RFC 9110 §11.1, §11.4
        assert (await edge.admin(LIST, method="PURGE", headers=headers)).status == 202


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":[]}',
        b'{"key":["a"]}',
        b'{"keys":["a b"]}',
        b'{"keys":[1]}',
        b'{"all":true,"soft":true}',
        b'{"all":true,"keys":["a"]}',
        b'{"all":false}',
    ],
)
async def test_a_malformed_purge_is_refused(edge: RunningEdge, body: bytes) -> None:
    answer = await edge.admin("/cache/purge", method="POST", body=body)
    assert answer.status == 400
    assert answer["Content-Type"] == "application/problem+json"


async def test_a_purge_of_a_refused_spelling_is_refused(edge: RunningEdge) -> None:
    assert (await edge.purge(urls=["/media/../x"])).status == 400


async def test_with_a_token_only_its_bearer_purges(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    async with start_edge(upstream.url, admin_token="s3cret") as edge:
        assert (await edge.purge(keys=["video:1"])).status == 202
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}):
            body = b'{"keys":["video:1"]}'
            answer = await edge.admin("/cache/purge", headers=headers, method="POST", body=body)
            assert answer.status == 401


async def test_purging_is_not_possible_on_the_public_port(edge: RunningEdge) -> None:
    answer = await edge.get("/media/cache/purge", method="POST", body=b'{"keys":["video:1"]}')
    assert answer.status == 405
