"""When an answer was made at the earliest, by what it says of its age."""

import pytest

from core.cache.outdated import made_s

NOW_S = 1000.5


@pytest.mark.parametrize(
    ("headers", "insisted", "expected"),
    [
        ((), False, None),
        ((("Age", "0"),), False, NOW_S - 1),
        ((("Age", "7"),), False, NOW_S - 8),
        ((("Age", "7"),), True, NOW_S - 7),
        ((("Age", "7, 9"),), False, NOW_S - 8),
        ((("Age", "soon"),), False, NOW_S - 1),
        ((("Age", "0"), ("Cache-Status", "a; hit; ttl=5")), False, NOW_S - 1),
        ((("Age", "0"), ("Cache-Status", "a; fwd=uri-miss; stored")), False, NOW_S),
        ((("Age", "0"), ("Cache-Status", "a; fwd=uri-miss; collapsed")), False, NOW_S - 1),
        ((("Age", "0"), ("Cache-Status", "a; hit, b; fwd=uri-miss")), False, NOW_S - 1),
        ((("Age", "0"), ("Cache-Status", "hitherto; fwd=stale")), False, NOW_S),
    ],
)
def test_an_answer_is_as_old_as_its_age_says_and_up_to_a_second_more(
    headers: tuple[tuple[str, str], ...], insisted: bool, expected: float | None
) -> None:
    assert made_s(headers, NOW_S, insisted=insisted) == expected
