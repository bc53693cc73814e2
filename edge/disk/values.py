"""What the disk tier is given and gives back."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from core.cache.stored import StoredHead
from core.http.cache_key import CacheKey

if TYPE_CHECKING:
    from native import StoredBody

# The bytes of one slice, on the heap of Python or in the memory of the data plane.
Body: TypeAlias = "bytes | memoryview | StoredBody"


@dataclass(frozen=True, slots=True)
class DiskObject:
    """A stored response whose length is known, and which of its slices are on disk.

    `version` is the same for all slices of one body, and another one for every new body.
    """

    key: CacheKey
    head: StoredHead
    version: int
    length: int
    slices: frozenset[int]
