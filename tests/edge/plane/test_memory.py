"""Bodies in memory: nobody who is still reading one ever sees another."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from native import Memory
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.upstream import Reply, ScriptedUpstream

FRESH = {"Cache-Control": "max-age=600", "Content-Type": "video/iso.segment"}
SIZE = 3 << 20


def film(number: int) -> str:
    return f"/media/p_1/{number}.m4s"


async def read_all(connection: socket.socket) -> bytes:
    loop, taken = asyncio.get_running_loop(), []
    async with asyncio.timeout(60):
        while piece := await loop.sock_recv(connection, 1 << 20):
            taken.append(piece)
    return b"".join(taken)


async def test_a_place_used_again_does_not_change_what_a_slow_reader_gets(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    bodies = [os.urandom(SIZE) for _ in range(6)]
    for number, body in enumerate(bodies):
        upstream.on(film(number), Reply(200, FRESH, body))
    async with start_edge(upstream.url, memory_bytes=8 << 20) as edge:
        await edge.get(film(0))
        waiting = [await _ask(edge, film(0)) for _ in range(4)]
        await asyncio.sleep(0.1)  # the sockets are full; nobody reads
        for _ in range(3):
            for number in range(1, 6):
                assert (await edge.get(film(number))).body == bodies[number]
        assert await edge.metric("sluice_edge_evictions_total") > 10
        for connection in waiting:
            answer = await read_all(connection)
            assert answer.partition(b"\r\n\r\n")[2] == bodies[0]
            connection.close()


async def _ask(edge: RunningEdge, target: str, requests: int = 1) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", edge.port))
    connection.setblocking(False)
    head = f"GET {target} HTTP/1.1\r\nHost: a\r\n"
    request = f"{head}\r\n" * (requests - 1) + f"{head}Connection: close\r\n\r\n"
    await asyncio.get_running_loop().sock_sendall(connection, request.encode())
    return connection


async def test_pages_that_wait_in_a_socket_are_not_written_again(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    """All of it was handed to the kernel, and nobody holds the body any more."""
    body = os.urandom(300_000)
    upstream.on(film(0), Reply(200, FRESH, body))
    await edge.get(film(0))
    waiting = [await _ask(edge, film(0)) for _ in range(4)]
    await asyncio.sleep(0.2)
    await edge.purge(urls=[film(0)])
    for number in range(1, 9):
        upstream.on(film(number), Reply(200, FRESH, bytes(300_000)))
        assert (await edge.get(film(number))).body == bytes(300_000)
    for connection in waiting:
        assert (await read_all(connection)).partition(b"\r\n\r\n")[2] == body
        connection.close()


@pytest.mark.parametrize(
    ("size", "requests"), [(3_000, 200), (20_000, 50), (65_537, 20), (300_000, 8), (SIZE, 2)]
)
async def test_whoever_does_not_read_gets_the_old_body_however_often_its_place_was_used_again(
    start_edge: StartEdge, upstream: ScriptedUpstream, size: int, requests: int
) -> None:
    """From the heap and by sendfile: answers in the socket, and answers that wait behind them."""
    bodies = [os.urandom(size) for _ in range(6)]
    upstream.on(film(0), *(Reply(200, FRESH, body) for body in bodies))
    waiting: list[socket.socket] = []
    async with start_edge(upstream.url, memory_bytes=16 << 20) as edge:
        for body in bodies:
            assert (await edge.get(film(0))).body == body
            waiting += [await _ask(edge, film(0), requests) for _ in range(2)]
            await asyncio.sleep(0.05)  # the sockets are full; nobody reads
            await edge.purge(urls=[film(0)])
        for number, connection in enumerate(waiting):
            rest = await read_all(connection)
            connection.close()
            version = number // 2
            for _ in range(requests):
                head, _, rest = rest.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
                # What could not be looked at before the purge gets a body of after it.
                version = bodies.index(rest[:size], version)
                rest = rest[size:]
            assert rest == b""


async def test_what_was_purged_while_it_was_read_is_read_to_its_end(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    body = os.urandom(SIZE)
    upstream.on(film(0), Reply(200, FRESH, body), Reply(200, FRESH, bytes(SIZE)))
    await edge.get(film(0))
    connection = await _ask(edge, film(0))
    begun = await asyncio.get_running_loop().sock_recv(connection, 1)
    await edge.purge(urls=[film(0)])
    assert (await edge.get(film(0))).body == bytes(SIZE)
    assert (begun + await read_all(connection)).partition(b"\r\n\r\n")[2] == body
    connection.close()


def used_kib() -> int:
    with Path("/proc/self/status").open(encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssShmem"))


def test_a_body_let_go_gives_its_pages_back() -> None:
    memory = Memory(1 << 30)
    before = used_kib()
    body = memory.keep(os.urandom(32 << 20))
    assert used_kib() - before >= 32 << 10
    assert bytes(memoryview(body)[:10]) == bytes(memoryview(body))[:10]
    del body
    memory.reclaim()
    assert used_kib() - before < 1 << 10


def test_places_are_used_again() -> None:
    memory = Memory(64 << 20)
    for size in (70_000, 1 << 20, 5_000_000, 30 << 20):
        for _ in range(40):
            assert bytes(memoryview(memory.keep(bytes(size)))[-3:]) == bytes(3)


def test_a_body_outlives_what_it_came_from() -> None:
    body = Memory(1 << 26).keep(b"x" * 100_000)
    assert bytes(memoryview(body)) == b"x" * 100_000
    view = memoryview(Memory(1 << 26).keep(b"y" * 100_000))
    assert bytes(view[-1:]) == b"y"
    assert view.readonly
