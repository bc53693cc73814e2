"""The cache key (RFC 9111 §2): what two requests share when one response can answer both.

Scheme and authority are not in it: one edge has one upstream, which gets its own authority. The
method is not in it: HEAD is answered from what a GET stored.
"""

from dataclasses import dataclass

from core.http.fields import Headers
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
    """The resource that an absolute URL or a path names, for purging it by URL."""
    return str(read_target(url))
