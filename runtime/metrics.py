"""Prometheus metrics: families whose label children are looked up once, and their page."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
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
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

import native
from core.errors import InternalFault
from runtime.version import sluice_version

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Seconds; from a cache hit to an encoder start.
LATENCY_BUCKETS_S: Final = (
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0,
)  # fmt: skip
CHILD_LIMIT: Final = 1000

# When each counter was made says nothing that process_start_time_seconds does not, and would be a
# third of every page.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types for it

M = TypeVar("M", bound=MetricWrapperBase)


class TooManyChildren(InternalFault):
    """A label takes values from an unbounded set, which would fill the memory."""

    code = "metrics.too_many_children"


class Family(Generic[M]):
    """One metric with labels; children are kept, as asking each time costs four times as much."""

    def __init__(self, metric: M, *, child_limit: int = CHILD_LIMIT) -> None:
        self.metric = metric
        self._children: dict[tuple[str, ...], M] = {}
        self._limit = child_limit

    def __call__(self, *values: str) -> M:
        """Give the child with these label values, in the order the labels were declared."""
        child = self._children.get(values)
        return self._make(values) if child is None else child

    def _make(self, values: tuple[str, ...]) -> M:
        if len(self._children) >= self._limit:
            raise TooManyChildren(f"metric {self.metric!r} already has {self._limit} children")
        child = self._children[values] = self.metric.labels(*values)
        return child


@dataclass(frozen=True, slots=True)
class Reading:
    """A histogram counted elsewhere: how many fell into each bucket, +Inf last, and their sum."""

    counts: Sequence[int]
    total: float


class _Supplemented(Collector):
    """A histogram of which one child is also counted elsewhere."""

    def __init__(
        self, metric: Histogram, labels: dict[str, str], read: Callable[[], Reading]
    ) -> None:
        self._metric = metric
        self._labels = labels
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Give the histogram with what was counted elsewhere added to that child."""
        reading = self._read()
        for metric in self._metric.collect():
            rising = iter(accumulate(reading.counts))
            metric.samples = [self._added(sample, rising, reading) for sample in metric.samples]
            yield metric

    def _added(self, sample: Sample, rising: Iterator[int], reading: Reading) -> Sample:
        if any(sample.labels.get(name) != value for name, value in self._labels.items()):
            return sample
        if sample.name.endswith("_bucket"):
            return sample._replace(value=sample.value + next(rising))
        if sample.name.endswith("_count"):
            return sample._replace(value=sample.value + sum(reading.counts))
        if sample.name.endswith("_sum"):
            return sample._replace(value=sample.value + reading.total)
        return sample


class Metrics:
    """The metrics of one process, in their own registry, so that two may live in one test."""

    def __init__(self, *, process: str, with_process: bool = True) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._before: list[Callable[[], None]] = []
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

    def supplement(
        self, family: Family[Histogram], labels: dict[str, str], read: Callable[[], Reading]
    ) -> None:
        """Let one child of a histogram also show what is counted elsewhere, in the same buckets."""
        family(*labels.values())
        self.registry.unregister(family.metric)
        self.registry.register(_Supplemented(family.metric, labels, read))

    def before_render(self, action: Callable[[], None]) -> None:
        """Do this whenever the page is asked for, before it is made."""
        self._before.append(action)

    def watch(self, name: str, prose: str, read: Callable[[], float]) -> None:
        """Declare a gauge that is read when the page is asked for."""
        self.gauge(name, prose).set_function(read)

    def collect(self) -> Iterator[Metric]:
        """Give every metric as it is now."""
        for action in self._before:
            action()
        yield from self.registry.collect()

    def render(self) -> bytes:
        """Give the page in the text exposition format."""
        for action in self._before:
            action()
        return generate_latest(self.registry)

    async def handle(self, _request: web.Request) -> web.Response:
        """Answer ``GET /metrics``."""
        return web.Response(
            body=self.render(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
        )
