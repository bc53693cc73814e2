"""The most frequent keys in bounded memory."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cache.space_saving import SpaceSaving

NEVER_S = 1e12


@given(st.lists(st.integers(0, 30), min_size=1, max_size=400), st.integers(1, 20))
def test_no_key_is_missed_that_is_more_frequent_than_its_share(keys: list[int], most: int) -> None:
    sketch = SpaceSaving(most, NEVER_S)
    sketch.age(0.0)
    for key in keys:
        sketch.add(str(key))
    assert len(sketch) <= most
    known = {each.key for each in sketch.top(most)}
    for name, count in Counter(map(str, keys)).items():
        assert name in known or count <= len(keys) / most


@given(st.lists(st.integers(0, 30), min_size=1, max_size=400), st.integers(1, 20))
def test_a_count_is_never_too_low_and_too_high_by_no_more_than_is_said(
    keys: list[int], most: int
) -> None:
    sketch = SpaceSaving(most, half_life_s=1.0)
    sketch.age(0.0)
    for key in keys:
        sketch.add(str(key))
    exact = Counter(map(str, keys))
    found = sketch.top(most)
    unit = sum(each.rate for each in found) / len(keys)  # what one is worth: none is lost
    for each in found:
        assert each.rate >= exact[each.key] * unit * 0.999
        assert each.rate - each.error <= exact[each.key] * unit * 1.001


def test_a_constant_rate_is_told_soon_and_for_good() -> None:
    sketch = SpaceSaving(8, half_life_s=5.0)
    sketch.age(0.0)
    for step in range(1, 2000):
        sketch.age(step * 0.1)
        sketch.add("film", 3)
        if step in {50, 500, 1999}:
            assert sketch.top(1)[0].rate == pytest.approx(30, rel=0.05)


def test_what_is_not_asked_for_any_more_fades() -> None:
    sketch = SpaceSaving(8, half_life_s=5.0)
    sketch.age(0.0)
    sketch.add("old", 100)
    sketch.age(60.0)
    sketch.add("new", 1)
    assert [each.key for each in sketch.top(8)] == ["new", "old"]


def test_before_the_first_look_there_is_nothing() -> None:
    assert SpaceSaving(8, 1.0).top(5) == []
