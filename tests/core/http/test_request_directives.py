import pytest

from core.http.cache_control import LONGEST_DELTA_S
from core.http.fields import Headers
from core.http.freshness import Lifetime, Verdict, judge, usable_on_error
from core.http.request_directives import (
    NO_DIRECTIVES,
    RequestDirectives,
    heeded,
    request_directives,
)


def cc(text: str) -> Headers:
    return (("Cache-Control", text),)


READ: list[tuple[Headers, RequestDirectives]] = [
    ((), NO_DIRECTIVES),
    (cc("max-age=5, min-fresh=6"), RequestDirectives(max_age_s=5, min_fresh_s=6)),
    (cc("max-stale=7"), RequestDirectives(max_stale_s=7)),
    (cc("max-stale"), RequestDirectives(max_stale_s=LONGEST_DELTA_S)),
    (cc("max-stale=x"), RequestDirectives(max_stale_s=0)),
    (cc("stale-if-error=8"), RequestDirectives(stale_if_error_s=8)),
    (cc("No-Cache, no-store"), RequestDirectives(no_cache=True, no_store=True)),
    (cc("only-if-cached"), RequestDirectives(only_if_cached=True)),
    ((("Pragma", "no-cache"),), RequestDirectives(no_cache=True)),
    ((("Pragma", "x"),), NO_DIRECTIVES),
    ((("Pragma", "no-cache"), *cc("max-age=5")), RequestDirectives(max_age_s=5)),
    (cc("no-transform, x=y"), NO_DIRECTIVES),
]


@pytest.mark.parametrize(("headers", "expected"), READ)
def test_directives_are_read(headers: Headers, expected: RequestDirectives) -> None:
    assert request_directives(headers) == heeded(headers, media=False) == expected


def test_under_media_only_one_counts() -> None:
    asked = cc("no-cache, max-age=0, no-store, max-stale, min-fresh=9, only-if-cached")
    assert heeded(asked, media=True) == RequestDirectives(only_if_cached=True)


FRESH = Lifetime(60, 10, 20, explicit=True)
STRICT = Lifetime(60, explicit=True, strict=True)
SERVE, BEHIND, CHECK = Verdict.SERVE, Verdict.SERVE_AND_REFRESH, Verdict.REVALIDATE

# RFC 9111 §5.2.1
JUDGED = [
    (30, FRESH, RequestDirectives(no_cache=True), CHECK),
    (30, FRESH, RequestDirectives(max_age_s=30), SERVE),
    (31, FRESH, RequestDirectives(max_age_s=30), CHECK),
    (0.5, FRESH, RequestDirectives(max_age_s=0), CHECK),
    (30, FRESH, RequestDirectives(min_fresh_s=30), SERVE),
    (31, FRESH, RequestDirectives(min_fresh_s=30), CHECK),
    (65, FRESH, RequestDirectives(max_stale_s=5), SERVE),
    (66, FRESH, RequestDirectives(max_stale_s=5), BEHIND),
    (75, FRESH, RequestDirectives(max_stale_s=5), CHECK),
    (75, FRESH, RequestDirectives(max_stale_s=99), SERVE),
    (75, FRESH, RequestDirectives(max_stale_s=99, max_age_s=70), CHECK),
    (61, STRICT, RequestDirectives(max_stale_s=99), CHECK),
    (65, FRESH, RequestDirectives(max_age_s=10), CHECK),
    (30, FRESH, RequestDirectives(no_store=True), SERVE),
]


@pytest.mark.parametrize(("age_s", "allowed", "wanted", "verdict"), JUDGED)
def test_what_the_client_wants_counts(
    age_s: float, allowed: Lifetime, wanted: RequestDirectives, verdict: Verdict
) -> None:
    assert judge(age_s, allowed, wanted) is verdict


def test_a_client_may_take_a_stale_response_for_an_error() -> None:
    wanted = RequestDirectives(stale_if_error_s=100)
    assert usable_on_error(159, FRESH, wanted)
    assert not usable_on_error(160, FRESH, wanted)
    assert not usable_on_error(61, STRICT, wanted)
