"""The data plane and the reference answer the same to the same bytes, however they arrive."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from core.http.media_token import KeyRing, MediaKey, sign
from tests.fixtures.edge import EDGES, RunningEdge
from tests.fixtures.raw_client import Answer
from tests.fixtures.upstream import Reply, ScriptedUpstream

SEED = 20_240_229
STREAMS = 150
CHANGED = "Sun, 06 Nov 1994 08:49:37 GMT"
BODY = bytes(range(251)) * 700  # longer than what is sent from memory
TYPED = {"Cache-Control": "max-age=600", "Content-Type": "video/iso.segment"}
REPLIES = {
    "/media/p_1/long.m4s": Reply(200, {**TYPED, "ETag": '"v1"', "Last-Modified": CHANGED}, BODY),
    "/media/p_1/short.m4s": Reply(200, {**TYPED, "ETag": 'W/"v2"', "X-Other": "a"}, b"0123456789"),
    "/media/p_1/bare.m4s": Reply(200, {**TYPED, "Date": CHANGED, "Server": "its own"}, b"abc"),
    "/media/p_1/empty.m4s": Reply(200, {**TYPED, "ETag": '"e"'}, b""),
    "/media/p_1/gone.m4s": Reply(404, {**TYPED, "Cache-Status": "origin; hit"}, b"nothing"),
    "/media/p_1/none.m4s": Reply(204, TYPED),
    "/media/p_1/moved.m4s": Reply(301, {**TYPED, "Location": "/media/p_1/long.m4s"}, b"there"),
    "/media/s_1/0.m4s": Reply(200, {**TYPED, "ETag": '"s"'}, b"0123456789"),
    "/page?b=2&a=1": Reply(200, {**TYPED, "Access-Control-Allow-Origin": "x"}, b"<p>page</p>"),
    "/media/p_1/private.m4s": Reply(
        200,
        {
            "Cache-Control": "no-store",
        },
        b"mine",
    ),
    "/media/p_1/varied.m4s": Reply(200, {**TYPED, "Vary": "Accept-Language"}, b"hallo"),
    "/media/p_1/list.m3u8": Reply(
        200, {**TYPED, "Vary": "Accept-Encoding, Accept-Language", "ETag": '"v1"'}, b"0123456789"
    ),
}
KEYS = KeyRing((MediaKey("now", bytes(range(32))),))


def signed(playback_id: str, *, expires_s: int = 9_999_999_999, keys: KeyRing = KEYS) -> str:
    return f"/media/~{sign(playback_id, session_id='x', expires_s=expires_s, keys=keys)}"


TARGETS = [
    *REPLIES,
    f"{signed('s_1')}/s_1/0.m4s",
    f"{signed('s_1')}/s_1/0.m4s?b=1&CMCD=x",
    f"{signed('s_1')}/s_2/0.m4s",
    f"{signed('p_1')}/p_1/long.m4s",
    f"{signed('s_1', expires_s=1)}/s_1/0.m4s?CMCD=x",
    f"{signed('s_1', keys=KeyRing((MediaKey('gone', bytes(32)),)))}/s_1/0.m4s",
    f"{signed('s_1')[:-1]}1/s_1/0.m4s",
    "/media/s_1/0.m4s",
    "/media/s_1",
    "/media/p_1/long.m4s?CMCD=br%3D100",
    "/media/p_1/%6cong.m4s",
    "/media/p_1/../x",
    "/media//p_1",
    "/media/p_1/unknown",
    "http://edge.test/media/p_1/long.m4s",
    '/media/p_1/qu"ote',
    "/media/s_1/x",
    "/media/~x/s_1/x",
]
RANGES = [
    "bytes=0-0", "bytes=-5", "bytes=5-", "bytes=0-1,4-5", "bytes=2-1", "bytes=9999999-",
    "bytes=0-1, 3-4, 6-7 , -1", "bytes=0-5,2-8", "bytes=0-5,2-8,3-9", "bits=0-1", "bytes=",
    "bytes=1000-140000", "bytes=4096-139999", "bytes=100000-,0-99999", "bytes=-0",
    "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 34, 2)),
]  # fmt: skip
CONDITIONS = [
    ("If-None-Match", ['"v1"', "*", 'W/"v1", "x"', '"x"', "junk"]),
    ("If-Match", ['"v1"', "*", 'W/"v2"', '"x"']),
    ("If-Modified-Since", [CHANGED, "Sunday, 06-Nov-94 08:49:37 GMT", "yesterday"]),
    ("If-Unmodified-Since", [CHANGED, "Sun, 06 Nov 1994 08:49:36 GMT", "never"]),
    ("If-Range", ['"v1"', CHANGED, '"x"', 'W/"v2"']),
]

CHOICES = [
    ("Accept-Encoding", ["gzip", "gzip, br", "gzip ,br", "", "br;q=1\t, gzip"]),
    ("accept-language", ["de", "de,en", ",", "de  , en"]),
]


def request(dice: random.Random) -> bytes:
    method = dice.choice(["GET"] * 7 + ["HEAD", "HEAD", "OPTIONS", "POST"])
    fields = [("Host", "edge.test"), ("X-Request-Id", "given-by-proxy")]
    if dice.random() < 0.6:
        fields.append(("Range", dice.choice(RANGES)))
    for name, values in CONDITIONS:
        if dice.random() < 0.2:
            fields.append((name, dice.choice(values)))
    if dice.random() < 0.1:
        fields.append(("Cache-Control", "no-cache"))
    for name, values in CHOICES:
        fields += [(name, dice.choice(values)) for _ in range(dice.choice([0, 0, 0, 1, 1, 2]))]
    body = b"some body" if dice.random() < 0.1 else b""
    if body:
        fields.append(("Content-Length", str(len(body))))
    dice.shuffle(fields)
    target = dice.choice(TARGETS)
    if not target.startswith("/media") and method not in {"GET", "HEAD"}:
        target = "/media/p_1/long.m4s"
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body


def method_of(raw: bytes) -> str:
    return raw.partition(b" ")[0].decode()


async def conversation(edge: RunningEdge, requests: list[bytes], pieces: list[int]) -> list[Answer]:
    """Send all requests on one connection, in pieces of these sizes; read every answer."""
    stream = b"".join(requests)
    async with edge.connect() as client:

        async def send() -> None:
            at = 0
            for size in [*pieces, len(stream)]:
                client.writer.write(stream[at : at + size])
                await client.writer.drain()
                await asyncio.sleep(0)
                at += size

        sending = asyncio.create_task(send())
        answers = [
            await client.body(await client.head(), method=method_of(raw)) for raw in requests
        ]
        await sending
    return answers


def comparable(answer: Answer) -> tuple[object, ...]:
    """What has to be equal: everything but the moment, and what aiohttp adds by itself."""
    fields = {(name.lower(), value) for name, value in answer.lines}
    # A type that the upstream did not give.
    fields.discard(("content-type", "application/octet-stream"))
    status = answer.headers.get("cache-status", "")
    own = {"date", "age", "cache-status", "x-request-id"}
    kept = {(name, value) for name, value in fields if name not in own}
    names = {name for name, _ in fields}
    body = answer.body
    if "x-request-id" in answer.headers:
        body = body.replace(answer["X-Request-Id"].encode(), b"ID")
    return answer.status, answer.whole, frozenset(kept), frozenset(names), hit_text(status), body


def hit_text(status: str) -> str:
    """Cache-Status without the number of seconds left."""
    return ";".join(part for part in status.split(";") if "ttl" not in part)


@pytest.fixture
async def both(upstream: ScriptedUpstream) -> AsyncIterator[list[RunningEdge]]:
    for target, reply in REPLIES.items():
        upstream.on(target, reply)
    async with (
        EDGES["reference"](upstream.url, media_keys=KEYS) as reference,
        EDGES["plane"](upstream.url, media_keys=KEYS) as plane,
    ):
        for edge in (reference, plane):
            for target in [*REPLIES, f"{signed('s_1')}/s_1/0.m4s"]:
                await edge.get(target)
        yield [reference, plane]


@pytest.mark.parametrize("seed", range(STREAMS // 15))
async def test_random_streams_are_answered_alike_whole_and_in_pieces(
    both: list[RunningEdge], seed: int
) -> None:
    dice = random.Random(SEED + seed)
    for _ in range(15):
        requests = [request(dice) for _ in range(dice.randint(1, 12))]
        total = len(b"".join(requests))
        pieces = [dice.randint(1, total)] if dice.random() < 0.5 else [7] * (total // 7)
        expected = await conversation(both[0], requests, [])
        found = await conversation(both[1], requests, pieces)
        for raw, one, other in zip(requests, expected, found, strict=True):
            assert comparable(other) == comparable(one), raw.decode()


HOSTILE = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b"\x00", b"\xff", b":", b"GET ", b"HTTP/1.1\r\n",
    b"Host: a\r\n", b"Content-Length: 3\r\n", b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"Range: bytes=",
    b"Connection: close\r\n", b"\r\n\r\n", b"/media/p_1/long.m4s", b"Expect: 100-continue\r\n",
]  # fmt: skip


async def test_no_bytes_stop_the_threads(edge: RunningEdge, upstream: ScriptedUpstream) -> None:
    upstream.on("/media/p_1/long.m4s", REPLIES["/media/p_1/long.m4s"])
    dice = random.Random(SEED)
    for _ in range(400):
        raw = request(dice) + request(dice)
        for _ in range(dice.randint(1, 4)):
            at = dice.randint(0, len(raw))
            raw = raw[:at] + dice.choice(HOSTILE) + raw[at + dice.randint(0, 5) :]
        async with edge.connect() as client:
            client.writer.write(raw)
            if dice.random() < 0.5:
                client.writer.write_eof()
                async with asyncio.timeout(20):
                    with contextlib.suppress(ConnectionResetError):
                        await client.reader.read()
    assert (await edge.get("/media/p_1/long.m4s")).body == BODY
