from typing import TYPE_CHECKING

import pytest

from core.http.freshness import lifetime
from core.http.storable import AnswerFacts, FetchFacts, Refusal, storable

if TYPE_CHECKING:
    from core.http.fields import Headers

NOW_S = 784111777
MAX_AGE = ("Cache-Control", "max-age=60")


def answer(
    *headers: tuple[str, str], status: int = 200, length: int | None = 10, framed: bool = True
) -> AnswerFacts:
    return AnswerFacts(status, headers, length, framed, lifetime(status, headers, NOW_S))


def cc(text: str) -> tuple[str, str]:
    return ("Cache-Control", text)


# RFC 9111 §3
TABLE: list[tuple[AnswerFacts, Refusal | None]] = [
    (answer(MAX_AGE), None),
    (answer(cc("public")), Refusal.USELESS),
    (answer(), Refusal.USELESS),
    (answer(("ETag", '"a"')), None),
    (answer(cc("no-cache"), ("ETag", '"a"')), None),
    (answer(cc("no-cache")), Refusal.USELESS),
    (answer(cc("max-age=0")), Refusal.USELESS),
    (answer(cc("max-age=0, stale-if-error=60")), None),
    (answer(cc("no-store, max-age=60")), Refusal.NO_STORE),
    (answer(cc("private, max-age=60")), Refusal.PRIVATE),
    (answer(cc('private="x", max-age=60')), Refusal.PRIVATE),
    (answer(MAX_AGE, ("Vary", "accept, *")), Refusal.VARY),
    (answer(MAX_AGE, ("Set-Cookie", "a=b")), Refusal.COOKIE),
    (answer(MAX_AGE, length=101), Refusal.TOO_LARGE),
    (answer(MAX_AGE, length=100), None),
    (answer(MAX_AGE, length=None), None),
    (answer(MAX_AGE, length=None, framed=False), Refusal.UNFRAMED),
    (answer(MAX_AGE, status=404), None),
    (answer(MAX_AGE, status=302), None),
    (answer(MAX_AGE, status=503), None),
    (answer(status=404), Refusal.USELESS),
    (answer(("ETag", '"a"'), status=404), Refusal.USELESS),
    (answer(cc("stale-while-revalidate=60"), status=302), Refusal.USELESS),
    (answer(cc("must-understand, no-store, max-age=60")), None),
    (answer(cc("must-understand, no-store, max-age=60"), status=299), Refusal.NO_STORE),
    (answer(cc("must-understand, max-age=60"), status=299), Refusal.NO_STORE),
    (answer(MAX_AGE, status=299), None),
    (answer(cc("public"), ("Last-Modified", "Sun, 06 Nov 1990 08:49:37 GMT"), status=302), None),
    (answer(cc('no-cache="x", max-age=60'), ("ETag", '"a"')), None),
    (answer(MAX_AGE, status=206), Refusal.STATUS),
    (answer(MAX_AGE, status=304), Refusal.STATUS),
]


@pytest.mark.parametrize(("facts", "refusal"), TABLE)
def test_what_a_shared_cache_may_store(facts: AnswerFacts, refusal: Refusal | None) -> None:
    assert storable(FetchFacts(), facts, 100) is refusal


def test_only_a_whole_get_is_stored() -> None:
    assert storable(FetchFacts("HEAD"), answer(MAX_AGE), 100) is Refusal.METHOD
    assert storable(FetchFacts(partial=True), answer(MAX_AGE), 100) is Refusal.STATUS


def test_a_request_may_forbid_storing() -> None:
    assert storable(FetchFacts(no_store=True), answer(MAX_AGE), 100) is Refusal.NO_STORE


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("max-age=60", Refusal.AUTHORIZATION),
        ("max-age=60, public", None),
        ("s-maxage=60", None),
        ("max-age=60, must-revalidate", None),
    ],
)
def test_an_answer_to_a_request_with_credentials_needs_permission(
    text: str, refusal: Refusal | None
) -> None:
    headers: Headers = (cc(text),)
    facts = answer(*headers)
    assert storable(FetchFacts(authorized=True), facts, 100) is refusal
