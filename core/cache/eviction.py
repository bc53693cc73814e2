"""What every eviction policy can do, so that a cache may be given one or another."""

from collections.abc import Hashable
from typing import Protocol, TypeVar

K = TypeVar("K", bound=Hashable)


class EvictionPolicy(Protocol[K]):
    """Which keys are kept within a budget of bytes. It holds no bodies.

    The caller tells of every hit by `touch` and of every object that came for a miss by `admit`,
    and drops the victims named there.
    """

    @property
    def limit_bytes(self) -> int:
        """The budget."""
        ...

    @property
    def used_bytes(self) -> int:
        """How much of it is taken."""
        ...

    def __len__(self) -> int:
        """How many keys are kept."""
        ...

    def __contains__(self, key: K, /) -> bool:
        """Whether a key is kept; does not count as a use."""
        ...

    def touch(self, key: K) -> None:
        """Count a use of a kept key."""
        ...

    def admit(self, key: K, size_bytes: int) -> list[K] | None:
        """Keep `key`; return the victims that made room.

        None when it is not kept, because it is larger than the whole budget; an older version
        of it is then gone, and nothing else has changed. A policy may name `key` itself among
        the victims: others were worth more.
        """
        ...

    def remove(self, key: K) -> None:
        """Forget `key`, if it is kept."""
        ...
