"""What a request says about the response it will take (RFC 9111 §5.2.1 and §5.4, RFC 5861 §4)."""

from dataclasses import dataclass
from typing import Final

from core.http.cache_control import LONGEST_DELTA_S, delta_seconds, parse_cache_control
from core.http.fields import Headers, combined, list_members


@dataclass(frozen=True, slots=True)
class RequestDirectives:
    """The directives of one request; seconds are None where the request has no such directive."""

    max_age_s: int | None = None
    max_stale_s: int | None = None
    min_fresh_s: int | None = None
    stale_if_error_s: int | None = None
    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False


NO_DIRECTIVES: Final = RequestDirectives()


def request_directives(headers: Headers) -> RequestDirectives:
    """Read Cache-Control, or Pragma where there is none."""
    value = combined(headers, "cache-control")
    if value is None:
        no_cache = "no-cache" in list_members(headers, "pragma")
        return RequestDirectives(no_cache=True) if no_cache else NO_DIRECTIVES
    directives = parse_cache_control(value)
    any_age = "max-stale" in directives and directives["max-stale"] is None
    return RequestDirectives(
        max_age_s=delta_seconds(directives, "max-age"),
        max_stale_s=LONGEST_DELTA_S if any_age else delta_seconds(directives, "max-stale"),
        min_fresh_s=delta_seconds(directives, "min-fresh"),
        stale_if_error_s=delta_seconds(directives, "stale-if-error"),
        no_cache="no-cache" in directives,
        no_store="no-store" in directives,
        only_if_cached="only-if-cached" in directives,
    )


def heeded(headers: Headers, *, media: bool) -> RequestDirectives:
    """The directives that count here: of viewers under `/media/` only-if-cached alone.

    The others would let any viewer make us ask the upstream as often as he likes.
    """
    found = request_directives(headers)
    return RequestDirectives(only_if_cached=found.only_if_cached) if media else found
