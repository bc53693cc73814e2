"""Freshness (RFC 9111 §4.2) and the two licences to serve stale (RFC 5861).

The caller has the clock. Times are seconds since the epoch, ages and lifetimes are seconds.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from core.http.cache_control import LONGEST_DELTA_S, delta_seconds, response_directives
from core.http.dates import parse_http_date
from core.http.fields import Headers, first, natural

# Statuses that may be stored without explicit freshness (RFC 9110 §15.1), 206 apart.
HEURISTIC_STATUSES: Final = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
HEURISTIC_SHARE: Final = 10  # the tenth of the time since the last change (RFC 9111 §4.2.2)
LONGEST_HEURISTIC_S: Final = 24 * 3600

_FORBID_STALE: Final = frozenset({"must-revalidate", "proxy-revalidate", "no-cache"})


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a response may be used: while fresh, and then stale during a refresh or an outage.

    `explicit` says that the upstream named the lifetime, rather than we guessed it.
    """

    fresh_s: int = 0
    stale_while_revalidate_s: int = 0
    stale_if_error_s: int = 0
    explicit: bool = False


class Verdict(Enum):
    """What may be done with a stored response."""

    SERVE = "serve"
    SERVE_AND_REFRESH = "serve and refresh"
    REVALIDATE = "revalidate"


def lifetime(status: int, headers: Headers, received_s: float) -> Lifetime:
    """How long a response with this status and these fields may be used by a shared cache.

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
    guessed_s = _heuristic(status, headers, received_s) if explicit_s is None else 0
    if "no-cache" in directives:
        return Lifetime(explicit=True)
    if not _FORBID_STALE.isdisjoint(directives):
        return Lifetime(explicit_s or guessed_s, explicit=explicit_s is not None)
    return Lifetime(
        explicit_s or guessed_s,
        delta_seconds(directives, "stale-while-revalidate") or 0,
        delta_seconds(directives, "stale-if-error") or 0,
        explicit=explicit_s is not None,
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


def _heuristic(status: int, headers: Headers, received_s: float) -> int:
    changed_s = parse_http_date(first(headers, "last-modified") or "")
    if changed_s is None or status not in HEURISTIC_STATUSES:
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


def judge(age_s: float, allowed: Lifetime) -> Verdict:
    """Whether a stored response of this age is served, served while it is refreshed, or checked."""
    if age_s < allowed.fresh_s:
        return Verdict.SERVE
    if age_s < allowed.fresh_s + allowed.stale_while_revalidate_s:
        return Verdict.SERVE_AND_REFRESH
    return Verdict.REVALIDATE


def usable_on_error(age_s: float, allowed: Lifetime) -> bool:
    """Whether a stored response may stand in for an upstream that failed (RFC 5861 §4)."""
    return age_s < allowed.fresh_s + allowed.stale_if_error_s
