"""The metrics of the disk tier; all of them are declared here."""

from collections.abc import Callable

from runtime.metrics import Metrics


class DiskMetrics:
    """Counters of one tier; gauges are read when the page is asked for."""

    def __init__(self, page: Metrics) -> None:
        self._page = page
        self.hits = page.counter("sluice_edge_disk_hits_total", "Slices read from the disk.")
        self.writes = page.counter("sluice_edge_disk_writes_total", "Slices written to the disk.")
        self.evictions = page.counter(
            "sluice_edge_disk_evictions_total", "Slices deleted from the disk to make room."
        )
        self.corrupt = page.counter(
            "sluice_edge_disk_corrupt_total",
            "Slices and heads found damaged or missing, dropped and not served.",
        )
        self.late = page.counter(
            "sluice_edge_disk_late_total", "Reads given up because the disk was too slow."
        )
        self.dropped = page.counter_family(
            "sluice_edge_disk_dropped_total", "Slices that did not get onto the disk, by why.",
            ("reason",),
        )  # fmt: skip
        self.emptied = page.counter_family(
            "sluice_edge_disk_emptied_total",
            "Times the whole disk cache was dropped for want of a good index, by why.",
            ("reason",),
        )

    def watch(
        self,
        *,
        objects: Callable[[], float],
        stored_bytes: Callable[[], float],
        limit_bytes: float,
        queued_bytes: Callable[[], float],
    ) -> None:
        """Declare the gauges that are read from the tier."""
        self._page.watch("sluice_edge_disk_objects", "Stored responses on disk.", objects)
        self._page.watch("sluice_edge_disk_bytes", "Bytes taken by them.", stored_bytes)
        self._page.gauge("sluice_edge_disk_bytes_limit", "Bytes that they may take.").set(
            limit_bytes
        )
        self._page.watch(
            "sluice_edge_disk_queued_bytes", "Bytes that wait to be written.", queued_bytes
        )
