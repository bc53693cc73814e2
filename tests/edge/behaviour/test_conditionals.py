"""Conditional requests (RFC 9110 §13), on what is stored and on what is still arriving."""

import pytest

from tests.fixtures.edge import RunningEdge
from tests.fixtures.upstream import CHUNKED, Reply, ScriptedUpstream

FILM = "/media/p_1/master.m3u8"
CHANGED = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
FRESH = {
    "Cache-Control": "max-age=60",
    "Content-Type": "application/vnd.apple.mpegurl",
    "ETag": '"v1"',
    "Last-Modified": CHANGED,
    "Expires": "Thu, 01 Dec 2044 16:00:00 GMT",
    "Vary": "Accept-Encoding",
}

CASES = [
    ({"If-None-Match": '"v1"'}, 304),
    ({"If-None-Match": 'W/"v1"'}, 304),
    ({"If-None-Match": '"v0", "v1"'}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"v2"'}, 200),
    ({"If-Modified-Since": CHANGED}, 304),
    ({"If-Modified-Since": EARLIER}, 200),
    ({"If-None-Match": '"v2"', "If-Modified-Since": CHANGED}, 200),
    ({"If-Match": '"v1"'}, 200),
    ({"If-Match": '"v2"'}, 412),
    ({"If-Match": 'W/"v1"'}, 412),
    ({"If-Unmodified-Since": EARLIER}, 412),
    ({"If-Unmodified-Since": CHANGED}, 200),
    ({"If-None-Match": '"v1"', "Range": "bytes=0-1"}, 304),
]


@pytest.mark.parametrize(("headers", "status"), CASES)
@pytest.mark.parametrize("length", [-1, CHUNKED], ids=["length", "chunked"])
async def test_preconditions_hold_alike_on_a_miss_and_on_a_hit(
    edge: RunningEdge,
    upstream: ScriptedUpstream,
    headers: dict[str, str],
    status: int,
    length: int,
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"#EXTM3U", length))
    async with edge.connect() as client:
        answers = [await client.get(FILM, headers) for _ in range(3)]
    assert [answer.status for answer in answers] == [status] * 3
    assert upstream.count(FILM) == 1
    assert "if-none-match" not in upstream.last(FILM).headers
    if status == 304:
        assert all(answer.body == b"" for answer in answers)


async def test_a_304_repeats_what_a_cache_needs(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, {**FRESH, "Content-Location": "/elsewhere"}, b"#EXTM3U"))
    answer = await edge.get(FILM, {"If-None-Match": '"v1"'})
    assert answer["ETag"] == '"v1"'
    assert answer["Cache-Control"] == "max-age=60"
    assert answer["Vary"] == "Accept-Encoding"
    assert answer["Expires"] == FRESH["Expires"]
    assert answer["Content-Location"] == "/elsewhere"
    assert answer.get("Date") is not None
    assert answer.get("Content-Type") is None
    assert answer["Access-Control-Allow-Origin"] == "*"


async def test_a_refused_precondition_is_a_problem(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"#EXTM3U"))
    answer = await edge.get(FILM, {"If-Match": '"v2"'})
    assert answer["Content-Type"] == "application/problem+json"
    assert b"precondition.failed" in answer.body


async def test_a_precondition_on_what_is_not_stored_is_the_upstreams_to_judge(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    private = {"Cache-Control": "no-store", "ETag": '"v1"'}
    upstream.on(FILM, Reply(200, private, b"mine"), Reply(304, private))
    await edge.get(FILM)
    answer = await edge.get(FILM, {"If-None-Match": '"v1"'})
    assert answer.status == 304
    assert upstream.last(FILM).headers["if-none-match"] == '"v1"'
