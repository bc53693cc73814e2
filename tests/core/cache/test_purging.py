from hypothesis import given
from hypothesis import strategies as st

from core.cache.purging import Purge, PurgeLog

words = st.frozensets(st.sampled_from("abcd"), max_size=2)
purges = st.lists(st.builds(Purge, words, words, st.booleans()), max_size=12)


def test_a_purge_covers_by_tag_or_by_resource() -> None:
    purge = Purge(frozenset({"video:1"}), frozenset({"/media/x"}))
    assert purge.covers("/media/x", ())
    assert purge.covers("/media/y", {"video:1", "video:2"})
    assert not purge.covers("/media/y", {"video:2"})


@given(purges, st.integers(0, 12), st.sampled_from("abcd"), words)
def test_the_newest_purge_since_is_found(
    script: list[Purge], since: int, resource: str, tags: frozenset[str]
) -> None:
    log = PurgeLog()
    numbers = [log.record(purge, float(at)) for at, purge in enumerate(script)]
    assert numbers == list(range(1, len(script) + 1))
    covering = [n for n, p in zip(numbers, script, strict=True) if p.covers(resource, tags)]
    expected = max((n for n in covering if n > since), default=None)
    assert log.latest_covering(resource, tags, since) == expected


@given(purges, st.integers(0, 12), st.integers(1, 4))
def test_what_was_forgotten_counts_as_covering(script: list[Purge], since: int, limit: int) -> None:
    log = PurgeLog(limit)
    for at, purge in enumerate(script):
        log.record(purge, float(at))
    forgotten = max(0, len(script) - limit)
    assert (log.latest_covering("none", (), since) is not None) == (since < forgotten)


@given(purges, st.integers(-1, 12), st.sampled_from("abcd"), words)
def test_the_newest_purge_after_a_time_is_found(
    script: list[Purge], made_s: int, resource: str, tags: frozenset[str]
) -> None:
    log = PurgeLog()
    numbers = [log.record(purge, float(at)) for at, purge in enumerate(script)]
    later = [n for n, p in zip(numbers, script, strict=True) if p.covers(resource, tags)]
    expected = max((n for n in later if n - 1 > made_s), default=None)
    assert log.latest_after(resource, tags, made_s) == expected
