"""What can be delivered of a playback id: read from Postgres, kept until told that it changed."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.media.view import read_address
from origin.delivery.lru import LruCache
from origin.delivery.narrowing import NothingToPlay, seen_through
from origin.repository import Repository, Title
from runtime.postgres import DatabaseUnavailable

# Changes are announced (channel sluice_published); the ages only bound how long an announcement
# that was lost can go unnoticed.
LISTENING_AGE_S: Final = 30.0
DEAF_AGE_S: Final = 1.0
UNKNOWN_AGE_S: Final = 1.0
TRACK_COST_BYTES: Final = 1_000
START_COST_BYTES: Final = 40


@dataclass(frozen=True, slots=True)
class _Known:
    """A title, or that there is none; when that was read and until when it is believed."""

    title: Title | None
    since_s: float
    until_s: float


class Titles:
    """Titles by playback id. `listening` says whether announcements reach us now.

    While Postgres is away, what was known goes on being delivered: published builds do not change.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        limit_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._known: LruCache[str, _Known] = LruCache(limit_bytes)
        self._asking: dict[str, asyncio.Task[Title | None]] = {}
        self._doubted_s = clock()
        self.listening = False

    async def get(self, address: str) -> Title:
        """Give what is published of a playback id, or of what its view shows of it.

        Raises `NothingToPlay` and `UnknownView`.
        """
        playback_id, view = read_address(address)
        return seen_through(await self._get(playback_id), view)

    async def _get(self, playback_id: str) -> Title:
        known = self._known.get(playback_id)
        if known is not None and self._believed(known):
            title = known.title
        else:
            title = await self._ask_or_recall(playback_id, known)
        if title is None:
            raise NothingToPlay(f"nothing is published as {playback_id!r}")
        return title

    def forget(self, playback_id: str) -> None:
        """Something about it has changed; an answer under way is not kept."""
        self._known.drop(playback_id)
        self._asking.pop(playback_id, None)

    def doubt_all(self) -> None:
        """Announcements may have been missed: ask again before anything known is believed."""
        self._doubted_s = self._clock()
        self._asking.clear()

    async def close(self) -> None:
        """Wait for the answers under way; each of them has a deadline."""
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def _believed(self, known: _Known) -> bool:
        return known.since_s >= self._doubted_s and self._clock() < known.until_s

    async def _ask_or_recall(self, playback_id: str, known: _Known | None) -> Title | None:
        try:
            return await self._ask(playback_id)
        except DatabaseUnavailable:
            if known is None or known.title is None:
                raise
            return known.title

    async def _ask(self, playback_id: str) -> Title | None:
        asking = self._asking.get(playback_id)
        if asking is None:
            asking = asyncio.create_task(
                self._repository.title(playback_id), name=f"title {playback_id}"
            )
            self._asking[playback_id] = asking
            asking.add_done_callback(lambda task: self._answered(playback_id, task))
        return await asyncio.shield(asking)

    def _answered(self, playback_id: str, task: asyncio.Task[Title | None]) -> None:
        if self._asking.get(playback_id) is not task:  # forgotten meanwhile
            if not task.cancelled():
                task.exception()
            return
        del self._asking[playback_id]
        if task.cancelled() or task.exception() is not None:
            return
        title = task.result()
        now_s = self._clock()
        known = _Known(title, now_s, now_s + self._age_s(title))
        self._known.put(playback_id, known, _cost_bytes(title))

    def _age_s(self, title: Title | None) -> float:
        if not self.listening:
            return DEAF_AGE_S
        return UNKNOWN_AGE_S if title is None else LISTENING_AGE_S


def _cost_bytes(title: Title | None) -> int:
    if title is None:
        return TRACK_COST_BYTES
    return sum(
        TRACK_COST_BYTES * (1 + len(part.tracks)) + START_COST_BYTES * len(part.plan.starts)
        for part in title.all_parts
    )
