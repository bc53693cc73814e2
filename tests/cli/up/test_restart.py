from hypothesis import given
from hypothesis import strategies as st

from cli.up.restart import CLEAN, Record, RestartPolicy, after_end

POLICY = RestartPolicy(
    first_delay_s=0.5, longest_delay_s=4.0, healthy_after_s=10.0, false_start_limit=3
)


def delays(ends: list[tuple[bool, float]]) -> list[float | None]:
    record, found = CLEAN, []
    for was_ready, ran_s in ends:
        record, delay_s = after_end(POLICY, record, was_ready=was_ready, ran_s=ran_s)
        found.append(delay_s)
    return found


def test_the_delay_doubles_up_to_the_longest() -> None:
    assert delays([(True, 1.0)] * 6) == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_a_healthy_time_wipes_the_record() -> None:
    assert delays([(True, 1.0), (True, 1.0), (True, 10.0), (True, 1.0)]) == [0.5, 1.0, 0.5, 1.0]


def test_a_child_that_never_gets_ready_is_given_up() -> None:
    assert delays([(False, 1.0)] * 3) == [0.5, 1.0, None]


def test_getting_ready_once_forgives_the_false_starts() -> None:
    ends = [(False, 0.0), (False, 0.0), (True, 0.0), (False, 0.0), (False, 0.0)]
    assert None not in delays(ends)


def test_a_child_that_was_ready_is_never_given_up() -> None:
    assert None not in delays([(True, 0.0)] * 100)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1e6)), max_size=50), st.integers(0, 10**6))
def test_a_delay_is_always_within_its_bounds(ends: list[tuple[bool, float]], past: int) -> None:
    record = Record(ends=past)
    for was_ready, ran_s in ends:
        record, delay_s = after_end(POLICY, record, was_ready=was_ready, ran_s=ran_s)
        if delay_s is None:
            return
        assert 0.5 <= delay_s <= 4.0
