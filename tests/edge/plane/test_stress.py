"""Many things at once on a few objects: what a sanitizer is to watch."""

import asyncio
import random

from tests.fixtures.edge import RunningEdge, StartEdge
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
                assert (await client.body(head)).body == body(number)
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
