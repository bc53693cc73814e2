"""HTTP/1.x as such: versions, odd requests, connections."""

import asyncio
import re

import pytest

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import CHUNKED, Break, Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"
FRESH = {"Cache-Control": "max-age=60"}


async def raw(edge: RunningEdge, sent: bytes) -> bytes:
    async with edge.connect() as client, asyncio.timeout(20):
        client.writer.write(sent)
        try:
            return await client.reader.read()
        except ConnectionResetError:
            return b""


async def test_an_http_1_0_client_is_answered_and_its_connection_closed(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, [b"fi", b"lm"], CHUNKED))
    for _ in range(2):  # a miss of unknown length, then a hit
        answer = await raw(edge, f"GET {FILM} HTTP/1.0\r\n\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200")
        assert b"chunked" not in head
        assert body == b"film"


async def test_an_http_1_0_client_is_reset_when_its_answer_is_cut_short(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, [b"fi", hold, Break.CLOSE], CHUNKED))
    async with edge.connect() as client:
        client.writer.write(f"GET {FILM} HTTP/1.0\r\n\r\n".encode())
        await client.head()
        assert await client.exactly(2) == b"fi"
        hold.set()
        with pytest.raises(ConnectionResetError):
            await client.exactly(1)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /media/x HTTP/1.1\r\nHost: a\r\nbroken\r\n\r\n",
        b"GET /media/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /media/x HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_a_malformed_request_is_refused_and_nothing_behind_it_is_read(
    edge: RunningEdge, upstream: ScriptedUpstream, sent: bytes
) -> None:
    smuggled = f"GET {FILM} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    answer = await raw(edge, sent + smuggled)
    assert answer == b"" or re.match(rb"HTTP/1\.[01] (400|431) ", answer)
    assert upstream.requests == []


async def test_a_body_on_a_get_does_not_become_the_next_request(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    async with edge.connect() as client:
        first = await client.get(FILM, body=b"GET /media/evil HTTP/1.1\r\nHost: a\r\n\r\n")
        second = await client.get(FILM)
    assert (first.body, second.body) == (b"film", b"film")
    assert upstream.count("/media/evil") == 0


async def test_a_request_may_arrive_byte_by_byte(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    async with edge.connect() as client:
        for byte in f"GET {FILM} HTTP/1.1\r\nHost: a\r\n\r\n".encode():
            client.writer.write(bytes([byte]))
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.body(await client.head())).body == b"film"


async def test_answers_without_a_body_have_none(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(204, FRESH))
    async with edge.connect() as client:
        answers = [await client.get(FILM) for _ in range(2)]
    assert [answer.status for answer in answers] == [204, 204]
    assert all(answer.get("Content-Length") is None for answer in answers)
    assert upstream.count(FILM) == 1


async def test_a_connection_that_breaks_off_in_a_head_harms_nobody(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    async with edge.connect() as client:
        client.writer.write(b"GET /media/p_1/0.m4s HTT")
        client.writer.transport.abort()
    assert (await edge.get(FILM)).body == b"film"


@pytest.mark.parametrize("target", [FILM, "/media/../x", "/media/missing"])
async def test_the_answer_to_head_has_no_body_even_when_it_is_an_error(
    edge: RunningEdge, upstream: ScriptedUpstream, target: str
) -> None:
    upstream.on(FILM, Reply(raw=b"HTTP/1.1 banana\r\n\r\n"))
    upstream.on("/media/ok", Reply(200, FRESH, b"film"))
    async with edge.connect() as client:
        await client.send(target, method="HEAD")
        head = await client.head()
        assert head.status in {400, 404, 502}
        assert int(head["Content-Length"]) > 0
        after = await client.get("/media/ok")
    assert (after.status, after.body) == (200, b"film")


async def test_a_refused_precondition_on_head_has_no_body(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, {**FRESH, "ETag": '"v1"'}, b"film"))
    await edge.get(FILM)
    async with edge.connect() as client:
        refused = await client.get(FILM, {"If-Match": '"v2"'}, method="HEAD")
        after = await client.get(FILM)
    assert (refused.status, after.status, after.body) == (412, 200, b"film")


@pytest.mark.parametrize("requests_before", [0, 1])
async def test_a_head_that_dribbles_in_does_not_hold_its_connection(
    start_edge: StartEdge, upstream: ScriptedUpstream, requests_before: int
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    idle_s = 1.0 if requests_before else 0.2  # those before have to come in time
    async with start_edge(upstream.url, idle_timeout_s=idle_s) as edge, edge.connect() as client:
        for _ in range(requests_before):
            assert (await client.get(FILM)).body == b"film"
        client.writer.write(f"GET {FILM} HTTP/1.1\r\n".encode())
        ended = asyncio.create_task(client.reader.read())
        async with asyncio.timeout(20):
            while not ended.done():
                client.writer.write(b"X-Slow: y\r\n")
                await asyncio.wait([ended], timeout=0.05)
        # What it wrote last may have met a closed socket.
        assert isinstance(ended.exception(), ConnectionResetError) or (
            re.fullmatch(rb"(HTTP/1\.1 408 .*)?", ended.result(), re.DOTALL)
        )


async def test_an_answer_that_begins_as_the_edge_stops_says_that_the_connection_ends(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, b"film", before=hold))
    context = start_edge(upstream.url, drain_timeout_s=20)
    edge = await context.__aenter__()
    async with edge.connect() as client:
        await client.send(FILM)
        await upstream.until_asked(FILM)
        closing = asyncio.create_task(context.__aexit__(None, None, None))
        await edge.until_metric("sluice_edge_draining", 1)
        hold.set()
        answer = await client.body(await client.head())
        assert (answer.body, answer["Connection"]) == (b"film", "close")
        assert await client.reader.read() == b""
        await closing


async def test_a_body_that_comes_too_slowly_does_not_hold_a_connection_to_the_upstream(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on("/upload", Reply(201, {}, b"got it"))
    async with (
        start_edge(upstream.url, client_timeout_s=1.0) as edge,
        edge.connect() as slow,
        edge.connect() as steady,
    ):
        head = b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n"
        slow.writer.write(head)
        steady.writer.write(head)
        for _ in range(15):
            if not slow.writer.is_closing():
                slow.writer.write(b"x")
            steady.writer.write(bytes(20_000))
            await asyncio.sleep(0.1)
        assert (await steady.body(await steady.head())).body == b"got it"
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await slow.head()
        await edge.until_metric("sluice_edge_active_requests", 0)
    assert upstream.count("/upload") == 1
