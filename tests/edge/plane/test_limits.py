"""Clients that mean harm, or are merely slow, and what they cost the others."""

import asyncio
import contextlib
import os
import socket
import struct
import subprocess
import sys
from contextlib import AsyncExitStack
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.fixtures.bare_plane import KEY, BarePlane
from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.raw_client import RawClient
from tests.fixtures.upstream import Reply, ScriptedUpstream

FILM = "/media/p_1/0.m4s"
FRESH = {"Cache-Control": "max-age=600", "Content-Type": "video/iso.segment"}
CLIENTS = ("fd00::1", "fd00::2", "fd00::3", "fd00:0:0:1::1")  # three of one network
LARGE = os.urandom(1 << 20) * 16


async def ended(client: RawClient) -> bytes:
    async with asyncio.timeout(20):
        try:
            return await client.reader.read()
        except ConnectionResetError:
            return b""


async def test_a_client_that_takes_nothing_of_a_hit_is_dropped(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, LARGE))
    async with start_edge(upstream.url, client_timeout_s=2) as edge:
        assert (await edge.get(FILM)).body == LARGE
        async with edge.connect() as client:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it reads, too
            await client.send(FILM)
            await edge.until_metric("sluice_edge_connections_expired_total", 1)
            assert (await edge.get(FILM)).body == LARGE


async def test_a_client_that_reads_slowly_but_steadily_gets_all(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, LARGE[: 4 << 20]))
    async with start_edge(upstream.url, client_timeout_s=1.5) as edge:
        await edge.get(FILM)
        async with edge.connect() as client:
            await client.send(FILM)
            head = await client.head()
            taken = b""
            while len(taken) < int(head["Content-Length"]):
                taken += await client.exactly(1 << 18)
                await asyncio.sleep(0.11)
            assert taken == LARGE[: 4 << 20]


