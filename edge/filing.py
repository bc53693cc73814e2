"""Slices that have got their files on disk: memory lets go of its copies, one after the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from core.http.cache_key import CacheKey
from edge.disk.tier import DiskTier
from edge.tiers import Tiers

# More than these are left in memory: they get to their files when they are recalled.
MOST_WAITING: Final = 4096


@asynccontextmanager
async def filing(tier: DiskTier, tiers: Tiers) -> AsyncIterator[None]:
    """Do so for as long as the context lasts."""
    waiting: asyncio.Queue[tuple[CacheKey, int, int]] = asyncio.Queue(MOST_WAITING)

    def filed(key: CacheKey, version: int, number: int) -> None:
        if not waiting.full():
            waiting.put_nowait((key, version, number))

    async def follow() -> None:
        while True:
            await tiers.refile(*await waiting.get())

    tier.tell(filed)
    task = asyncio.create_task(follow(), name="filing")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
