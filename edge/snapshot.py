"""An edge as it is now, for `sluice edge top`: its counts and gauges, from its own metrics."""

import time
from collections.abc import Iterable

from core.cache.snapshot import Key, Latency, Snapshot
from core.cache.space_saving import HotKey
from runtime.metrics import Metrics
from runtime.version import sluice_version

Values = dict[tuple[tuple[str, str], ...], float]


class Readings:
    """Every sample of a page, by name and labels."""

    def __init__(self, page: Metrics) -> None:
        self._found: dict[str, Values] = {}
        for family in page.collect():
            for sample in family.samples:
                labels = tuple(sorted(sample.labels.items()))
                self._found.setdefault(sample.name, {})[labels] = sample.value

    def total(self, name: str) -> float:
        """The sum over all labels."""
        return sum(self._found.get(name, {}).values())

    def maybe(self, name: str) -> float | None:
        """The same; None where there is no such metric."""
        return self.total(name) if name in self._found else None

    def by(self, name: str, label: str) -> dict[str, float]:
        """The values by one label."""
        return {dict(labels)[label]: value for labels, value in self._found.get(name, {}).items()}

    def latency(self, name: str, **labels: str) -> Latency:
        """A histogram, of these labels."""
        buckets = {
            float(dict(found)["le"]): value
            for found, value in self._found[f"{name}_bucket"].items()
            if labels.items() <= dict(found).items()
        }
        bounds = sorted(bound for bound in buckets if bound != float("inf"))
        return Latency(
            bounds_s=tuple(bounds),
            at_most=tuple(buckets[bound] for bound in bounds),
            count=buckets[float("inf")],
        )


def take_snapshot(
    name: str, page: Metrics, *, began_s: float, problem: str | None, hot: Iterable[HotKey]
) -> Snapshot:
    """Read everything; `began_s` is when the edge began, by the monotonic clock."""
    found = Readings(page)
    requests = found.by("sluice_edge_requests_total", "result")
    now_s = time.monotonic()
    return Snapshot(
        name=name,
        version=sluice_version(),
        at_s=now_s,
        up_s=now_s - began_s,
        draining=found.total("sluice_edge_draining") > 0,
        upstream_problem=problem,
        requests=requests,
        misses=found.by("sluice_edge_misses_total", "reason"),
        latencies={
            result: found.latency("sluice_edge_request_seconds", result=result)
            for result in requests
        },
        upstream_latency=found.latency("sluice_edge_upstream_seconds"),
        upstream_failures=found.total("sluice_edge_upstream_failures_total"),
        sent_bytes=found.total("sluice_edge_network_sent_bytes_total"),
        filled_bytes=found.total("sluice_edge_filled_bytes_total"),
        connections=found.total("sluice_edge_open_connections"),
        accepted=found.total("sluice_edge_connections_total"),
        refused=found.total("sluice_edge_connections_refused_total"),
        fetches=found.total("sluice_edge_fetches_in_flight"),
        evictions=found.total("sluice_edge_evictions_total"),
        objects=found.total("sluice_edge_stored_objects"),
        memory_bytes=found.total("sluice_edge_stored_bytes"),
        memory_limit_bytes=found.total("sluice_edge_stored_bytes_limit"),
        disk_bytes=found.maybe("sluice_edge_disk_bytes"),
        disk_limit_bytes=found.maybe("sluice_edge_disk_bytes_limit"),
        hot=tuple(Key(key=each.key, rate=each.rate) for each in hot),
    )
