"""Prometheus metrics: families whose label children are looked up once, and their page."""

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from aiohttp import web
from prometheus_client import (
    GC_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase

import native
from core.errors import InternalFault
from runtime.version import sluice_version

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Seconds; from a cache hit to an encoder start.
LATENCY_BUCKETS_S: Final = (
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0,
)  # fmt: skip
CHILD_LIMIT: Final = 1000

M = TypeVar("M", bound=MetricWrapperBase)


class TooManyChildren(InternalFault):
    """A label takes values from an unbounded set, which would fill the memory."""

    code = "metrics.too_many_children"


class Family(Generic[M]):
    """One metric with labels; children are kept, as asking each time costs four times as much."""

    def __init__(self, metric: M, *, child_limit: int = CHILD_LIMIT) -> None:
        self._metric = metric
        self._children: dict[tuple[str, ...], M] = {}
        self._limit = child_limit

    def __call__(self, *values: str) -> M:
        """Give the child with these label values, in the order the labels were declared."""
        child = self._children.get(values)
        return self._make(values) if child is None else child

    def _make(self, values: tuple[str, ...]) -> M:
        if len(self._children) >= self._limit:
            raise TooManyChildren(f"metric {self._metric!r} already has {self._limit} children")
        child = self._children[values] = self._metric.labels(*values)
        return child


class Metrics:
    """The metrics of one process, in their own registry, so that two may live in one test."""

    def __init__(self, *, process: str, with_process: bool = True) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        if with_process:
            ProcessCollector(registry=self.registry)
            PlatformCollector(registry=self.registry)
            self.registry.register(GC_COLLECTOR)
        build = self.gauge_family(
            "sluice_build_info", "What is running.", ("process", "version", "native")
        )
        build(process, sluice_version(), getattr(native, "IMPL", "none")).set(1)

    def counter(self, name: str, prose: str) -> Counter:
        """Declare a counter without labels."""
        return Counter(name, prose, registry=self.registry)

    def gauge(self, name: str, prose: str) -> Gauge:
        """Declare a gauge without labels."""
        return Gauge(name, prose, registry=self.registry)

    def histogram(
        self, name: str, prose: str, buckets: Sequence[float] = LATENCY_BUCKETS_S
    ) -> Histogram:
        """Declare a histogram without labels."""
        return Histogram(name, prose, registry=self.registry, buckets=buckets)

    def counter_family(self, name: str, prose: str, labels: Sequence[str]) -> Family[Counter]:
        """Declare a counter with labels."""
        return Family(Counter(name, prose, labels, registry=self.registry))

    def gauge_family(self, name: str, prose: str, labels: Sequence[str]) -> Family[Gauge]:
        """Declare a gauge with labels."""
        return Family(Gauge(name, prose, labels, registry=self.registry))

    def histogram_family(
        self,
        name: str,
        prose: str,
        labels: Sequence[str],
        buckets: Sequence[float] = LATENCY_BUCKETS_S,
    ) -> Family[Histogram]:
        """Declare a histogram with labels."""
        return Family(Histogram(name, prose, labels, registry=self.registry, buckets=buckets))

    def watch(self, name: str, prose: str, read: Callable[[], float]) -> None:
        """Declare a gauge that is read when the page is asked for."""
        self.gauge(name, prose).set_function(read)

    def render(self) -> bytes:
        """Give the page in the text exposition format."""
        return generate_latest(self.registry)

    async def handle(self, _request: web.Request) -> web.Response:
        """Answer ``GET /metrics``."""
        return web.Response(
            body=self.render(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
        )
