"""Ranges (RFC 9110 §14), on what is stored and on what is still arriving."""

import asyncio
import re

import pytest

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.raw_client import Answer
from tests.fixtures.upstream import CHUNKED, Reply, ScriptedUpstream

FILM = "/media/p_1/v/720p/abc/0.m4s"
FRESH = {"Cache-Control": "max-age=60", "Content-Type": "video/iso.segment", "ETag": '"v1"'}
BODY = bytes(range(250)) * 4

SINGLE = [
    ("bytes=0-9", 0, 10),
    ("bytes=990-", 990, 1000),
    ("bytes=990-5000", 990, 1000),
    ("bytes=-10", 990, 1000),
    ("bytes=-5000", 0, 1000),
    ("BYTES=5-5", 5, 6),
]


@pytest.mark.parametrize(("field", "start", "stop"), SINGLE)
async def test_one_range_is_that_part_alone(
    edge: RunningEdge, upstream: ScriptedUpstream, field: str, start: int, stop: int
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    for answer in [await edge.get(FILM, {"Range": field}) for _ in range(2)]:
        assert answer.status == 206
        assert answer.body == BODY[start:stop]
        assert answer["Content-Range"] == f"bytes {start}-{stop - 1}/1000"
        assert answer["Content-Length"] == str(stop - start)
        assert answer["Accept-Ranges"] == "bytes"
        assert answer["ETag"] == '"v1"'
    assert upstream.count(FILM) == 1
    assert upstream.last(FILM).headers["range"] in {"bytes=0-1048575", "bytes=0-16777215"}


@pytest.mark.parametrize("field", ["lines=0-9", "bytes=9-0", "bytes=a-b", "bytes", "bytes=0-1-2"])
async def test_a_range_that_means_nothing_is_ignored(
    edge: RunningEdge, upstream: ScriptedUpstream, field: str
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    for answer in [await edge.get(FILM, {"Range": field}) for _ in range(2)]:
        assert (answer.status, answer.body) == (200, BODY)


@pytest.mark.parametrize("field", ["bytes=1000-", "bytes=-0", "bytes=5000-6000"])
async def test_a_range_outside_the_body_is_unsatisfiable(
    edge: RunningEdge, upstream: ScriptedUpstream, field: str
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    for answer in [await edge.get(FILM, {"Range": field}) for _ in range(2)]:
        assert answer.status == 416
        assert answer["Content-Range"] == "bytes */1000"
        assert answer["Content-Type"] == "application/problem+json"
        assert answer["Access-Control-Allow-Origin"] == "*"


async def test_several_ranges_come_as_parts_in_the_order_asked(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    for answer in [await edge.get(FILM, {"Range": "bytes=500-509, 0-4,-3"}) for _ in range(2)]:
        assert answer.status == 206
        assert parts(answer) == [
            ("bytes 500-509/1000", BODY[500:510]),
            ("bytes 0-4/1000", BODY[:5]),
            ("bytes 997-999/1000", BODY[997:]),
        ]
    assert upstream.count(FILM) == 1


async def test_overlapping_ranges_become_one(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    answer = await edge.get(FILM, {"Range": "bytes=0-99,50-149"})
    assert answer["Content-Range"] == "bytes 0-149/1000"
    assert answer.body == BODY[:150]


async def test_ranges_that_would_amplify_are_ignored(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    many = ",".join(f"{at}-{at}" for at in range(0, 34, 2))
    for field in (f"bytes={many}", "bytes=0-,0-,0-"):
        answer = await edge.get(FILM, {"Range": field})
        assert (answer.status, answer.body) == (200, BODY)


async def test_if_range_decides_whether_the_range_counts(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    asked = {"Range": "bytes=0-9"}
    assert (await edge.get(FILM, {**asked, "If-Range": '"v1"'})).status == 206
    assert (await edge.get(FILM, {**asked, "If-Range": '"v2"'})).status == 200
    assert (await edge.get(FILM, {**asked, "If-Range": 'W/"v1"'})).status == 200


@pytest.mark.parametrize(
    ("made", "status"),
    [("Sun, 06 Nov 1994 08:49:37 GMT", 200), ("Sun, 06 Nov 1994 08:49:38 GMT", 206)],
)
async def test_a_date_in_if_range_counts_where_the_answer_was_made_later(
    edge: RunningEdge, upstream: ScriptedUpstream, made: str, status: int
) -> None:
    """Else it may have changed again within that second (RFC 9110 §8.8.2.2, §13.1.5)."""
    changed = "Sun, 06 Nov 1994 08:49:37 GMT"
    dated = {"Cache-Control": "max-age=4000000000", "Last-Modified": changed, "Date": made}
    upstream.on(FILM, Reply(200, dated, BODY))
    for _ in range(2):
        answer = await edge.get(FILM, {"Range": "bytes=0-9", "If-Range": changed})
        assert answer.status == status
    assert upstream.count(FILM) == 1


async def test_head_ignores_a_range(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on(FILM, Reply(200, FRESH, BODY))
    await edge.get(FILM)
    answer = await edge.get(FILM, {"Range": "bytes=0-9"}, method="HEAD")
    assert (answer.status, answer["Content-Length"]) == (200, "1000")


async def test_a_range_is_served_while_the_rest_is_still_arriving(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    rest = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, [BODY[:600], rest, BODY[600:]], length=1000))
    early = await edge.get(FILM, {"Range": "bytes=100-199"})
    assert (early.status, early.body) == (206, BODY[100:200])
    several = await edge.get(FILM, {"Range": "bytes=300-309,0-9"})
    assert [body for _, body in parts(several)] == [BODY[300:310], BODY[:10]]
    async with edge.connect() as client:
        await client.send(FILM, {"Range": "bytes=590-609"})
        head = await client.head()
        assert await client.exactly(10) == BODY[590:600]
        rest.set()
        assert await client.exactly(10) == BODY[600:610]
    assert head.status == 206
    assert upstream.count(FILM) == 1


async def test_a_range_of_an_unknown_length_waits_for_the_length(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    rest = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, [BODY[:600], rest, BODY[600:]], CHUNKED))
    async with edge.connect() as client:
        await client.send(FILM, {"Range": "bytes=-10"})
        await upstream.until_asked(FILM)
        rest.set()
        answer = await client.body(await client.head())
    assert (answer.status, answer.body) == (206, BODY[-10:])


async def test_a_range_of_an_unknown_length_beyond_the_limit_is_the_whole(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, [BODY] * 500, CHUNKED))
    async with start_edge(upstream.url, max_object_bytes=100_000) as edge:
        answer = await edge.get(FILM, {"Range": "bytes=10-19"})
    assert (answer.status, answer.body) == (200, BODY * 500)


async def test_a_range_of_what_is_not_stored_is_asked_of_the_upstream(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    part = {**FRESH, "Content-Range": "bytes 10-19/300000"}
    upstream.on(FILM, Reply(200, FRESH, BODY * 300), Reply(206, part, BODY[10:20]))
    async with start_edge(upstream.url, max_object_bytes=100_000) as edge:
        answer = await edge.get(FILM, {"Range": "bytes=10-19", "If-Range": '"v1"'})
        assert (answer.status, answer.body) == (206, BODY[10:20])
        assert answer["Content-Range"] == "bytes 10-19/300000"
        assert upstream.last(FILM).headers["range"] == "bytes=10-19"
        assert upstream.last(FILM).headers["if-range"] == '"v1"'


def parts(answer: Answer) -> list[tuple[str, bytes]]:
    """The parts of a multipart/byteranges body, read as RFC 2046 §5.1 has them."""
    boundary = answer["Content-Type"].partition("boundary=")[2].encode()
    pieces = answer.body.split(b"--" + boundary)
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    found = []
    for piece in pieces[1:-1]:
        head, _, body = piece.partition(b"\r\n\r\n")
        assert b"Content-Type: video/iso.segment" in head
        match = re.search(rb"Content-Range: (.*)", head)
        assert match is not None
        found.append((match[1].decode().strip(), body.removesuffix(b"\r\n")))
    return found
