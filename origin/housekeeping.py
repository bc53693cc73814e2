"""The clean-up pass: what the store holds that no row refers to and no living process claims.

The order matters (see runtime/scratch.py): files are listed first, claims second, rows last. What
is written meanwhile was either not listed, or is claimed, or has its row by then.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from origin.repository import Repository
from runtime.logs import get_logger
from runtime.scratch import live_claims
from runtime.storage import LocalStore

BATCH: Final = 1000
# How many levels below each prefix something with a row of its own stands.
LEVELS: Final = {"uploads": (1,), "builds": (3, 2), "posters": (2,), "storyboards": (2,)}

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CleanUp:
    """What one pass removed, by store key."""

    removed: tuple[str, ...]


class Housekeeper:
    """Looks through the store and removes what is left over."""

    def __init__(self, repository: Repository, store: LocalStore, scratch_root: Path) -> None:
        self._repository = repository
        self._store = store
        self._scratch_root = scratch_root

    async def clean_up(self) -> CleanUp:
        """Make one pass. Files that vanish meanwhile are somebody else's work, and fine."""
        removed: list[str] = []
        for kind, levels in LEVELS.items():
            for depth in levels:
                removed += await self._clean_level(kind, depth)
        if removed:
            log.info("cleanup.removed", count=len(removed), first=removed[0])
        return CleanUp(tuple(removed))

    async def _clean_level(self, kind: str, depth: int) -> list[str]:
        keys = await self._store.list_prefixes(kind, depth=depth)
        claims = await asyncio.to_thread(live_claims, self._scratch_root)
        unclaimed = [key for key in keys if claims.isdisjoint(_names(key))]
        removed: list[str] = []
        for start in range(0, len(unclaimed), BATCH):
            batch = unclaimed[start : start + BATCH]
            for key in await self._repository.orphans(kind, batch):
                await self._remove(key)
                removed.append(key)
        return removed

    async def _remove(self, key: str) -> None:
        try:
            await self._store.delete_prefix(key)
        except FileNotFoundError:
            log.debug("cleanup.vanished", key=key)
        except OSError as error:  # the next pass will try again
            log.warning("cleanup.failed", key=key, reason=str(error))


def _names(key: str) -> list[str]:
    """The ids in a key, any of which may be claimed."""
    return [part.partition(".")[0] for part in key.split("/")[1:]]
