import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.dates import format_http_date
from core.http.fields import Headers
from core.http.freshness import (
    Lifetime,
    Verdict,
    initial_age,
    judge,
    lifetime,
    usable_on_error,
)

NOW_S = 784111777
DATE = ("Date", format_http_date(NOW_S))


def after(seconds: int) -> str:
    return format_http_date(NOW_S + seconds)


# RFC 9111 §4.2.1, §5.3, RFC 9213 §2.2
FRESH = [
    ((("Cache-Control", "max-age=60"),), 60),
    ((("Cache-Control", "max-age=60, s-maxage=30"),), 30),
    ((("Cache-Control", "s-maxage=0, max-age=60"),), 0),
    ((("Expires", after(90)),), 90),
    ((("Expires", after(90)), ("Cache-Control", "max-age=60")), 60),
    ((("Expires", after(-90)),), 0),
    ((("Expires", "0"),), 0),
    ((("Cache-Control", "max-age=60"), ("CDN-Cache-Control", "max-age=5")), 5),
    ((("Expires", after(90)), ("CDN-Cache-Control", "public")), 0),
    ((("Cache-Control", "no-cache, max-age=60"),), 0),
    ((("Cache-Control", "max-age=60x"),), 0),
    ((), 0),
]


@pytest.mark.parametrize(("headers", "fresh_s"), FRESH)
def test_the_lifetime_is_the_first_that_applies(headers: Headers, fresh_s: int) -> None:
    assert lifetime(200, (DATE, *headers), NOW_S).fresh_s == fresh_s


def test_without_a_word_a_tenth_of_the_quiet_time_is_guessed() -> None:
    changed = (("Last-Modified", after(-1000)), DATE)
    guessed = lifetime(200, changed, NOW_S)
    assert (guessed.fresh_s, guessed.explicit) == (100, False)
    assert lifetime(302, changed, NOW_S).fresh_s == 0
    long_ago = (("Last-Modified", after(-(10**8))), DATE)
    assert lifetime(200, long_ago, NOW_S).fresh_s == 24 * 3600


def test_a_lifetime_that_was_said_is_never_guessed() -> None:
    said = (("Last-Modified", after(-1000)), ("Cache-Control", "max-age=0"), DATE)
    assert lifetime(200, said, NOW_S) == Lifetime(0, explicit=True)


def test_the_licences_to_serve_stale() -> None:
    headers = (("Cache-Control", "s-maxage=9, stale-while-revalidate=8, stale-if-error=7"), DATE)
    assert lifetime(200, headers, NOW_S) == Lifetime(9, 8, 7, explicit=True, strict=True)


@pytest.mark.parametrize("word", ["must-revalidate", "proxy-revalidate", "no-cache"])
def test_some_words_take_the_licences_away(word: str) -> None:
    text = f"max-age=9, stale-while-revalidate=8, stale-if-error=7, {word}"
    allowed = lifetime(200, (("Cache-Control", text), DATE), NOW_S)
    assert (allowed.stale_while_revalidate_s, allowed.stale_if_error_s) == (0, 0)
    assert allowed.strict


def test_public_permits_a_guess_for_any_status() -> None:
    changed = (("Last-Modified", after(-1000)), ("Cache-Control", "public"), DATE)
    assert lifetime(302, changed, NOW_S).fresh_s == 100


MISSING = [
    (404, (), 5),
    (410, (), 5),
    (405, (), 0),
    (200, (), 0),
    (404, (("Cache-Control", "max-age=1"),), 1),
    (404, (("Cache-Control", "no-cache"),), 0),
    (404, (("Expires", "0"),), 0),
]


@pytest.mark.parametrize(("status", "headers", "fresh_s"), MISSING)
def test_what_is_missing_may_be_remembered_for_a_while(
    status: int, headers: Headers, fresh_s: int
) -> None:
    assert lifetime(status, (DATE, *headers), NOW_S, missing_s=5).fresh_s == fresh_s


# requested, received, Date, Age -> age: the example of the arithmetic in RFC 9111 §4.2.3
AGES = [
    (0, 0, 0, None, 0),
    (0, 2, 0, None, 2),
    (0, 2, 2, None, 2),
    (0, 2, -10, None, 12),
    (0, 0, 10, None, 0),
    (0, 2, 2, "30", 32),
    (0, 2, -60, "30", 62),
    (0, 0, 0, "x", 0),
    (0, 0, 0, "-5", 0),
    (0, 0, 0, "30, 40", 30),
    (0, 0, 0, "9" * 5000, 2**31),
]


@pytest.mark.parametrize(("requested", "received", "date", "age", "expected"), AGES)
def test_the_age_on_arrival(
    requested: int, received: int, date: int, age: str | None, expected: int
) -> None:
    headers: Headers = (("Date", after(date)),)
    if age is not None:
        headers += (("Age", age),)
    assert initial_age(headers, NOW_S + requested, NOW_S + received) == expected


def test_without_a_date_the_arrival_counts() -> None:
    assert initial_age((), NOW_S, NOW_S + 1) == 1


JUDGED = [
    (0, Verdict.SERVE),
    (59.9, Verdict.SERVE),
    (60, Verdict.SERVE_AND_REFRESH),
    (69.9, Verdict.SERVE_AND_REFRESH),
    (70, Verdict.REVALIDATE),
]


@pytest.mark.parametrize(("age_s", "verdict"), JUDGED)
def test_a_response_ages_from_served_to_checked(age_s: float, verdict: Verdict) -> None:
    assert judge(age_s, Lifetime(60, 10)) is verdict


seconds = st.integers(0, 1000)
ORDER = list(Verdict)


@given(st.floats(0, 5000), st.floats(0, 5000), st.builds(Lifetime, seconds, seconds, seconds))
def test_growing_older_never_makes_it_better(a: float, b: float, allowed: Lifetime) -> None:
    younger, older = sorted((a, b))
    assert ORDER.index(judge(younger, allowed)) <= ORDER.index(judge(older, allowed))
    assert usable_on_error(younger, allowed) >= usable_on_error(older, allowed)
