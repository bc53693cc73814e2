"""How an edge on the data plane stops."""

import asyncio
import contextlib

from tests.fixtures.bare_plane import KEY, BarePlane, read_all
from tests.fixtures.edge import StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"
FRESH = {"Cache-Control": "max-age=600"}


async def until_refused(port: int) -> None:
    """Connect until nobody listens; each thread closes its own socket when it gets to it."""
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await asyncio.sleep(0.01)


async def test_an_answer_under_way_ends_and_an_idle_connection_is_closed(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    rest = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, [b"fi", rest, b"lm"]))
    upstream.on("/media/p_1/1.m4s", Reply(200, FRESH, b"film"))
    context = start_edge(upstream.url, drain_timeout_s=20)
    edge = await context.__aenter__()
    async with edge.connect() as busy, edge.connect() as idle:
        await idle.get("/media/p_1/1.m4s")
        await busy.send(FILM)
        head = await busy.head()
        closing = asyncio.create_task(context.__aexit__(None, None, None))
        async with asyncio.timeout(20):
            assert await idle.reader.read() == b""
            await until_refused(edge.port)
        rest.set()
        assert (await busy.body(head)).body == b"film"
        async with asyncio.timeout(20):
            assert await busy.reader.read() == b""
            await closing


async def test_who_does_not_end_in_time_is_cut_off(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    never = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, [b"fi", never], 4))
    context = start_edge(upstream.url, drain_timeout_s=0.3)
    edge = await context.__aenter__()
    async with edge.connect() as client:
        await client.send(FILM)
        head = await client.head()
        async with asyncio.timeout(20):
            await context.__aexit__(None, None, None)
        assert not (await client.body(head)).whole
    never.set()


async def test_a_request_that_came_with_the_stop_is_answered_with_close(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    upstream.on("/media/p_1/1.m4s", Reply(200, FRESH, b"other", before=hold))
    context = start_edge(upstream.url, drain_timeout_s=20)
    edge = await context.__aenter__()
    await edge.get(FILM)
    async with edge.connect() as client:
        await client.send("/media/p_1/1.m4s")
        await upstream.until_asked("/media/p_1/1.m4s")
        closing = asyncio.create_task(context.__aexit__(None, None, None))
        await asyncio.sleep(0.1)
        hold.set()
        answer = await client.body(await client.head())
        assert (answer.body, answer["Connection"]) == (b"other", "close")
        async with asyncio.timeout(20):
            assert await client.reader.read() == b""
            await closing


def test_whoever_the_kernel_had_let_in_is_answered() -> None:
    plane = BarePlane(readers=0, batches=True)
    plane.show(plane.memory.keep(b"film"))
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(90):
            client = stack.enter_context(plane.connect())
            clients.append(client)
            client.sendall(f"GET {KEY} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        plane.plane.drain()
        plane.start()
        answers = [read_all(client) for client in clients]
    plane.close()
    assert all(answer.startswith(b"HTTP/1.1 200 OK\r\n") for answer in answers)
    assert all(answer.endswith(b"film") for answer in answers)
