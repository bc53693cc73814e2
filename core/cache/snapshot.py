"""What an edge has counted up to a moment, and what two such moments say about the time between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

HITS = frozenset({"hit", "stale"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A histogram: how many were at most each of the bounds (seconds), and how many in all."""

    bounds_s: tuple[float, ...]
    at_most: tuple[float, ...]
    count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key and how often it is asked for, a second."""

    key: str
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Counts since the start of an edge, and how things are; `at_s` is a clock that never steps.

    `upstream_problem` is None when it can be reached. Sizes are bytes; limits are None where there
    is no such tier.
    """

    name: str
    version: str
    at_s: float
    up_s: float
    draining: bool
    upstream_problem: str | None
    requests: Mapping[str, float]
    misses: Mapping[str, float]
    latencies: Mapping[str, Latency]
    upstream_latency: Latency
    upstream_failures: float
    sent_bytes: float
    filled_bytes: float
    connections: float
    accepted: float
    refused: float
    fetches: float
    evictions: float
    objects: float
    memory_bytes: float
    memory_limit_bytes: float
    disk_bytes: float | None = None
    disk_limit_bytes: float | None = None
    hot: Sequence[Key] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Seconds that half, nine tenths and all but a hundredth stayed within, if there were any."""

    p50_s: float | None
    p90_s: float | None
    p99_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What happened between two snapshots, a second; ratios are None where nothing happened."""

    seconds: float
    requests: float
    by_result: Mapping[str, float]
    misses: Mapping[str, float]
    hit_ratio: float | None
    sent_bytes: float
    filled_bytes: float
    accepted: float
    refused: float
    evictions: float
    upstream_failures: float
    latencies: Mapping[str, Percentiles]
    upstream: Percentiles


def compare(before: Snapshot, after: Snapshot) -> Rates:
    """What happened in between; of an edge that began anew, what happened since it did."""
    if after.up_s < before.up_s or after.at_s <= before.at_s:
        before = _beginning(after)
    seconds = max(after.at_s - before.at_s, 1e-3)
    by_result = _growth(before.requests, after.requests, seconds)
    total = sum(by_result.values())
    hits = sum(rate for result, rate in by_result.items() if result in HITS)
    return Rates(
        seconds=seconds,
        requests=total,
        by_result=by_result,
        misses=_growth(before.misses, after.misses, seconds),
        hit_ratio=hits / total if total else None,
        sent_bytes=(after.sent_bytes - before.sent_bytes) / seconds,
        filled_bytes=(after.filled_bytes - before.filled_bytes) / seconds,
        accepted=(after.accepted - before.accepted) / seconds,
        refused=(after.refused - before.refused) / seconds,
        evictions=(after.evictions - before.evictions) / seconds,
        upstream_failures=(after.upstream_failures - before.upstream_failures) / seconds,
        latencies={
            result: _percentiles(before.latencies.get(result), latency)
            for result, latency in after.latencies.items()
        },
        upstream=_percentiles(before.upstream_latency, after.upstream_latency),
    )


def quantile(share: float, before: Latency | None, after: Latency) -> float | None:
    """Seconds that this share stayed within, by straight lines between the bounds."""
    past = before.at_most if before is not None else (0.0,) * len(after.at_most)
    count = after.count - (before.count if before is not None else 0.0)
    if count <= 0:
        return None
    grown = [0.0, *(now - then for now, then in zip(after.at_most, past, strict=True))]
    wanted = share * count
    bounds = pairwise((0.0, *after.bounds_s))
    for (low_s, high_s), (below, within) in zip(bounds, pairwise(grown), strict=True):
        if within >= wanted and within > below:
            return low_s + (high_s - low_s) * (wanted - below) / (within - below)
    return after.bounds_s[-1]


def _percentiles(before: Latency | None, after: Latency) -> Percentiles:
    p50, p90, p99 = (quantile(share, before, after) for share in (0.5, 0.9, 0.99))
    return Percentiles(p50_s=p50, p90_s=p90, p99_s=p99)


def _growth(
    before: Mapping[str, float], after: Mapping[str, float], seconds: float
) -> dict[str, float]:
    return {name: (count - before.get(name, 0.0)) / seconds for name, count in after.items()}


def _beginning(after: Snapshot) -> Snapshot:
    """The edge as it was when it began."""
    nothing = Latency(
        bounds_s=after.upstream_latency.bounds_s,
        at_most=(0.0,) * len(after.upstream_latency.at_most),
        count=0.0,
    )
    return Snapshot(
        name=after.name, version=after.version, at_s=after.at_s - after.up_s, up_s=0.0,
        draining=False, upstream_problem=None, requests={}, misses={}, latencies={},
        upstream_latency=nothing, upstream_failures=0, sent_bytes=0, filled_bytes=0, connections=0,
        accepted=0, refused=0, fetches=0, evictions=0, objects=0, memory_bytes=0,
        memory_limit_bytes=after.memory_limit_bytes,
    )  # fmt: skip
