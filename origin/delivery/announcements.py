"""Listens for playback ids that have changed, and says when it could not listen."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from core.cache.purging import EVERYTHING, Purge
from origin.delivery.representation import playback_key
from origin.delivery.titles import Titles
from runtime.logs import get_logger
from runtime.postgres import Connection, DatabaseUnavailable, connect

CHANNEL: Final = "sluice_published"
PROBE_INTERVAL_S: Final = 2.0
PROBE_DEADLINE_S: Final = 5.0
RECONNECT_DELAY_S: Final = 1.0

Purger = Callable[[Purge], Awaitable[None]]

log = get_logger(__name__)


class Announcements:
    """Makes titles, and the cache in front of the pipeline, forget what is announced as changed.

    While Postgres cannot be heard both are told so, and what is asked for then ages quickly.
    """

    def __init__(self, database_url: str, titles: Titles, purge: Purger) -> None:
        self._database_url = database_url
        self._titles = titles
        self._purge = purge
        # At most one of each title's name, until the purge that is under way is done.
        self._changed: set[str] = set()
        self._news = asyncio.Event()

    async def follow(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._purge_changed(), name="purge what is announced")
            while True:
                await self._follow_once()
                await asyncio.sleep(RECONNECT_DELAY_S)

    async def _follow_once(self) -> None:
        try:
            async with connect(
                self._database_url, application="sluice origin announcements"
            ) as session:
                await self._listen(session)
        except DatabaseUnavailable as fault:
            log.warning("announcements.lost", reason=fault.message)
        finally:
            self._titles.listening = False
            self._titles.doubt_all()
        await self._purge(EVERYTHING)

    async def _listen(self, session: Connection) -> None:
        await session.add_listener(CHANNEL, self._hear)
        # What changed before we listened went unheard.
        self._titles.doubt_all()
        await self._purge(EVERYTHING)
        self._titles.listening = True
        while True:
            await asyncio.sleep(PROBE_INTERVAL_S)
            async with asyncio.timeout(PROBE_DEADLINE_S):
                await session.fetchval("SELECT 1")

    def _hear(self, _session: object, _pid: object, _channel: object, playback_id: object) -> None:
        """Forget the title at once: a fetch that begins now must not see the old one."""
        self._titles.forget(str(playback_id))
        self._changed.add(str(playback_id))
        self._news.set()

    async def _purge_changed(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            changed, self._changed = self._changed, set()
            await self._purge(Purge(tags=frozenset(map(playback_key, changed))))
