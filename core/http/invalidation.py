"""What an unsafe request makes untrue (RFC 9111 §4.4)."""

from collections.abc import Collection
from typing import Final
from urllib.parse import urljoin, urlsplit

from core.http.cache_key import resource_of_url
from core.http.fields import Headers, first
from core.http.target import LONGEST_TARGET, RefusedTarget, Target

# RFC 9110 §9.2.1; of a method that nobody knows the worst is believed.
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_HERE: Final = "here.invalid"  # RFC 2606 §2: the authority of a reference that names none
_ELSEWHERE: Final = ("location", "content-location")


def invalidated(
    method: str, status: int, target: Target, answer: Headers, authorities: Collection[str]
) -> frozenset[str]:
    """The resources whose stored responses an answered request makes untrue.

    `authorities` are the names, in lower case, under which the origin is known: a URL elsewhere is
    nobody's to make untrue from here.
    """
    if method in SAFE or not 200 <= status < 400:
        return frozenset()
    named = (first(answer, name) for name in _ELSEWHERE)
    others = (_resource(reference, target, authorities) for reference in named if reference)
    return frozenset({str(target), *(other for other in others if other is not None)})


def _resource(reference: str, target: Target, authorities: Collection[str]) -> str | None:
    if len(reference) > LONGEST_TARGET:
        return None
    try:
        parts = urlsplit(urljoin(f"http://{_HERE}{target}", reference))
        if parts.netloc.lower() not in {_HERE, *authorities}:
            return None
        return resource_of_url(parts._replace(scheme="", netloc="", fragment="").geturl())
    except (ValueError, RefusedTarget):
        return None
