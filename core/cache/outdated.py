"""How old an answer is at least, when it comes from a cache above us.

A lower cache may hear of a purge before the one it fetches from, which then still answers with what
was purged. Such an answer shows itself by its Age (RFC 9111 §5.1): it was made before the purge.
"""

import re
from typing import Final

from core.http.cache_control import LONGEST_DELTA_S
from core.http.fields import Headers, combined, first, natural

# Age counts whole seconds, so that what it says may be short by nearly one.
_ROUNDING_S: Final = 1.0
# Answers that a cache had, or was fetching when it was asked (RFC 9211 §2.1, §2.6).
_EARLIER: Final = re.compile(r";\s*(?:hit|collapsed)\b")


def made_s(headers: Headers, requested_s: float, *, insisted: bool) -> float | None:
    """The time by our clock from which on an answer may be; None when no cache gave it.

    `insisted`: it was asked for with `no-cache`, so that one of Age 0 was made since. So were those
    of which every cache on the way says that it went forward for them.
    """
    written = first(headers, "age")
    if written is None:
        return None
    age_s = natural(written.partition(",")[0].strip(" \t"), LONGEST_DELTA_S) or 0
    handled = combined(headers, "cache-status")
    went_forward = handled is not None and _EARLIER.search(handled) is None
    return requested_s - age_s - (0.0 if insisted or went_forward else _ROUNDING_S)
