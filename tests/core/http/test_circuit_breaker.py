from core.http.circuit_breaker import LEAST_IN_WINDOW, WINDOW_S, Circuit, CircuitBreaker


def opened(at_s: float = 0.0) -> CircuitBreaker:
    breaker = CircuitBreaker(failures=3, open_s=5)
    for _ in range(3):
        assert breaker.admit(at_s)
        breaker.failed(at_s)
    assert breaker.state is Circuit.OPEN
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = opened()
    assert not breaker.admit(4.9)
    assert (breaker.retry_after_s(0.0), breaker.retry_after_s(4.9)) == (5, 1)


def test_a_success_between_them_does_not_let_them_add_up() -> None:
    breaker = CircuitBreaker(failures=3, open_s=5)
    for _ in range(4):
        breaker.failed(0)
        breaker.failed(0)
        breaker.succeeded(0)
        breaker.succeeded(0)
        breaker.succeeded(0)
    assert breaker.state is Circuit.CLOSED


def test_half_of_a_window_opens_it_however_they_are_mixed() -> None:
    breaker = CircuitBreaker(failures=3, open_s=5)
    for _ in range(LEAST_IN_WINDOW // 2):
        breaker.succeeded(0)
        breaker.failed(0)
    assert breaker.state is Circuit.OPEN


def test_windows_do_not_add_up() -> None:
    breaker = CircuitBreaker(failures=3, open_s=5)
    for each in range(LEAST_IN_WINDOW):
        breaker.succeeded(each * WINDOW_S)
        breaker.failed(each * WINDOW_S)
    assert breaker.state is Circuit.CLOSED


def test_one_probe_decides() -> None:
    breaker = opened()
    assert breaker.admit(5)
    assert str(breaker.state) == "half-open"
    assert not breaker.admit(5), "there is a probe already"
    breaker.succeeded(6)
    assert breaker.state is Circuit.CLOSED
    assert breaker.admit(6)
    assert breaker.admit(6)


def test_a_probe_that_fails_opens_it_again() -> None:
    breaker = opened()
    assert breaker.admit(5)
    breaker.failed(6)
    assert breaker.state is Circuit.OPEN
    assert not breaker.admit(10.9)
    assert breaker.admit(11)


def test_a_probe_that_is_given_up_leaves_its_place_to_another() -> None:
    breaker = opened()
    assert breaker.admit(5)
    breaker.abandoned()
    assert breaker.admit(5)


def test_no_failures_at_all_is_never() -> None:
    breaker = CircuitBreaker(failures=0, open_s=5)
    for _ in range(100):
        breaker.failed(0)
    assert breaker.state is Circuit.CLOSED
