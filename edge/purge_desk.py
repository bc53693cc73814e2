"""Purges as they reach an edge, by its admin port and by the stream, each done once."""

from collections import OrderedDict
from typing import Final

from core.cache.purge_stream import PurgeOrder
from edge.fill import Filler
from edge.metrics import EdgeMetrics

MOST_REMEMBERED: Final = 10_000


class PurgeDesk:
    """Carries purges out. One that comes again under its token is known to be done already.

    Should a token come with another purge, that is another one.
    """

    def __init__(self, filler: Filler, metrics: EdgeMetrics) -> None:
        self._filler = filler
        self._metrics = metrics
        self._done: OrderedDict[tuple[str, int], None] = OrderedDict()

    def carry_out(self, order: PurgeOrder) -> None:
        """Purge, unless this was done. Raises `RefusedTarget`, and has then done nothing.

        What was stored since it was done was asked for after the change that it is about, so
        purging it again would only cost a fetch.
        """
        purge = order.purge()
        name = order.token, hash(order)
        if name in self._done:
            self._done.move_to_end(name)
            return
        self._metrics.purged_objects.inc(self._filler.purge(purge))
        self._metrics.purges.inc()
        self._done[name] = None
        if len(self._done) > MOST_REMEMBERED:
            self._done.popitem(last=False)
