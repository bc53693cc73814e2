"""Requests that another web site makes through a visitor's browser.

There is no sign-in yet, so whoever reaches the API may use it: the protection is where it listens.
A web page is different: opened by somebody who can reach a Sluice on their own machine or network,
it could upload or delete there unseen, since a form needs nobody's consent. Browsers say where a
request comes from (Fetch Metadata; RFC 6454 for Origin), other clients send neither field.
Reading needs no rule: without CORS fields on the answer no other site's script may see it.
"""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_USUAL_PORTS: Final = {"http": ":80", "https": ":443"}


def is_forged(
    method: str, *, fetch_site: str | None, origin: str | None, ours: Collection[str]
) -> bool:
    """Whether a page that is none of `ours` asks for a change."""
    if method in SAFE_METHODS:
        return False
    if origin is not None and origin.lower() in ours:
        return False
    if fetch_site is not None:
        return fetch_site not in {"same-origin", "none"}
    return origin is not None


def origin_of(url: str) -> str:
    """The origin of a URL as browsers write it (RFC 6454 §6.1): no path, and no usual port."""
    parts = urlsplit(url)
    authority = parts.netloc.lower().removesuffix(_USUAL_PORTS.get(parts.scheme, ""))
    return f"{parts.scheme}://{authority}"
