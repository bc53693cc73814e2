import pytest

from core.http.retrying import Attempt, RetryBudget, may_repeat


@pytest.mark.parametrize(
    ("attempt", "repeated"),
    [
        (Attempt("GET", has_body=False, number=1, answered=False), True),
        (Attempt("DELETE", has_body=False, number=1, answered=False), True),
        (Attempt("GET", has_body=False, number=2, answered=False), False),
        (Attempt("GET", has_body=False, number=1, answered=True), False),
        (Attempt("PUT", has_body=True, number=1, answered=False), False),
        (Attempt("POST", has_body=False, number=1, answered=False), False),
        (Attempt("MERGE", has_body=False, number=1, answered=False), False),
    ],
)
def test_what_is_sent_again(attempt: Attempt, *, repeated: bool) -> None:
    assert may_repeat(attempt) is repeated


def test_retries_are_a_share_of_the_requests_once_what_was_saved_is_spent() -> None:
    budget = RetryBudget(share=0.1, most=2)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    granted = 0
    for _ in range(100):
        budget.earn()
        granted += budget.spend()
    assert granted in {9, 10}


def test_no_more_is_saved_than_the_most() -> None:
    budget = RetryBudget(share=1, most=2)
    for _ in range(100):
        budget.earn()
    assert [budget.spend() for _ in range(3)] == [True, True, False]
