"""Nothing is served that differs from what the upstream sent: a short run of the random world."""

import pytest

from benchmarks.load.integrity.run import run
from benchmarks.load.integrity.upstream import world_upstream
from benchmarks.load.integrity.world import World
from tests.fixtures.edge import StartEdge

SECONDS = 2.5


@pytest.mark.parametrize("seed", [20_240_229, 7])
async def test_every_answer_is_one_that_the_upstream_gave_and_may_still_be_given(
    start_edge: StartEdge, seed: int
) -> None:
    world = World(seed, objects=60)
    async with (
        world_upstream(world) as url,
        start_edge(url, memory_bytes=8 << 20, breaker_failures=0) as edge,
    ):
        seen = await run(world, edge.port, edge.admin_port, SECONDS)
        assert seen["200"] > 20
        assert seen["206"] > 5
        assert seen["changes"] > 10
        assert await edge.metric("sluice_edge_evictions_total") > 0
        await edge.until_metric("sluice_edge_active_requests", 0)
