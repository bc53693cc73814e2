"""Purging: a fetch that began before a purge may be delivered, but neither stored nor joined.

Every purge gets the next number. A fetch remembers the last number when it began; once its key and
tags are known, it is compared with what has been purged since.

An answer may be older than its fetch: a cache above us gave it, which has not heard of a purge that
we have. Such a fetch counts as begun before the purge; so purges are remembered with their times.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Purge:
    """One purge: by tags (surrogate keys) and by resources, or of everything.

    Soft only marks stale; a purge of everything is never soft.
    """

    tags: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    soft: bool = False
    everything: bool = False

    def __post_init__(self) -> None:
        assert not (self.soft and self.everything)

    def covers(self, resource: str, tags: Collection[str]) -> bool:
        """Whether it names this resource or one of its tags."""
        named = resource in self.resources or not self.tags.isdisjoint(tags)
        return named or self.everything

    def covers_below(self, folder: str, tags: Collection[str]) -> bool:
        """Whether it names something in a folder, which ends in a slash, or one of these tags."""
        within = any(resource.startswith(folder) for resource in self.resources)
        return within or self.everything or not self.tags.isdisjoint(tags)


EVERYTHING: Final = Purge(everything=True)


class PurgeLog:
    """The latest purges, by number; what has been forgotten counts as covering everything."""

    def __init__(self, limit: int = MOST_REMEMBERED) -> None:
        self._purges: deque[Purge] = deque(maxlen=limit)
        self._times_s: deque[float] = deque(maxlen=limit)
        self.last = 0

    def record(self, purge: Purge, at_s: float) -> int:
        """Remember a purge and when it was; return its number."""
        self._purges.append(purge)
        self._times_s.append(at_s)
        self.last += 1
        return self.last

    def latest_covering(self, resource: str, tags: Collection[str], since: int) -> int | None:
        """The number of the newest purge after `since` that covers this; None when none does.

        When `since` lies before what is remembered, the newest forgotten number: nobody can tell
        any more, and not storing is the safe side.
        """
        forgotten = self.last - len(self._purges)
        for back in range(min(self.last - since, len(self._purges))):
            if self._purges[-1 - back].covers(resource, tags):
                return self.last - back
        return forgotten if since < forgotten else None

    def latest_after(self, resource: str, tags: Collection[str], made_s: float) -> int | None:
        """The number of the newest purge after the time `made_s` that covers this; None if none.

        What has been forgotten does not count: else a cache above that has old answers would be
        asked twice for each of them.
        """
        for back in range(len(self._purges)):
            if self._times_s[-1 - back] <= made_s:
                return None
            if self._purges[-1 - back].covers(resource, tags):
                return self.last - back
        return None
