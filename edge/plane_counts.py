"""What the data plane's threads count, brought into the metrics whenever those are read.

Each thread counts for itself and is never stopped: what is read may be a moment old.
"""

from collections.abc import Callable
from typing import Final

from edge.metrics import EdgeMetrics, Result
from edge.wire import REFUSALS
from native import DataPlane
from runtime.metrics import Reading

# In the order of the data plane's timers, and of its refusals of tokens.
EXPIRIES: Final = ("idle", "head", "body", "send", "linger")
TOKEN_FAULTS: Final = ("missing", "forged", "unknown_key", "expired")
STATUS_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")

Inc = Callable[[float], None]


class PlaneCounts:
    """Carries the counters of one data plane over into the metrics of its edge."""

    def __init__(self, metrics: EdgeMetrics, plane: DataPlane) -> None:
        self._metrics = metrics
        self._plane = plane
        self._taken: dict[str, int] = {}
        self._places = _places(metrics)

    def attach(self) -> None:
        """Do so from now on, whenever the page is asked for."""
        page = self._metrics.page
        page.before_render(self.take)
        page.supplement(self._metrics.seconds, {"result": Result.HIT}, self._hit_times)
        self._metrics.open_connections.set_function(self._open)
        self._metrics.threads.set(self._plane.threads)

    def take(self) -> None:
        """Add what was counted since the last call."""
        for name, count in totals(self._plane).items():
            more = count - self._taken.get(name, 0)
            self._taken[name] = count
            if more and name in self._places:
                for inc in self._places[name]:
                    inc(more)

    def _hit_times(self) -> Reading:
        """How long hits took: how many fell into each bucket, and seconds in all."""
        found = totals(self._plane)
        buckets = [count for name, count in found.items() if name.startswith("hit_seconds.")]
        return Reading(buckets, found["hit_us"] / 1e6)

    def _open(self) -> float:
        return totals(self._plane)["open"]


def totals(plane: DataPlane) -> dict[str, int]:
    """The counters of all threads together; those by kind under `name.place`."""
    found: dict[str, int] = {}
    for thread in plane.counters():
        for name, value in thread.items():
            many = value if isinstance(value, tuple) else None
            for place, count in enumerate(many or ()):
                key = f"{name}.{place}"
                found[key] = found.get(key, 0) + count
            if isinstance(value, int):
                found[name] = found.get(name, 0) + value
    # A client turned away for having too many connections is counted in both.
    found["full"] = found["turned_away"] - found["crowded"]
    return found


def _places(metrics: EdgeMetrics) -> dict[str, tuple[Inc, ...]]:
    """Which counters each count of the threads goes to."""
    places: dict[str, tuple[Inc, ...]] = {
        "hits": (metrics.requests(Result.HIT).inc,),
        "crossed": (metrics.crossed.inc,),
        "refused": (metrics.requests(Result.LOCAL).inc,),
        "preflights": (metrics.requests(Result.LOCAL).inc,),
        "body_bytes": (metrics.sent_bytes(Result.HIT).inc,),
        "sent_bytes": (metrics.network_sent_bytes.inc,),
        "accepted": (metrics.accepted.inc,),
        "made": (metrics.made_segments.inc,),
        "batched": (metrics.batched_sends.inc,),
        "lines_dropped": (metrics.lines_dropped("queue").inc,),
        "disk_waits": (metrics.disk_waits.inc,),
        "disk_failures": (metrics.disk_failures.inc,),
        "full": (metrics.turned_away("all").inc,),
        "crowded": (metrics.turned_away("client").inc,),
    }
    for place, reason in enumerate(EXPIRIES):
        places[f"expired.{place}"] = (metrics.expired(reason).inc,)
    for place, (status, _, _) in enumerate(REFUSALS):
        places[f"refusals.{place}"] = (metrics.refused_heads(str(status)).inc,)
    for place, reason in enumerate(TOKEN_FAULTS):
        places[f"tokens_refused.{place}"] = (metrics.token_refusals(reason).inc,)
    for name in STATUS_CLASSES:
        places[f"status_{name}"] = (metrics.responses(name).inc,)
    return places
