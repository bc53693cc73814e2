"""An upstream with a stopwatch: how long its heads take, and with which status they come."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edge.metrics import EdgeMetrics, status_class
from edge.upstream import Upstream, UpstreamAnswer, UpstreamRequest


class MeasuredUpstream:
    """Asks another upstream, and counts what it answers."""

    def __init__(self, upstream: Upstream, metrics: EdgeMetrics) -> None:
        self._upstream = upstream
        self._metrics = metrics

    async def open(self) -> None:
        """Prepare the other one."""
        await self._upstream.open()

    async def close(self) -> None:
        """Close the other one."""
        await self._upstream.close()

    async def check(self) -> None:
        """Raise a `Fault` when the other one cannot be asked."""
        await self._upstream.check()

    @asynccontextmanager
    async def send(
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | None = None
    ) -> AsyncIterator[UpstreamAnswer]:
        """Ask the other one; raises what it raises."""
        began_s = time.perf_counter()
        async with self._upstream.send(request, body) as answer:
            self._metrics.upstream_seconds.observe(time.perf_counter() - began_s)
            self._metrics.upstream_responses(status_class(answer.status)).inc()
            yield answer