async def test_a_head_that_does_not_end_is_a_408(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    async with (
        start_edge(upstream.url, header_timeout_s=0.2) as edge,
        edge.connect() as client,
        edge.connect() as waiting,
    ):
        client.writer.write(b"GET / HTTP/1.1\r\n")
        assert (await ended(client)).startswith(b"HTTP/1.1 408 ")
        upstream.on(FILM, Reply(200, FRESH, b"film"))
        assert (await waiting.get(FILM)).body == b"film", "who has not begun has more time"


async def test_each_head_has_a_time_of_its_own(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    """A client that pipelines was cut off if its writes always ended within a head."""
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    request = f"GET {FILM} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    async with start_edge(upstream.url, header_timeout_s=1.5) as edge, edge.connect() as client:
        client.writer.write(request[:20])
        for _ in range(8):
            await asyncio.sleep(0.2)
            client.writer.write(request[20:] + request[:20])
            assert (await client.body(await client.head())).body == b"film"


async def test_who_asks_for_much_at_once_gets_all_of_it_in_order_and_others_get_theirs(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    """More than one turn's worth of requests in one write, from several clients."""
    upstream.on(FILM, Reply(200, FRESH, LARGE[:100_000]))
    async with start_edge(upstream.url) as edge:
        await edge.get(FILM)

        async def pipeline(client: RawClient) -> None:
            places = range(0, 90_000, 60)
            head = f"GET {FILM} HTTP/1.1\r\nHost: a\r\nRange: bytes="
            requests = (f"{head}{at}-{at + 99}\r\n\r\n" for at in places)
            client.writer.write("".join(requests).encode())
            for at in places:
                answer = await client.body(await client.head())
                assert (answer.status, answer.body) == (206, LARGE[at : at + 100])

        async with AsyncExitStack() as stack, asyncio.TaskGroup() as together:
            for _ in range(6):
                client = await stack.enter_async_context(edge.connect())
                together.create_task(pipeline(client))
            for _ in range(50):
                assert (await edge.get(FILM)).body == LARGE[:100_000]


async def test_an_idle_connection_is_closed(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    async with start_edge(upstream.url, idle_timeout_s=1.5) as edge, edge.connect() as client:
        for _ in range(4):
            await client.get(FILM)
            await asyncio.sleep(0.4)
        assert await ended(client) == b""


async def test_a_client_has_no_more_connections_than_it_may(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    async with start_edge(upstream.url, max_connections_per_client=2) as edge:
        async with edge.connect() as first, edge.connect() as second:
            await first.get(FILM)
            await second.get(FILM)
            async with edge.connect() as third:
                assert await ended(third) == b""
        await edge.until_metric("sluice_edge_open_connections", 0)
        assert (await edge.get(FILM)).body == b"film"
        assert await edge.metric("sluice_edge_connections_refused_total") == 1


async def test_a_trusted_proxy_is_not_one_client(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    proxy = (ip_network("127.0.0.1/32"),)
    async with (
        start_edge(upstream.url, max_connections_per_client=1, trusted_proxies=proxy) as edge,
        AsyncExitStack() as stack,
    ):
        for _ in range(5):
            client = await stack.enter_async_context(edge.connect())
            assert (await client.get(FILM)).body == b"film"


@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="sanitizers do not follow into namespaces")
def test_a_client_of_ipv6_has_a_network_and_not_one_address() -> None:
    """In a network namespace, where addresses of two networks are ours."""
    ours = " && ".join(
        ["ip link set lo up", *(f"ip addr add {each}/128 dev lo nodad" for each in CLIENTS)]
    )
    code = f"from {__name__} import answered_of_two; print(answered_of_two())"
    words = ["unshare", "--map-root-user", "--net", "sh", "-c", f'{ours} && exec "$@"', "-"]
    ran = subprocess.run(
        [*words, sys.executable, "-c", code],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if "unshare" in ran.stderr:
        pytest.skip(f"no network namespace for a test here: {ran.stderr}")
    assert ran.stdout == "[True, True, False, True]\n", ran.stderr


def answered_of_two() -> list[bool]:
    """Who of four in two networks is answered where a client may have two connections."""
    plane = BarePlane(readers=0, batches=True, host="::", per_client=2)
    plane.show(plane.memory.keep(b"film"))
    plane.start()
    answered = []
    with contextlib.ExitStack() as stack:
        stack.callback(plane.close)
        for source in CLIENTS:
            client = stack.enter_context(plane.connect(source))
            try:
                client.sendall(f"GET {KEY} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                answered.append(client.recv(1) != b"")
            except ConnectionError:
                answered.append(False)
    return answered


async def test_all_clients_have_no_more_connections_than_there_may_be(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, b"film"))
    async with start_edge(upstream.url, max_connections=2) as edge:  # one for each thread
        clients = [await asyncio.open_connection("127.0.0.1", edge.port) for _ in range(30)]
        for _, writer in clients:
            writer.write(f"GET {FILM} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        refused = 0
        for reader, _ in clients:
            async with asyncio.timeout(20):
                try:
                    refused += await reader.read(1) == b""
                except ConnectionResetError:
                    refused += 1
        assert refused >= 28
        for _, writer in clients:
            writer.close()


async def test_a_request_body_is_held_back_until_the_upstream_takes_it(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on("/upload", Reply(201, {}, b"got it"))
    async with edge.connect() as client:
        client.writer.write(
            b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        interim = await client.head()
        assert interim.status == 100
        sent = b""
        for size in (1, 5, 70_000, 300_000, 1_000_000):
            piece = LARGE[:size]
            client.writer.write(b"%x;ext=1\r\n%b\r\n" % (size, piece))
            await client.writer.drain()
            sent += piece
        client.writer.write(b"0\r\nTrailer: x\r\n\r\nGET /upload HTTP/1.1\r\nHost: a\r\n\r\n")
        answers = [await client.body(await client.head()) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 201]
    assert upstream.requests[0].body == sent


@pytest.mark.parametrize(
    "coded",
    [
        b"zz\r\n",
        b"\r\n",
        b"5\r\nabcdefg",
        b"1\na",
        b"fffffffffffffffff\r\n",
        b"-1\r\n",
        b"1 \r\na",
        b"1;\x00\r\na",
        b"1;a\nb\r\na",
        b"0\r\nX: y\n\r\n",
        b"0\r\n\n",
        b"0x1\r\na",
    ],
)
async def test_a_body_that_is_no_chunked_coding_ends_the_connection(
    edge: RunningEdge, upstream: ScriptedUpstream, coded: bytes
) -> None:
    upstream.on("/upload", Reply(201, {}, b"got it"))
    async with edge.connect() as client:
        client.writer.write(
            b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + coded
        )
        await ended(client)
    assert all(seen.method == "POST" for seen in upstream.requests)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a/media\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: me@a\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_the_parser_of_the_reference_lets_through_is_refused_here(
    edge: RunningEdge, upstream: ScriptedUpstream, head: bytes
) -> None:
    async with edge.connect() as client:
        client.writer.write(head + b"GET /media/smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = await ended(client)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert upstream.requests == []


async def test_connections_that_break_off_leave_nothing_behind(
    edge: RunningEdge, upstream: ScriptedUpstream
) -> None:
    upstream.on(FILM, Reply(200, FRESH, LARGE))
    await edge.get(FILM)
    missing = "/media/p_1/never.m4s"
    hold = asyncio.Event()
    upstream.on(missing, Reply(200, FRESH, b"film", before=hold))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(200):
        target = (FILM, FILM, missing, "/media/x HTTP/1.1\r\nbroken")[number % 4]
        connection = socket.create_connection(("127.0.0.1", edge.port))
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        if number % 3:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    hold.set()
    await edge.until_metric("sluice_edge_open_connections", 0)
    await edge.until_metric("sluice_edge_active_requests", 0)
    await edge.until_metric("sluice_edge_fetches_in_flight", 0)
    assert (await edge.get(FILM)).body == LARGE
    await edge.until_metric("sluice_edge_open_connections", 0)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 4
