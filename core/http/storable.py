"""Whether a shared cache may keep a response (RFC 9111 §3), and if not, why not."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.http.cache_control import Directives, response_directives
from core.http.fields import Headers, first, list_members
from core.http.freshness import Lifetime, heuristic_allowed


class Refusal(StrEnum):
    """Why a response is not stored; the value is the `detail` of Cache-Status."""

    METHOD = "method"
    STATUS = "status"
    NO_STORE = "no-store"
    PRIVATE = "private"
    AUTHORIZATION = "authorization"
    VARY = "vary-star"
    COOKIE = "set-cookie"
    USELESS = "no-freshness"
    UNFRAMED = "unframed"
    TOO_LARGE = "too-large"


# An answer with one of these says nothing against what is stored of others.
FOR_ONE_CLIENT: Final = frozenset({Refusal.AUTHORIZATION, Refusal.COOKIE, Refusal.USELESS})


@dataclass(frozen=True, slots=True)
class FetchFacts:
    """What was asked of the upstream, as far as it decides about storing."""

    method: str = "GET"
    partial: bool = False
    authorized: bool = False
    no_store: bool = False


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """What the upstream answered.

    `length` is None when the field is absent; `framed` says that the end of the body is marked, by
    a length or by chunked coding. A body that ends where the connection ends may have been cut.
    """

    status: int
    headers: Headers
    length: int | None
    framed: bool
    allowed: Lifetime


_SHAREABLE = frozenset({"public", "s-maxage", "must-revalidate"})
# What RFC 9110 §15 and RFC 7725 say of these, and how they may be cached, is known here.
UNDERSTOOD_STATUSES = frozenset(
    {200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414, 451}
    | {500, 501, 502, 503, 504}
)


def storable(fetch: FetchFacts, answer: AnswerFacts, max_object_bytes: int) -> Refusal | None:
    """Why this answer may not be stored; None when it may."""
    directives, _ = response_directives(answer.headers)
    refusals = {
        Refusal.METHOD: fetch.method != "GET",
        Refusal.STATUS: fetch.partial or answer.status in {206, 304} or answer.status < 200,
        Refusal.NO_STORE: fetch.no_store or _forbidden(answer.status, directives),
        Refusal.PRIVATE: "private" in directives,
        Refusal.AUTHORIZATION: fetch.authorized and not shares_credentials(answer.headers),
        Refusal.VARY: "*" in list_members(answer.headers, "vary"),
        # The RFC does not forbid it, but a cookie is meant for one user.
        Refusal.COOKIE: first(answer.headers, "set-cookie") is not None,
        Refusal.USELESS: not _useful(answer, directives),
        Refusal.UNFRAMED: not answer.framed,
        Refusal.TOO_LARGE: answer.length is not None and answer.length > max_object_bytes,
    }
    return next((refusal for refusal, applies in refusals.items() if applies), None)


def shares_credentials(answer: Headers) -> bool:
    """Whether an answer to a request with Authorization may be given to others (RFC 9111 §3.5)."""
    directives, _ = response_directives(answer)
    return not _SHAREABLE.isdisjoint(directives)


def _forbidden(status: int, directives: Directives) -> bool:
    """no-store, which must-understand overrules where the status is understood (§5.2.2.3)."""
    if "must-understand" in directives:
        return status not in UNDERSTOOD_STATUSES
    return "no-store" in directives


def _useful(answer: AnswerFacts, directives: Directives) -> bool:
    """Whether a stored copy could ever be used: it is fresh for a while, or can be validated."""
    allowed = answer.allowed
    if allowed.fresh_s or allowed.stale_while_revalidate_s or allowed.stale_if_error_s:
        return allowed.explicit or heuristic_allowed(answer.status, directives)
    validators = ("etag", "last-modified")
    return answer.status == 200 and any(first(answer.headers, name) for name in validators)
