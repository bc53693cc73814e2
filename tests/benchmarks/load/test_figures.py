import pytest

from benchmarks.load.figures import GOALS, Comparison, Spread, best, compare, ratio, spread
from benchmarks.load.works import WORKS


def test_a_spread_has_the_median_and_both_ends() -> None:
    assert spread([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)
    assert spread([1.0, 2.0]) == Spread(1.5, 1.0, 2.0)


def test_a_machine_that_slows_down_for_both_leaves_their_ratio_alone() -> None:
    assert ratio([5.0, 50.0, 5.0], [10.0, 100.0, 10.0]) == Spread(0.5, 0.5, 0.5)


def test_rounds_are_divided_one_by_one() -> None:
    assert ratio([1.0, 2.0, 6.0], [2.0, 2.0, 2.0]) == Spread(1.0, 0.5, 3.0)


def test_rounds_without_a_partner_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])


def test_the_best_configuration_has_the_least_median_not_the_least_round() -> None:
    assert best({"lucky once": [1.0, 9.0, 9.0], "steady": [5.0, 5.0, 5.0]}) == "steady"


def test_ours_is_compared_with_the_best_of_theirs() -> None:
    costs = {
        "sluice": {"sluice": [6.0, 6.0]},
        "nginx": {"sendfile": [10.0, 10.0], "buffers": [8.0, 8.0]},
    }
    assert compare("1k", costs) == [
        Comparison("1k", "sluice", "nginx", "buffers", Spread(0.75, 0.75, 0.75), 0.75)
    ]


def test_a_goal_is_kept_up_to_its_limit_and_missed_above() -> None:
    def at(median: float, limit: float | None) -> Comparison:
        return Comparison("1k", "a", "b", "b", Spread(median, median, median), limit)

    assert at(0.75, 0.75).kept
    assert not at(0.751, 0.75).kept
    assert at(99.0, None).kept


def test_families_that_did_not_run_are_not_compared() -> None:
    assert compare("1k", {"nginx": {"sendfile": [1.0]}}) == []


def test_every_goal_is_about_a_work_there_is() -> None:
    names = {work.name for work in WORKS}
    assert all(set(goal.limits) <= names for goal in GOALS)
