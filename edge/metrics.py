"""The metrics of an edge; all of them are declared here."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from runtime.metrics import Metrics, Reading

if TYPE_CHECKING:
    from native import DataPlane


class Result(StrEnum):
    """How a request ended, as the `result` label says it."""

    HIT = "hit"
    STALE = "stale"
    REVALIDATED = "revalidated"
    MISS = "miss"
    PASS = "pass"  # noqa: S105 - no password
    LOCAL = "local"
    ERROR = "error"
    ABORTED = "aborted"


class EdgeMetrics:
    """Counters and histograms of one edge; gauges are read when the page is asked for."""

    def __init__(self) -> None:
        self.page = Metrics(process="edge")
        self.requests = self.page.counter_family(
            "sluice_edge_requests_total", "Requests, by how they ended.", ("result",)
        )
        self.misses = self.page.counter_family(
            "sluice_edge_misses_total", "Requests that went to the upstream, by why.", ("reason",)
        )
        self.seconds = self.page.histogram_family(
            "sluice_edge_request_seconds", "Time from head to last byte.", ("result",)
        )
        self.sent_bytes = self.page.counter(
            "sluice_edge_sent_bytes_total", "Body bytes sent to clients."
        )
        self.filled_bytes = self.page.counter(
            "sluice_edge_filled_bytes_total", "Body bytes received from the upstream."
        )
        self.coalesced = self.page.counter(
            "sluice_edge_coalesced_total", "Requests answered by a fetch that another one began."
        )
        self.evictions = self.page.counter(
            "sluice_edge_evictions_total", "Stored responses dropped to make room."
        )
        self.upstream_failures = self.page.counter_family(
            "sluice_edge_upstream_failures_total", "Fetches that failed, by fault.", ("code",)
        )
        self.upstream_retries = self.page.counter(
            "sluice_edge_upstream_retries_total",
            "Requests sent again as their connection broke before anything was answered.",
        )
        self.circuit_changes = self.page.counter_family(
            "sluice_edge_upstream_circuit_changes_total",
            "Changes of the circuit breaker before the upstream, by its new state.",
            ("state",),
        )
        self.purges = self.page.counter("sluice_edge_purges_total", "Purges accepted.")
        self.stream_followed = self.page.gauge(
            "sluice_edge_purge_stream_followed",
            "1 while purges arrive through Redis, 0 while they do not or none is set.",
        )
        self.stream_entries = self.page.counter(
            "sluice_edge_purge_stream_entries_total", "Entries of the purge stream applied."
        )
        self.stream_gaps = self.page.counter_family(
            "sluice_edge_purge_stream_gaps_total",
            "Times everything was forgotten as purges may have been missed, by why.",
            ("reason",),
        )
        self.active = self.page.gauge("sluice_edge_active_requests", "Requests being answered.")
        self.accepted = self.page.counter(
            "sluice_edge_connections_total", "Connections accepted from clients."
        )
        self.turned_away = self.page.counter(
            "sluice_edge_connections_refused_total", "Connections closed at once: too many."
        )
        self.expired = self.page.counter(
            "sluice_edge_connections_expired_total", "Connections closed for taking too long."
        )
        self._counted: dict[str, int] = {}

    def watch(
        self,
        *,
        objects: Callable[[], float],
        stored_bytes: Callable[[], float],
        fetches: Callable[[], float],
    ) -> None:
        """Declare the gauges that are read from the store and the filler."""
        self.page.watch("sluice_edge_stored_objects", "Stored responses.", objects)
        self.page.watch("sluice_edge_stored_bytes", "Bytes taken by them.", stored_bytes)
        self.page.watch("sluice_edge_fetches_in_flight", "Fetches under way.", fetches)

    def watch_upstream(
        self, *, connections: Callable[[], float], is_open: Callable[[], float]
    ) -> None:
        """Declare the gauges that are read from an upstream over HTTP."""
        self.page.watch(
            "sluice_edge_upstream_connections", "Connections to the upstream.", connections
        )
        self.page.watch(
            "sluice_edge_upstream_circuit_open",
            "1 while the circuit breaker keeps requests from the upstream, else 0.",
            is_open,
        )

    def watch_plane(self, plane: "DataPlane") -> None:
        """Add what the data plane answers by itself to the counts, whenever they are read."""
        self.page.before_render(lambda: self._take_counts(plane))
        self.page.supplement(self.seconds, {"result": Result.HIT}, lambda: _hit_times(plane))
        self.page.watch(
            "sluice_edge_open_connections",
            "Connections of clients.",
            lambda: sum(_number(thread["open"]) for thread in plane.counters()),
        )

    def _take_counts(self, plane: "DataPlane") -> None:
        for name, count in _totals(plane).items():
            more = count - self._counted.get(name, 0)
            self._counted[name] = count
            match name:
                case "hits":
                    self.requests(Result.HIT).inc(more)
                case "refused" | "preflights":
                    self.requests(Result.LOCAL).inc(more)
                case "body_bytes":
                    self.sent_bytes.inc(more)
                case "accepted":
                    self.accepted.inc(more)
                case "turned_away":
                    self.turned_away.inc(more)
                case "expired":
                    self.expired.inc(more)
                case unexpected:
                    raise AssertionError(f"nobody counts {unexpected}")


def _totals(plane: "DataPlane") -> dict[str, int]:
    threads = plane.counters()
    names = ("hits", "refused", "preflights", "body_bytes", "accepted", "turned_away", "expired")
    return {name: sum(_number(thread[name]) for thread in threads) for name in names}


def _hit_times(plane: "DataPlane") -> Reading:
    """How long hits took: how many fell into each bucket, and seconds in all."""
    threads = plane.counters()
    buckets = [thread["hit_seconds"] for thread in threads]
    counts = [
        sum(counts) for counts in zip(*(b for b in buckets if isinstance(b, tuple)), strict=True)
    ]
    return Reading(counts, sum(_number(thread["hit_us"]) for thread in threads) / 1e6)


def _number(value: int | tuple[int, ...]) -> int:
    assert isinstance(value, int)
    return value
