"""The cache key (RFC 9111 §2): what two requests share when one response can answer both.

Scheme and authority are not in it: one edge has one upstream, which gets its own authority. The
method is not in it: HEAD is answered from what a GET stored.
"""

from dataclasses import dataclass, replace

from core.http.fields import Headers
from core.http.media_token import split
from core.http.target import Target, read_target
from core.http.vary import Variant, VaryNames, variant


@dataclass(frozen=True, slots=True)
class CacheKey:
    """A resource, and the variant of it that a request chooses."""

    resource: str
    variant: Variant = ()


def cache_key(target: Target, names: VaryNames, request: Headers) -> CacheKey:
    """The key of a request, given the fields that the resource is known to vary by."""
    return CacheKey(str(target), variant(names, request))


def resource_of_url(url: str) -> str:
    """The resource that an absolute URL or a path names, for purging it by URL.

    Whose token stands in a signed URL does not matter: the resource is the one without it.
    """
    target = read_target(url)
    return str(replace(target, path=split(target.path).path) if target.media else target)
