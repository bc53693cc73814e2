"""Streams that two servers could cut into different requests: no byte behind them is a request."""

import asyncio
import re
import socket

import pytest

from tests.fixtures.edge import RunningEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"
FRESH = {"Cache-Control": "max-age=600", "ETag": '"v1"'}
SMUGGLED = b"GET /media/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /upload HTTP/1.1\r\nHost: a\r\n"


def coded(coding: bytes, *more: bytes) -> bytes:
    """A request with a field that may or may not say chunked, and a length behind it."""
    lines = b"".join(line + b"\r\n" for line in (coding, *more))
    return POST + lines + b"\r\n0\r\n\r\n"


# Each ends where a lenient reader finds the end of a body; behind it stands the smuggled request.
REFUSED = {
    "cl.te": POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "te.cl": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "cl.cl": POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "cl.cl in one field": POST + b"Content-Length: 0, 5\r\n\r\n",
    "cl with a sign": POST + b"Content-Length: +0\r\n\r\n",
    "cl in hexadecimal": POST + b"Content-Length: 0x0\r\n\r\n",
    "cl with a blank within": POST + b"Content-Length: 0 0\r\n\r\n",
    "cl below nothing": POST + b"Content-Length: -1\r\n\r\n",
    "te twice": coded(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
    "te twice, other order": coded(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"),
    "te unknown": coded(b"Transfer-Encoding: xchunked"),
    "te with more behind": coded(b"Transfer-Encoding: chunked, identity"),
    "te in quotes": coded(b'Transfer-Encoding: "chunked"'),
    "te with a blank before the colon": coded(b"Transfer-Encoding : chunked"),
    "te with a control": coded(b"Transfer-Encoding: \x0bchunked"),
    "te with a nul": coded(b"Transfer-Encoding: chunked\x00"),
    "te folded": coded(b"Transfer-Encoding:\r\n chunked"),
    "te behind a bare lf": coded(b"X: y\nTransfer-Encoding: chunked"),
    "te behind a bare cr": coded(b"X: y\rTransfer-Encoding: chunked"),
    "te before a colon-less line": coded(b"Transfer-Encoding: chunked", b"nonsense"),
    "te in http/1.0": coded(b"Transfer-Encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "field folded": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
    "first field folded": b"GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n",
    "nul in a field": b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "http/0.9": b"GET /\r\n",
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a later version": b"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a tab between": b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "a blank in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a nul in the target": b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a method that is none": b"GE(T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "too many fields": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "a field too long": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    "a target too long": b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
}


async def whole_answer(edge: RunningEdge, stream: bytes) -> bytes:
    """Send a stream and the end of it; read to the end of the connection."""
    loop = asyncio.get_running_loop()
    with socket.create_connection(("127.0.0.1", edge.port)) as connection:
        connection.setblocking(False)
        came = b""
        async with asyncio.timeout(20):
            try:
                await loop.sock_sendall(connection, stream)
                connection.shutdown(socket.SHUT_WR)
                while more := await loop.sock_recv(connection, 1 << 16):
                    came += more
            except (ConnectionError, OSError):
                pass  # refused before all of it was read
        return came


@pytest.mark.parametrize("stream", REFUSED.values(), ids=list(REFUSED))
async def test_what_could_be_cut_in_two_ways_is_refused_with_all_that_is_behind_it(
    edge: RunningEdge, upstream: ScriptedUpstream, stream: bytes
) -> None:
    upstream.on("/media/smuggled", Reply(200, FRESH, b"smuggled"))
    upstream.on("/upload", Reply(201, {}, b"got it"))
    for _ in range(2):
        answer = await whole_answer(edge, stream + SMUGGLED)
        assert b"smuggled" not in answer
        assert re.match(rb"HTTP/1\.[01] (4\d\d|501|505) |$", answer)
        assert len(re.findall(rb"HTTP/1\.[01] \d\d\d ", answer)) <= 1
    assert upstream.requests == []


BROKEN_BODIES = {
    "size with a blank": b"5 \r\nhello\r\n0\r\n\r\n",
    "size with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "size in c": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size beyond all": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "size with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "bare lf behind the size": b"5\nhello\r\n0\r\n\r\n",
    "bare lf in an extension": b"5;a\nhello\r\n0\r\n\r\n",
    "bare cr in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "more than the size": b"5\r\nhello there\r\n0\r\n\r\n",
    "less than the size": b"9\r\nhello\r\n0\r\n\r\n",
    "bare lf behind the data": b"5\r\nhello\n0\r\n\r\n",
    "nothing": b"\r\n",
}


@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=list(BROKEN_BODIES))
async def test_nothing_behind_a_broken_body_is_a_request(
    edge: RunningEdge, upstream: ScriptedUpstream, body: bytes
) -> None:
    upstream.on("/media/smuggled", Reply(200, FRESH, b"smuggled"))
    upstream.on("/upload", Reply(201, {}, b"got it"))
    answer = await whole_answer(
        edge, POST + b"Transfer-Encoding: chunked\r\n\r\n" + body + SMUGGLED
    )
    assert b"smuggled" not in answer
    assert b" 201 " not in answer
    assert all(seen.target == "/upload" for seen in upstream.requests)


@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=list(BROKEN_BODIES))
async def test_who_sends_a_broken_body_is_told_so(
    edge: RunningEdge, upstream: ScriptedUpstream, body: bytes
) -> None:
    async with edge.connect() as client:
        client.writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        answer = await client.body(await client.head())
        assert answer.status == 400
        assert await client.reader.read() == b""


ONE_READING = {
    "extensions": b'5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n',
    "zeros before the size": b"0005\r\nhello\r\n000\r\n\r\n",
    "upper and lower case": b"A\r\nhelloworld\r\n0\r\n\r\n",
    "a trailer": b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
}


@pytest.mark.parametrize("body", ONE_READING.values(), ids=list(ONE_READING))
async def test_a_body_with_one_reading_ends_where_it_ends(
    edge: RunningEdge, upstream: ScriptedUpstream, body: bytes
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    upstream.on("/upload", Reply(201, {}, b"got it"))
    after = f"GET {FILM} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    async with edge.connect() as client:
        client.writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n" + body + after)
        first = await client.body(await client.head())
        second = await client.body(await client.head())
    assert (first.status, second.status, second.body) == (201, 200, b"film")
    assert upstream.requests[0].body in {b"hello", b"helloworld"}
    assert "x-sum" not in upstream.requests[0].headers


@pytest.mark.parametrize(
    ("first", "statuses"),
    [
        ("CONNECT edge.test:443", {400, 405, 501}),
        ("GET edge.test:443", {400}),
        ("GET *", {400}),
        ("GET ftp://edge.test/x", {400}),
        ("GET http:/x", {400}),
        ("GET //evil/x", {200, 400, 404}),
    ],
)
async def test_targets_of_other_forms_never_become_a_path_of_ours(
    edge: RunningEdge, upstream: ScriptedUpstream, first: str, statuses: set[int]
) -> None:
    method, _, target = first.partition(" ")
    answer = await edge.get(target, method=method)
    assert answer.status in statuses
    assert all(seen.target.startswith("/") for seen in upstream.requests)


async def test_the_absolute_form_names_the_same_resource(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    for form in (FILM, f"http://edge.test{FILM}", f"http://other.test{FILM}"):
        assert (await edge.get(form)).body == b"film"
    assert upstream.count(FILM) == 1


async def test_an_expectation_that_nobody_knows_does_not_hold_the_connection(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on("/upload", Reply(201, {}, b"got it"))
    async with edge.connect() as client:
        answer = await client.get("/upload", {"Expect": "a-miracle"}, method="POST", body=b"hello")
    assert answer.status in {201, 417}


async def test_ranges_do_not_make_an_answer_longer_than_the_whole(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    body = bytes(range(256)) * 200
    upstream.on(FILM, Reply(200, FRESH, body))
    fields = [
        "bytes=" + ",".join(["0-"] * 100),
        "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 4000, 2)),
        "bytes=" + ",".join("0-51199" for _ in range(16)),
        "bytes=0-,0-,0-",
    ]
    for field in fields:
        for _ in range(2):  # a miss, then a hit
            answer = await edge.get(FILM, {"Range": field})
            assert len(answer.body) <= len(body) + 2000
