"""The eviction policies a cache may be given, by name."""

from collections.abc import Hashable
from enum import StrEnum
from typing import TypeVar

from core.cache.eviction import EvictionPolicy
from core.cache.lru import ByteLru
from core.cache.s3_fifo import S3Fifo

K = TypeVar("K", bound=Hashable)


class CachePolicy(StrEnum):
    """What is kept when there is not room for everything."""

    S3_FIFO = "s3-fifo"
    LRU = "lru"


def make_policy(policy: CachePolicy, limit_bytes: int) -> EvictionPolicy[K]:
    """An empty policy of this name with a budget."""
    match policy:
        case CachePolicy.S3_FIFO:
            return S3Fifo(limit_bytes)
        case CachePolicy.LRU:
            return ByteLru(limit_bytes)
