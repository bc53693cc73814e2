"""Purges as they reach an edge, by its admin port and by the stream, each done once."""

import asyncio
from collections import OrderedDict
from typing import Final, TypeAlias

from core.cache.purge_stream import PurgeOrder
from core.cache.purging import Purge
from edge.fill import Filler
from edge.metrics import EdgeMetrics

MOST_REMEMBERED: Final = 10_000

_Name: TypeAlias = tuple[str, int]


class PurgeDesk:
    """Carries purges out. One that comes again under its token is known to be done already.

    Should a token come with another purge, that is another one.
    """

    def __init__(self, filler: Filler, metrics: EdgeMetrics) -> None:
        self._filler = filler
        self._metrics = metrics
        self._done: OrderedDict[_Name, None] = OrderedDict()
        self._doing: dict[_Name, asyncio.Task[None]] = {}

    async def carry_out(self, order: PurgeOrder) -> None:
        """Purge, unless this was done; return when no crash can undo it.

        Raises `RefusedTarget`, and has then done nothing, and `PurgeNotDurable`. What was stored
        since it was done was asked for after the change that it is about, so purging it again would
        only cost a fetch.
        """
        purge = order.purge()
        name = order.token, hash(order)
        if name in self._done:
            self._done.move_to_end(name)
            return
        if name not in self._doing:
            self._doing[name] = asyncio.create_task(self._purge(purge, name))
        # Whoever asked may leave; the purge goes on.
        await asyncio.shield(self._doing[name])

    async def close(self) -> None:
        """Wait for the purges under way, each of which has a deadline."""
        await asyncio.gather(*self._doing.values(), return_exceptions=True)

    async def _purge(self, purge: Purge, name: _Name) -> None:
        try:
            self._metrics.purged_objects.inc(await self._filler.purge(purge))
        finally:
            del self._doing[name]
        self._metrics.purges.inc()
        self._done[name] = None
        if len(self._done) > MOST_REMEMBERED:
            self._done.popitem(last=False)
