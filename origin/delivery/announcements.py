"""Listens for playback ids that have changed, and says when it could not listen."""

import asyncio
from typing import Final

from origin.delivery.titles import Titles
from runtime.logs import get_logger
from runtime.postgres import Connection, DatabaseUnavailable, connect

CHANNEL: Final = "sluice_published"
PROBE_INTERVAL_S: Final = 2.0
PROBE_DEADLINE_S: Final = 5.0
RECONNECT_DELAY_S: Final = 1.0

log = get_logger(__name__)


async def follow_announcements(database_url: str, titles: Titles) -> None:
    """Make `titles` forget what is announced as changed, until cancelled.

    While Postgres cannot be heard the titles are told so, and age quickly.
    """
    while True:
        try:
            async with connect(database_url, application="sluice origin announcements") as session:
                await _listen(session, titles)
        except DatabaseUnavailable as fault:
            log.warning("announcements.lost", reason=fault.message)
        finally:
            titles.listening = False
            titles.doubt_all()
        await asyncio.sleep(RECONNECT_DELAY_S)


async def _listen(session: Connection, titles: Titles) -> None:
    def heard(_session: object, _pid: object, _channel: object, playback_id: object) -> None:
        titles.forget(str(playback_id))

    await session.add_listener(CHANNEL, heard)
    # What changed before we listened went unheard.
    titles.doubt_all()
    titles.listening = True
    while True:
        await asyncio.sleep(PROBE_INTERVAL_S)
        async with asyncio.timeout(PROBE_DEADLINE_S):
            await session.fetchval("SELECT 1")
