"""The metrics of an edge; all of them are declared here."""

import time
from collections.abc import Callable
from enum import StrEnum

from edge.client import Account
from edge.hot_keys import HotKeys
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

    def __init__(self, process: str = "edge") -> None:
        self.process = process
        self.page = Metrics(process=process)
        self.hot_keys = HotKeys(time.monotonic)
        self._declare_requests()
        self._declare_connections()
        self._declare_storage()
        self._declare_upstream()
        self._declare_purges()
        self._declare_log()
        for result in Result:  # a counter that is not there yet has no rate
            self.requests(result)
            self.sent_bytes(result)
            self.seconds(result)

    def _declare_requests(self) -> None:
        self.requests = self.page.counter_family(
            "sluice_edge_requests_total", "Requests, by how they ended.", ("result",)
        )
        self.responses = self.page.counter_family(
            "sluice_edge_responses_total", "Answers begun, by class of status.", ("status",)
        )
        self.crossed = self.page.counter(
            "sluice_edge_crossed_requests_total",
            "Requests that the threads of the data plane left to Python.",
        )
        self.misses = self.page.counter_family(
            "sluice_edge_misses_total", "Requests that went to the upstream, by why.", ("reason",)
        )
        self.coalesced = self.page.counter(
            "sluice_edge_coalesced_total", "Requests answered by a fetch that another one began."
        )
        self.seconds = self.page.histogram_family(
            "sluice_edge_request_seconds", "Time from head to last byte.", ("result",)
        )
        self.sent_bytes = self.page.counter_family(
            "sluice_edge_sent_bytes_total",
            "Body bytes of ended answers, by how the request ended.",
            ("result",),
        )
        self.network_sent_bytes = self.page.counter(
            "sluice_edge_network_sent_bytes_total",
            "Bytes handed to the kernel for clients as they go, heads included.",
        )
        self.refused_heads = self.page.counter_family(
            "sluice_edge_refused_heads_total",
            "Requests refused for what they are as HTTP, by status.",
            ("status",),
        )
        self.token_refusals = self.page.counter_family(
            "sluice_edge_token_refusals_total",
            "Requests for signed media without a good token, by what is wrong with it.",
            ("reason",),
        )
        self.active = self.page.gauge("sluice_edge_active_requests", "Requests being answered.")

    def _declare_connections(self) -> None:
        self.accepted = self.page.counter(
            "sluice_edge_connections_total", "Connections accepted from clients."
        )
        self.turned_away = self.page.counter_family(
            "sluice_edge_connections_refused_total",
            "Connections closed at once: too many in all, or from one client.",
            ("reason",),
        )
        self.expired = self.page.counter_family(
            "sluice_edge_connections_expired_total",
            "Connections closed for taking too long, by what was waited for.",
            ("reason",),
        )
        self.open_connections = self.page.gauge(
            "sluice_edge_open_connections", "Connections of clients."
        )
        self.threads = self.page.gauge("sluice_edge_threads", "Threads that serve clients.")
        self.made_segments = self.page.counter(
            "sluice_edge_made_segments_total",
            "Hits that were made for their request, from the files of a stored track.",
        )
        self.batched_sends = self.page.counter(
            "sluice_edge_batched_sends_total",
            "Sends that went with others in one system call, by io_uring.",
        )
        self.draining = self.page.gauge(
            "sluice_edge_draining", "1 while the edge stops: answers end, nothing is accepted."
        )

    def _declare_storage(self) -> None:
        self.evictions = self.page.counter(
            "sluice_edge_evictions_total", "Slices dropped from memory to make room."
        )
        self.disk_waits = self.page.counter(
            "sluice_edge_disk_waits_total",
            "Times a connection waited for bytes of a file that were not in memory.",
        )
        self.disk_failures = self.page.counter(
            "sluice_edge_disk_failures_total",
            "Answers broken off because a file could not be read.",
        )

    def _declare_upstream(self) -> None:
        self.filled_bytes = self.page.counter(
            "sluice_edge_filled_bytes_total", "Body bytes received from the upstream."
        )
        self.upstream_seconds = self.page.histogram(
            "sluice_edge_upstream_seconds",
            "Time from asking the upstream to the head of its answer.",
        )
        self.upstream_responses = self.page.counter_family(
            "sluice_edge_upstream_responses_total",
            "Answers of the upstream, by class of status.",
            ("status",),
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

    def _declare_purges(self) -> None:
        self.purges = self.page.counter("sluice_edge_purges_total", "Purges accepted.")
        self.purged_objects = self.page.counter(
            "sluice_edge_purged_objects_total", "Stored responses that purges dropped or expired."
        )
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

    def _declare_log(self) -> None:
        self.lines = self.page.counter(
            "sluice_edge_access_log_lines_total", "Lines written to the access log."
        )
        self.lines_dropped = self.page.counter_family(
            "sluice_edge_access_log_dropped_total",
            "Lines lost, as the log was behind or took none.",
            ("reason",),
        )

    def watch(
        self,
        *,
        objects: Callable[[], float],
        stored_bytes: Callable[[], float],
        limit_bytes: float,
        fetches: Callable[[], float],
    ) -> None:
        """Declare the gauges that are read from the store and the filler."""
        self.page.watch("sluice_edge_stored_objects", "Stored responses.", objects)
        self.page.watch("sluice_edge_stored_bytes", "Bytes taken by them.", stored_bytes)
        self.page.gauge(
            "sluice_edge_stored_bytes_limit", "Bytes that stored responses may take."
        ).set(limit_bytes)
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

    def count_answer(self, result: Result, seconds: float, account: Account) -> None:
        """Count a request that has ended."""
        self.requests(result).inc()
        self.seconds(result).observe(seconds)
        self.sent_bytes(result).inc(account.body_bytes)
        if account.status is not None:
            self.responses(status_class(account.status)).inc()


def status_class(status: int) -> str:
    """The class of a status as labels say it (RFC 9110 §15)."""
    return f"{status // 100}xx"
