"""What to do about a request, given what is stored for it."""

from enum import Enum
from typing import Final

from core.cache.stored import StoredHead
from core.http.freshness import Verdict, judge, usable_on_error
from core.http.request_directives import NO_DIRECTIVES, RequestDirectives

# After a fetch of a key failed, its stale copy is served without another try for this long.
HELD_FOR_S: Final = 5.0

# An upstream's answers that mean it failed, rather than that the resource is gone (RFC 5861 §4).
UNWELL_STATUSES: Final = frozenset({500, 502, 503, 504})


class Step(Enum):
    """How a request is answered."""

    SERVE = "serve"
    SERVE_AND_REFRESH = "serve and refresh"
    SERVE_ON_ERROR = "serve on error"
    FETCH = "fetch"


def decide(
    stored: StoredHead | None,
    now_s: float,
    wanted: RequestDirectives = NO_DIRECTIVES,
    *,
    held: bool,
) -> Step:
    """Serve what is stored, or fetch; `held` says that a fetch of it failed moments ago."""
    if stored is None:
        return Step.FETCH
    age_s = stored.judged_age_s(now_s)
    match judge(age_s, stored.allowed, wanted):
        case Verdict.SERVE:
            return Step.SERVE
        case Verdict.SERVE_AND_REFRESH:
            return Step.SERVE if held else Step.SERVE_AND_REFRESH
        case Verdict.REVALIDATE:
            stands_in = held and usable_on_error(age_s, stored.allowed, wanted)
            return Step.SERVE_ON_ERROR if stands_in else Step.FETCH


def stands_in(
    stored: StoredHead | None, now_s: float, wanted: RequestDirectives = NO_DIRECTIVES
) -> bool:
    """Whether what is stored may answer although the upstream failed just now."""
    if stored is None:
        return False
    return usable_on_error(stored.judged_age_s(now_s), stored.allowed, wanted)
