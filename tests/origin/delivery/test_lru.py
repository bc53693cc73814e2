"""The cache that everything of delivery is kept in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.delivery.lru import LruCache


def test_the_least_recently_used_goes_first() -> None:
    cache: LruCache[str, int] = LruCache(3)
    for number, key in enumerate("abc"):
        cache.put(key, number, 1)
    assert cache.get("a") == 0
    cache.put("d", 3, 1)
    assert [cache.get(key) for key in "abcd"] == [0, None, 2, 3]


def test_a_value_that_costs_more_than_all_may_is_not_kept() -> None:
    dropped: list[int] = []
    cache: LruCache[str, int] = LruCache(3, on_drop=dropped.append)
    cache.put("a", 1, 4)
    assert (cache.get("a"), cache.used_bytes, dropped) == (None, 0, [1])


def test_what_replaces_a_value_takes_its_place_in_the_account() -> None:
    cache: LruCache[str, int] = LruCache(10)
    cache.put("a", 1, 6)
    cache.put("a", 2, 3)
    assert (cache.get("a"), cache.used_bytes, len(cache)) == (2, 3, 1)


def test_the_number_of_values_is_bounded_too() -> None:
    cache: LruCache[int, int] = LruCache(1000, 2)
    for key in range(5):
        cache.put(key, key, 1)
    assert len(cache) == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7))))
def test_the_account_is_the_sum_of_what_is_kept(puts: list[tuple[int, int]]) -> None:
    dropped: list[tuple[int, int]] = []
    cache: LruCache[int, tuple[int, int]] = LruCache(10, on_drop=dropped.append)
    for key, cost in puts:
        cache.put(key, (key, cost), cost)
    kept = [entry for key in range(6) if (entry := cache.get(key)) is not None]
    assert cache.used_bytes == sum(cost for _, cost in kept) <= 10
    assert len(dropped) + len(kept) == len(puts)
    cache.clear()
    assert cache.used_bytes == 0


@pytest.mark.parametrize("limit", [0, 1])
def test_an_empty_cache_knows_nothing(limit: int) -> None:
    assert LruCache[str, int](limit).get("a") is None
