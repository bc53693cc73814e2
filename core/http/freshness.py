"""Freshness (RFC 9111 §4.2) and the two licences to serve stale (RFC 5861).

The caller has the clock. Times are seconds since the epoch, ages and lifetimes are seconds.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from core.http.cache_control import (
    LONGEST_DELTA_S,
    Directives,
    delta_seconds,
    response_directives,
)
from core.http.dates import parse_http_date
from core.http.fields import Headers, first, natural
from core.http.request_directives import NO_DIRECTIVES, RequestDirectives

# Statuses that may be stored without explicit freshness (RFC 9110 §15.1), 206 apart.
HEURISTIC_STATUSES: Final = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
HEURISTIC_SHARE: Final = 10  # the tenth of the time since the last change (RFC 9111 §4.2.2)
LONGEST_HEURISTIC_S: Final = 24 * 3600
# What is missing may be remembered as missing for a while that the operator sets.
MISSING_STATUSES: Final = frozenset({404, 410})

_FORBID_STALE: Final = frozenset({"must-revalidate", "proxy-revalidate", "no-cache"})


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a response may be used: while fresh, and then stale during a refresh or an outage.

    `explicit` says that the upstream named the lifetime, rather than we guessed it, and `strict`
    that it is never to be used stale because a client would take it so.
    """

    fresh_s: int = 0
    stale_while_revalidate_s: int = 0
    stale_if_error_s: int = 0
    explicit: bool = False
    strict: bool = False


class Verdict(Enum):
    """What may be done with a stored response."""

    SERVE = "serve"
    SERVE_AND_REFRESH = "serve and refresh"
    REVALIDATE = "revalidate"


def heuristic_allowed(status: int, directives: Directives) -> bool:
    """Whether a lifetime may be guessed (RFC 9111 §4.2.2)."""
    return status in HEURISTIC_STATUSES or "public" in directives


def lifetime(
    status: int, headers: Headers, received_s: float, *, missing_s: float = 0.0
) -> Lifetime:
    """How long a response with this status and these fields may be used by a shared cache.

    What is missing, and says nothing of how long, is fresh for `missing_s`.

    must-revalidate, proxy-revalidate and no-cache take away both licences to serve stale (RFC 9111
    §4.2.4). s-maxage alone does not, although §5.2.2.10 has it imply proxy-revalidate: whoever
    writes stale-while-revalidate beside it means that.
    """
    directives, targeted = response_directives(headers)
    explicit_s = delta_seconds(directives, "s-maxage")
    if explicit_s is None:
        explicit_s = delta_seconds(directives, "max-age")
    if explicit_s is None and not targeted:
        explicit_s = _expires(headers, received_s)
    guessed_s = 0
    if explicit_s is None and heuristic_allowed(status, directives):
        guessed_s = _heuristic(headers, received_s)
        if status in MISSING_STATUSES:
            guessed_s = max(guessed_s, int(missing_s))
    if "no-cache" in directives:
        return Lifetime(explicit=True, strict=True)
    if not _FORBID_STALE.isdisjoint(directives):
        return Lifetime(explicit_s or guessed_s, explicit=explicit_s is not None, strict=True)
    return Lifetime(
        explicit_s or guessed_s,
        delta_seconds(directives, "stale-while-revalidate") or 0,
        delta_seconds(directives, "stale-if-error") or 0,
        explicit=explicit_s is not None,
        strict="s-maxage" in directives,
    )


def _expires(headers: Headers, received_s: float) -> int | None:
    """Expires minus Date; an Expires that is no date, `0` above all, is in the past (§5.3)."""
    value = first(headers, "expires")
    if value is None:
        return None
    at_s = parse_http_date(value)
    if at_s is None:
        return 0
    return min(max(0, at_s - _date(headers, received_s)), LONGEST_DELTA_S)


def _heuristic(headers: Headers, received_s: float) -> int:
    changed_s = parse_http_date(first(headers, "last-modified") or "")
    if changed_s is None:
        return 0
    quiet_s = max(0, _date(headers, received_s) - changed_s)
    return min(quiet_s // HEURISTIC_SHARE, LONGEST_HEURISTIC_S)


def _date(headers: Headers, received_s: float) -> int:
    date_s = parse_http_date(first(headers, "date") or "")
    return int(received_s) if date_s is None else date_s


def initial_age(headers: Headers, requested_s: float, received_s: float) -> float:
    """The age of a response when it arrived: the corrected_initial_age of RFC 9111 §4.2.3."""
    apparent_s = max(0, int(received_s) - _date(headers, received_s))
    written = (first(headers, "age") or "").partition(",")[0].strip(" \t")
    age_value_s = natural(written, LONGEST_DELTA_S) or 0
    return max(apparent_s, age_value_s + max(0.0, received_s - requested_s))


def judge(age_s: float, allowed: Lifetime, wanted: RequestDirectives = NO_DIRECTIVES) -> Verdict:
    """Whether a stored response of this age is served, served while it is refreshed, or checked.

    `wanted` is what the request says (RFC 9111 §5.2.1).
    """
    if _refused_by(wanted, age_s, allowed):
        return Verdict.REVALIDATE
    if age_s < allowed.fresh_s:
        return Verdict.SERVE
    stale_s = None if allowed.strict else wanted.max_stale_s
    if stale_s is not None and age_s <= allowed.fresh_s + stale_s:
        return Verdict.SERVE
    if age_s < allowed.fresh_s + allowed.stale_while_revalidate_s:
        return Verdict.SERVE_AND_REFRESH
    return Verdict.REVALIDATE


def _refused_by(wanted: RequestDirectives, age_s: float, allowed: Lifetime) -> bool:
    """Whether the request asks for a younger response, or for one that was checked."""
    too_old = wanted.max_age_s is not None and age_s > wanted.max_age_s
    ends_soon = wanted.min_fresh_s is not None and allowed.fresh_s - age_s < wanted.min_fresh_s
    return wanted.no_cache or too_old or ends_soon


def usable_on_error(
    age_s: float, allowed: Lifetime, wanted: RequestDirectives = NO_DIRECTIVES
) -> bool:
    """Whether a stored response may stand in for an upstream that failed (RFC 5861 §4)."""
    licence_s = allowed.stale_if_error_s
    if not allowed.strict:
        licence_s = max(licence_s, wanted.stale_if_error_s or 0)
    return age_s < allowed.fresh_s + licence_s
