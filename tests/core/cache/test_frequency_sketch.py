from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from core.cache.frequency_sketch import FrequencySketch


@given(st.lists(st.integers(0, 40), max_size=150))
def test_before_it_ages_it_never_says_less_than_the_truth(keys: list[int]) -> None:
    sketch = FrequencySketch(16)
    for key in keys:
        sketch.count(key)
    for key, times in Counter(keys).items():
        assert sketch.estimate(key) >= min(times, 15)


def test_with_room_for_all_it_is_exact() -> None:
    sketch = FrequencySketch(1024)
    for key in range(50):
        for _ in range(key % 10):
            sketch.count(key)
    assert [sketch.estimate(key) for key in range(50)] == [key % 10 for key in range(50)]


def test_what_was_popular_once_is_forgotten() -> None:
    sketch = FrequencySketch(16)
    for _ in range(15):
        sketch.count("once")
    assert sketch.estimate("once") == 15
    for _ in range(3):
        for _ in range(160):
            sketch.count("now")
    assert sketch.estimate("once") <= 2
    assert sketch.estimate("now") >= 7


def test_a_key_that_was_never_counted_is_at_zero() -> None:
    assert FrequencySketch(1).estimate("anything") == 0
