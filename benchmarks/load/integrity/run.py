"""One run: viewers, changes and purges at once, for a time."""

import asyncio
import random
from collections import Counter
from typing import Final

from benchmarks.load.integrity.viewer import Seen, Viewer, change
from benchmarks.load.integrity.world import World

VIEWERS: Final = 12


async def run(
    world: World, port: int, admin_port: int, seconds: float, viewers: int = VIEWERS
) -> Counter[str]:
    """View and change the world through an edge; give what was seen.

    Raises an `ExceptionGroup` with `Wrong` where an answer was not what it should be.
    """
    dice = random.Random(world.seed)
    seen = Seen()
    until_s = asyncio.get_running_loop().time() + seconds
    async with asyncio.TaskGroup() as together:
        changing = together.create_task(
            change(world, admin_port, random.Random(dice.random()), until_s)
        )
        for _ in range(viewers):
            viewer = Viewer(world, port, random.Random(dice.random()), seen)
            together.create_task(viewer.view(until_s))
    return seen.counts + changing.result()
