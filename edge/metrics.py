"""The metrics of an edge; all of them are declared here."""

from collections.abc import Callable
from enum import StrEnum

from runtime.metrics import Metrics


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
        self.purges = self.page.counter("sluice_edge_purges_total", "Purges accepted.")
        self.active = self.page.gauge("sluice_edge_active_requests", "Requests being answered.")

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
