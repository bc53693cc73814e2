"""Many things at once on a few objects: what a sanitizer is to watch."""

import asyncio
import random

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.raw_client import Answer, RawClient
from tests.fixtures.upstream import CHUNKED, Reply, ScriptedUpstream

SEED = 20_240_229
VIEWERS = 24
REQUESTS = 60
FRESH = {"Cache-Control": "max-age=600", "ETag": '"v1"', "Surrogate-Key": "film"}
SIZES = [0, 1, 5_000, 70_000, 300_000, 1_500_000]


def film(number: int) -> str:
    return f"/media/p_1/{number}.m4s"


def body(number: int) -> bytes:
    return bytes([number]) * SIZES[number % len(SIZES)]


async def right(client: RawClient, head: Answer, number: int) -> None:
    """Read an answer that is what it should be; one that was cut off, as far as it goes."""
    answer = await client.body(head)
    assert body(number).startswith(answer.body)
    if not answer.whole:
        raise ConnectionResetError("cut off")
    assert len(answer.body) == SIZES[number % len(SIZES)]


async def view(edge: RunningEdge, dice: random.Random) -> int:
    """Ask for random films on one connection after the other; give how many were seen whole."""
    seen = 0
    while seen < REQUESTS:
        async with edge.connect() as client:
            for _ in range(dice.randint(1, 12)):
                number = dice.randrange(12)
                await client.send(film(number))
                head = await client.head()
                if dice.random() < 0.1:
                    client.writer.transport.abort()
                    break
                await right(client, head, number)
                seen += 1
    return seen


async def purge(edge: RunningEdge, dice: random.Random) -> None:
    for _ in range(40):
        soft = dice.random() < 0.5
        await edge.purge(urls=[film(dice.randrange(12))], keys=["film"] * soft, soft=soft)
        await edge.metric("sluice_edge_requests_total")
        await asyncio.sleep(0.01)


async def test_viewers_purges_and_evictions_at_once_harm_nobody(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    for number in range(12):
        length = CHUNKED if number % 2 else -1
        upstream.on(film(number), Reply(200, FRESH, body(number), length))
    dice = random.Random(SEED)
    async with start_edge(upstream.url, memory_bytes=3 << 20) as edge:
        async with asyncio.TaskGroup() as together:
            viewers = [
                together.create_task(view(edge, random.Random(dice.random())))
                for _ in range(VIEWERS)
            ]
            together.create_task(purge(edge, dice))
        assert all(viewer.result() >= REQUESTS for viewer in viewers)
        await edge.until_metric("sluice_edge_active_requests", 0)
        await edge.until_metric("sluice_edge_open_connections", 0)


async def upload(edge: RunningEdge, dice: random.Random) -> None:
    """Send bodies to Python, in chunks and by length, and break some of them off."""
    for _ in range(20):
        async with edge.connect() as client:
            size = dice.choice([1, 5_000, 300_000])
            head = b"POST /upload HTTP/1.1\r\nHost: a\r\n"
            if dice.random() < 0.5:
                client.writer.write(head + b"Content-Length: %d\r\n\r\n" % size)
            else:
                client.writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size)
            client.writer.write(bytes(size // 2))
            await client.writer.drain()
            if dice.random() < 0.3:
                client.writer.transport.abort()
                continue
            client.writer.close()


async def stall(edge: RunningEdge, dice: random.Random) -> None:
    """Ask for much and read none of it, or say half a head, until the edge has enough of it."""
    for _ in range(6):
        async with edge.connect() as client:
            transport = client.writer.transport
            transport.pause_reading()  # type: ignore[attr-defined]  # it reads, too
            try:
                if dice.random() < 0.7:
                    for _ in range(8):
                        await client.send(film(5))
                else:
                    client.writer.write(b"GET /half HTTP/1.1\r\n")
                await asyncio.sleep(0.3)
            finally:
                # Who does not read learns of no end, and would wait for its bytes to go out.
                transport.abort()


async def pipeline(edge: RunningEdge, dice: random.Random) -> None:
    """Ask for more than a turn's worth at once, and read or reset."""
    for _ in range(6):
        async with edge.connect() as client:
            numbers = [dice.randrange(5) for _ in range(60)]
            for number in numbers:
                await client.send(film(number))
            if dice.random() < 0.3:
                client.writer.transport.abort()
                continue
            for number in numbers:
                await right(client, await client.head(), number)


async def test_an_edge_that_stops_under_all_of_this_stops(
    start_edge: StartEdge, upstream: ScriptedUpstream
) -> None:
    """Drain with bodies under way, readers who do not read, resets, timeouts and purges."""
    for number in range(12):
        length = CHUNKED if number % 2 else -1
        upstream.on(film(number), Reply(200, FRESH, body(number), length))
    upstream.on("/upload", Reply(201, {}, b"got it"))
    dice = random.Random(SEED)
    context = start_edge(
        upstream.url,
        memory_bytes=3 << 20,
        client_timeout_s=0.5,
        header_timeout_s=0.2,
        drain_timeout_s=0.5,
    )
    edge = await context.__aenter__()
    behaviours = [view, upload, stall, pipeline, purge] * 4
    tasks = [
        asyncio.create_task(behave(edge, random.Random(dice.random()))) for behave in behaviours
    ]
    await asyncio.sleep(1.5)
    async with asyncio.timeout(20):
        await context.__aexit__(None, None, None)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)  # transports end in the loop's next turn
    gone = (ConnectionError, asyncio.IncompleteReadError)
    odd = [each for each in ended if isinstance(each, BaseException) and not isinstance(each, gone)]
    assert odd == []
