"""What two moments of an edge say about the time between."""

from dataclasses import replace

import pytest

from core.cache.snapshot import Latency, Snapshot, compare, quantile

BOUNDS = (0.001, 0.01, 0.1)
NONE = Latency(bounds_s=BOUNDS, at_most=(0.0, 0.0, 0.0), count=0.0)
START = Snapshot(
    name="edge-a",
    version="1",
    at_s=100.0,
    up_s=10.0,
    draining=False,
    upstream_problem=None,
    requests={"hit": 10.0, "miss": 5.0},
    misses={"uri-miss": 5.0},
    latencies={"hit": NONE},
    upstream_latency=NONE,
    upstream_failures=0.0,
    sent_bytes=1000.0,
    filled_bytes=500.0,
    connections=3.0,
    accepted=3.0,
    refused=0.0,
    fetches=0.0,
    evictions=0.0,
    objects=5.0,
    memory_bytes=100.0,
    memory_limit_bytes=1000.0,
)


def later(**changes: object) -> Snapshot:
    return replace(START, **{"at_s": 102.0, "up_s": 12.0, **changes})  # type: ignore[arg-type]  # by name


def test_rates_are_growth_by_time() -> None:
    rates = compare(START, later(requests={"hit": 26.0, "miss": 9.0}, sent_bytes=5000.0))
    assert rates.requests == 10
    assert rates.by_result == {"hit": 8, "miss": 2}
    assert rates.hit_ratio == pytest.approx(0.8)
    assert rates.sent_bytes == 2000
    assert rates.filled_bytes == 0


def test_where_nothing_happened_there_is_no_ratio_and_no_latency() -> None:
    rates = compare(START, later())
    assert rates.hit_ratio is None
    assert rates.latencies["hit"].p99_s is None


def test_an_edge_that_began_anew_is_compared_with_its_beginning() -> None:
    rates = compare(START, later(up_s=1.0, requests={"hit": 4.0}))
    assert rates.seconds == 1
    assert rates.requests == 4


def test_a_kind_that_is_new_grew_from_nothing() -> None:
    assert compare(START, later(misses={"uri-miss": 5.0, "stale": 2.0})).misses == {
        "uri-miss": 0,
        "stale": 1,
    }


@pytest.mark.parametrize(
    ("at_most", "count", "share", "seconds"),
    [
        ((10.0, 10.0, 10.0), 10.0, 0.5, 0.0005),
        ((0.0, 10.0, 10.0), 10.0, 0.5, 0.0055),
        ((5.0, 10.0, 10.0), 10.0, 0.5, 0.001),
        ((0.0, 0.0, 0.0), 10.0, 0.5, 0.1),
        ((9.0, 9.0, 10.0), 10.0, 0.99, 0.091),
    ],
)
def test_a_quantile_lies_between_its_bounds(
    at_most: tuple[float, ...], count: float, share: float, seconds: float
) -> None:
    found = quantile(share, None, Latency(bounds_s=BOUNDS, at_most=at_most, count=count))
    assert found == pytest.approx(seconds)


def test_a_quantile_is_of_what_came_in_between() -> None:
    before = Latency(bounds_s=BOUNDS, at_most=(100.0, 100.0, 100.0), count=100.0)
    after = Latency(bounds_s=BOUNDS, at_most=(100.0, 110.0, 110.0), count=110.0)
    assert quantile(0.5, before, after) == pytest.approx(0.0055)
