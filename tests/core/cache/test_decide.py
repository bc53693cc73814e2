import pytest

from core.cache.decide import Step, decide, stands_in
from core.cache.stored import Arrival, stored_head

NOW_S = 784111777.0
HEAD = stored_head(
    200,
    (("Cache-Control", "max-age=60, stale-while-revalidate=30, stale-if-error=300"),),
    Arrival(NOW_S, NOW_S),
    media=True,
)

CASES = [
    (59, False, Step.SERVE),
    (59, True, Step.SERVE),
    (60, False, Step.SERVE_AND_REFRESH),
    (60, True, Step.SERVE),
    (90, False, Step.FETCH),
    (90, True, Step.SERVE_ON_ERROR),
    (359, True, Step.SERVE_ON_ERROR),
    (360, True, Step.FETCH),
]


@pytest.mark.parametrize(("later_s", "held", "step"), CASES)
def test_the_step_by_age_and_by_what_failed_lately(later_s: float, held: bool, step: Step) -> None:
    assert decide(HEAD, NOW_S + later_s, held=held) is step


def test_what_is_not_stored_is_fetched() -> None:
    assert decide(None, NOW_S, held=True) is Step.FETCH


def test_it_stands_in_for_a_failed_upstream_as_long_as_it_may() -> None:
    assert stands_in(HEAD, NOW_S + 359)
    assert not stands_in(HEAD, NOW_S + 360)
    assert not stands_in(None, NOW_S)
