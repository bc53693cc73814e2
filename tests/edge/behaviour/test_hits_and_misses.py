"""What is stored, what is not, and what an answer says about it."""

import pytest

from core.cache.policies import CachePolicy
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import CHUNKED, UNFRAMED, Reply, ScriptedUpstream

FILM = "/media/p_1/v/720p/abc/0.m4s"
FRESH = {"Cache-Control": "public, max-age=60", "Content-Type": "video/iso.segment"}
BODY = bytes(range(256)) * 40


async def test_a_second_request_is_answered_from_the_store(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, {**FRESH, "ETag": '"v1"'}, BODY))
    first, second = await edge.get(FILM), await edge.get(FILM)
    assert (first.status, first.body) == (second.status, second.body) == (200, BODY)
    assert upstream.count(FILM) == 1
    assert first["Cache-Status"] == "edge-a; fwd=uri-miss; fwd-status=200; ttl=60; stored"
    assert second["Cache-Status"].startswith("edge-a; hit; ttl=")
    assert second["ETag"] == '"v1"'
    assert second["Content-Type"] == "video/iso.segment"
    assert second["Accept-Ranges"] == "bytes"
    assert second["Content-Length"] == str(len(BODY))


async def test_a_hit_keeps_its_connection(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    async with edge.connect() as client:
        answers = [await client.get(FILM) for _ in range(3)]
    assert [answer.body for answer in answers] == [BODY] * 3


async def test_pipelined_requests_are_answered_in_order(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    for number in range(5):
        upstream.on(f"/media/p_1/{number}.m4s", Reply(200, FRESH, str(number).encode()))
    async with edge.connect() as client:
        for number in range(5):
            await client.send(f"/media/p_1/{number}.m4s")
        answers = [await client.body(await client.head()) for _ in range(5)]
    assert [answer.body for answer in answers] == [b"0", b"1", b"2", b"3", b"4"]


async def test_get_and_head_share_what_is_stored(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    await edge.get(FILM)
    head = await edge.get(FILM, method="HEAD")
    assert (head.status, head["Content-Length"]) == (200, str(len(BODY)))
    assert "; hit" in head["Cache-Status"]
    assert upstream.count(FILM) == 1


async def test_a_head_that_misses_goes_on_as_head_and_stores_nothing(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    head = await edge.get(FILM, method="HEAD")
    assert (head.status, head["Content-Length"]) == (200, str(len(BODY)))
    assert upstream.last(FILM).method == "HEAD"
    got = await edge.get(FILM)
    assert got.body == BODY
    assert upstream.last(FILM).method == "GET"
    assert got["Cache-Status"].startswith("edge-a; fwd=uri-miss")


async def test_a_chunked_answer_is_stored_and_then_has_a_length(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, [b"one", b"two"], CHUNKED))
    first, second = await edge.get(FILM), await edge.get(FILM)
    assert first.body == second.body == b"onetwo"
    assert first["Transfer-Encoding"] == "chunked"
    assert second["Content-Length"] == "6"
    assert upstream.count(FILM) == 1


async def test_an_empty_body_is_stored_too(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(FILM, Reply(200, FRESH, b""))
    first, second = await edge.get(FILM), await edge.get(FILM)
    assert (first.body, second.body) == (b"", b"")
    assert "hit" in second["Cache-Status"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Cache-Control": "no-store"},
        {"Cache-Control": "private, max-age=60"},
        {"Cache-Control": "max-age=60", "Vary": "*"},
        {"Cache-Control": "max-age=60", "Set-Cookie": "who=me"},
        {"Cache-Control": "max-age=0"},
        {"Cache-Control": "max-age=60", "CDN-Cache-Control": "no-store"},
        {},
    ],
)
async def test_what_may_not_be_stored_is_asked_for_each_time(
    edge: RunningEdge, upstream: ScriptedUpstream, headers: dict[str, str]
) -> None:
    upstream.on(FILM, Reply(200, headers, BODY))
    answers = [await edge.get(FILM) for _ in range(3)]
    assert [answer.body for answer in answers] == [BODY] * 3
    assert upstream.count(FILM) == 3
    assert all("stored" not in answer["Cache-Status"] for answer in answers)
    assert await edge.metric("sluice_edge_stored_objects") == 0


async def test_a_body_that_ends_with_its_connection_is_not_stored(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY, UNFRAMED))
    answers = [await edge.get(FILM) for _ in range(2)]
    assert [answer.body for answer in answers] == [BODY] * 2
    assert upstream.count(FILM) == 2


async def test_cdn_cache_control_counts_for_us_and_is_not_sent_on(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    headers = {"Cache-Control": "no-store", "CDN-Cache-Control": "max-age=60"}
    upstream.on(FILM, Reply(200, headers, BODY))
    await edge.get(FILM)
    second = await edge.get(FILM)
    assert "hit" in second["Cache-Status"]
    assert second.get("CDN-Cache-Control") is None
    assert second["Cache-Control"] == "no-store"


async def test_errors_with_a_lifetime_are_stored(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(404, {"Cache-Control": "max-age=4"}, b"gone"))
    first, second = await edge.get(FILM), await edge.get(FILM, {"Range": "bytes=0-1"})
    assert (first.status, second.status) == (404, 404)
    assert second.body == b"gone"
    assert upstream.count(FILM) == 1


async def test_an_object_larger_than_the_limit_streams_through_unstored(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY * 200))
    async with start_edge(upstream.url, max_object_bytes=100_000) as edge:
        answers = [await edge.get(FILM) for _ in range(2)]
        assert all(answer.body == BODY * 200 for answer in answers)
        assert upstream.count(FILM) == 2
        assert "detail=too-large" in answers[0]["Cache-Status"]
        assert await edge.metric("sluice_edge_stored_objects") == 0


async def test_an_object_that_turns_out_larger_than_the_limit_is_whole_all_the_same(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, [BODY] * 200, CHUNKED))
    async with start_edge(upstream.url, max_object_bytes=100_000) as edge:
        answers = [await edge.get(FILM) for _ in range(2)]
        assert all(answer.body == BODY * 200 for answer in answers)
        assert all(answer.whole for answer in answers)
        assert await edge.metric("sluice_edge_stored_objects") == 0


async def test_with_lru_the_least_recently_used_make_room(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    names = [f"/media/p_1/{number}.m4s" for number in range(4)]
    for name in names:
        upstream.on(name, Reply(200, FRESH, bytes(100_000)))
    async with start_edge(upstream.url, memory_bytes=320_000, cache_policy=CachePolicy.LRU) as edge:
        for name in (*names[:3], names[0], names[3]):
            await edge.get(name)
        assert await edge.metric("sluice_edge_evictions_total") == 1
        await edge.get(names[0])
        assert upstream.count(names[0]) == 1
        await edge.get(names[1])
        assert upstream.count(names[1]) == 2


async def test_what_is_asked_for_again_survives_a_pass_over_what_is_not(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    names = [f"/media/p_1/{number}.m4s" for number in range(20)]
    for name in names:
        upstream.on(name, Reply(200, FRESH, bytes(100_000)))
    async with start_edge(upstream.url, memory_bytes=720_000) as edge:
        for _ in range(3):
            await edge.get(names[0])
        for name in names[1:]:
            await edge.get(name)
        await edge.get(names[0])
    assert upstream.count(names[0]) == 1


async def test_variants_are_kept_apart(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    headers = {**FRESH, "Vary": "Accept-Language"}
    upstream.on(FILM, Reply(200, headers, b"hallo"), Reply(200, headers, b"hello"))
    german, english = {"Accept-Language": "de"}, {"Accept-Language": "en"}
    assert (await edge.get(FILM, german)).body == b"hallo"
    missed = await edge.get(FILM, english)
    assert missed.body == b"hello"
    assert "fwd=vary-miss" in missed["Cache-Status"]
    assert (await edge.get(FILM, german)).body == b"hallo"
    assert (await edge.get(FILM, english)).body == b"hello"
    assert upstream.count(FILM) == 2


async def test_viewers_of_one_film_share_it_wherever_its_player_is(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, {**FRESH, "Vary": "Origin, Cookie"}, BODY))
    for page in ("https://one.example", "https://two.example"):
        await edge.get(FILM, {"Origin": page, "Cookie": f"from={page}"})
    assert upstream.count(FILM) == 1


async def test_only_if_cached_never_reaches_the_upstream(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    wish = {"Cache-Control": "only-if-cached"}
    assert (await edge.get(FILM, wish)).status == 504
    assert upstream.count(FILM) == 0
    await edge.get(FILM)
    assert (await edge.get(FILM, wish)).body == BODY


async def test_a_viewer_cannot_make_us_ask_again(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    await edge.get(FILM)
    again = await edge.get(FILM, {"Cache-Control": "no-cache", "Pragma": "no-cache"})
    assert "hit" in again["Cache-Status"]
    assert upstream.count(FILM) == 1
