from collections import Counter

import pytest

from benchmarks.sim import traces
from benchmarks.sim.__main__ import (
    DEFAULT,
    GOAL_TRACE,
    POLICIES,
    TRACES,
    hits,
    judged,
    main,
    points_over_plain,
    shares,
)
from core.cache.lru import ByteLru


def test_a_request_is_a_hit_when_its_object_is_still_kept() -> None:
    assert hits(ByteLru(2), [1, 1, 2, 3, 1, 3]) == 2


def test_the_scan_is_a_tenth_and_passes_once() -> None:
    for make in (traces.zipf_with_scan, traces.zipf_then_scan):
        asked = make(5000)
        scanned = [key for key in asked if key >= traces.OBJECTS]
        assert len(asked) == 5000
        assert scanned == list(range(traces.OBJECTS, traces.OBJECTS + 500))


def test_popularity_falls_as_zipf_has_it() -> None:
    seen = Counter(traces.zipf(200_000))
    assert seen[0] / seen[9] == pytest.approx(10**traces.SKEW, rel=0.15)


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_is_the_same_every_time_and_as_long_as_asked(name: str) -> None:
    first = TRACES[name](3000)
    assert len(first) == 3000
    assert first == TRACES[name](3000)


def test_a_film_is_watched_from_its_beginning_in_order() -> None:
    asked = set(traces.viewing(20_000))
    for key in asked:
        assert key % 200 == 0 or key - 1 in asked


def test_favourites_change() -> None:
    asked = traces.shifting(50_000)
    first, last = Counter(asked[:5000]), Counter(asked[-5000:])
    assert first.most_common(1)[0][0] != last.most_common(1)[0][0]


def test_the_default_resists_the_scan_better_than_the_plain_policy() -> None:
    """At a tenth of the requests the margin is smaller than in the bench, and ample still."""
    assert points_over_plain(shares(TRACES[GOAL_TRACE](200_000))) >= 3


def test_the_default_is_one_of_the_policies() -> None:
    assert DEFAULT in POLICIES


def test_a_margin_that_is_too_small_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert judged(3.0) == 0
    assert judged(2.99) == 1
    assert "MISSED" in capsys.readouterr().out


def test_the_table_has_a_line_for_each_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--requests", "2000", "--traces", "loop of 1.2 caches"]) == 0
    said = capsys.readouterr().out
    assert "loop of 1.2 caches" in said
    assert "goal" not in said
