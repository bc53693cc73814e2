"""An edge in front of an application that knows nothing of it."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.raw_client import RawClient

FILM = bytes(range(256)) * 40_000  # more than all buffers on the way together hold


class Application:
    """Takes uploads, sends events one by one, and answers with cookies."""

    def __init__(self) -> None:
        self.read_bytes = 0
        self.go_on = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.put("/upload", self.upload),
            web.put("/unread", self.unread),
            web.get("/events", self.events),
            web.get("/film", self.film),
            web.get("/login", self.login),
            web.get("/socket", self.socket),
        ]

    async def upload(self, request: web.Request) -> web.Response:
        digest = hashlib.sha256()
        async for piece in request.content.iter_any():
            digest.update(piece)
        coded = request.headers.get("Transfer-Encoding")
        return web.json_response({"digest": digest.hexdigest(), "coded": coded})

    async def unread(self, request: web.Request) -> web.Response:
        await self.go_on.wait()
        async for piece in request.content.iter_any():
            self.read_bytes += len(piece)
        return web.Response(text="all of it")

    async def events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        await response.prepare(request)
        for number in range(3):
            await response.write(f"data: {number}\n\n".encode())
            await self.go_on.wait()
            self.go_on.clear()
        return response

    async def film(self, _: web.Request) -> web.Response:
        return web.Response(body=FILM)

    async def login(self, request: web.Request) -> web.Response:
        response = web.Response(text=f"hello {request.cookies['who']}")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    async def socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        if not socket.can_prepare(request):
            return web.Response(status=426, text="only sockets here")
        await socket.prepare(request)
        return socket


@pytest.fixture
async def application() -> Application:
    return Application()


@pytest.fixture
async def edge(start_edge: StartEdge, application: Application) -> AsyncIterator[RunningEdge]:
    app = web.Application(client_max_size=2**30)
    app.add_routes(application.routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        async with start_edge(f"http://127.0.0.1:{port}", name="edge-a") as running:
            yield running
    finally:
        await runner.cleanup()


async def test_an_upload_arrives_as_it_was_sent(edge: RunningEdge) -> None:
    answer = await edge.get("/upload", method="PUT", body=FILM)
    found = json.loads(answer.body)
    assert found == {"digest": hashlib.sha256(FILM).hexdigest(), "coded": None}


async def test_an_upload_of_unknown_length_arrives_in_chunks(edge: RunningEdge) -> None:
    async with edge.connect() as client:
        client.writer.write(
            b"PUT /upload HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nfil\r\n1\r\nm\r\n0\r\n\r\n"
        )
        answer = await client.body(await client.head())
    found = json.loads(answer.body)
    assert found == {"digest": hashlib.sha256(b"film").hexdigest(), "coded": "chunked"}


async def sent_until_it_stops(client: RawClient, length: int) -> int:
    """Send a body until nobody takes more of it, and give how much went."""
    sent = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            while sent < length:
                client.writer.write(bytes(2**20))
                sent += 2**20
                await client.writer.drain()
    return sent


async def test_an_upload_that_nobody_reads_waits_with_its_client(
    edge: RunningEdge, application: Application
) -> None:
    length = 64 * 2**20
    async with edge.connect() as client:
        head = f"PUT /unread HTTP/1.1\r\nHost: e\r\nContent-Length: {length}\r\n\r\n"
        client.writer.write(head.encode())
        sent = await sent_until_it_stops(client, length)
        assert sent < length, "what is on its way is bounded"
        application.go_on.set()
        client.writer.write(bytes(length - sent))
        answer = await client.body(await client.head())
    assert answer.body == b"all of it"
    assert application.read_bytes == length


async def test_events_arrive_one_by_one(edge: RunningEdge, application: Application) -> None:
    async with edge.connect() as client:
        await client.send("/events")
        head = await client.head()
        for number in range(3):
            assert await client.chunk() == f"data: {number}\n\n".encode()
            application.go_on.set()
    assert head["Content-Type"] == "text/event-stream"


async def test_a_large_download_is_whole(edge: RunningEdge) -> None:
    answer = await edge.get("/film")
    assert answer.whole
    assert answer.body == FILM


async def test_cookies_go_both_ways_and_stay_apart(edge: RunningEdge) -> None:
    answer = await edge.get("/login", {"Cookie": "who=me"})
    assert answer.body == b"hello me"
    cookies = [value for name, value in answer.lines if name == "Set-Cookie"]
    assert [cookie.partition(";")[0] for cookie in cookies] == ["a=1", "b=2"]
    assert "detail=set-cookie" in answer["Cache-Status"]


async def test_an_upgrade_is_ignored(edge: RunningEdge) -> None:
    wish = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    answer = await edge.get("/socket", wish)
    assert (answer.status, answer.body) == (426, b"only sockets here")
