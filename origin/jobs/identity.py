"""A worker's name in Postgres, held exactly as long as the worker lives, and the news it hears.

The name is an advisory lock of a session. When the worker dies, however it dies, the session ends
and the lock with it, and any other worker sees at once whose jobs are free.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self
from uuid import UUID

from origin.repository import claim_identity
from runtime.postgres import Connection, connect, translated

CHANNEL: Final = "sluice_deleted"
PROBE_DEADLINE_S: Final = 5.0
# Several deletions in a row are one occasion to clean up.
SETTLE_S: Final = 1.0


class Identity:
    """The session that holds the name."""

    def __init__(self, session: Connection) -> None:
        self._session = session
        self._deleted = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def claimed(cls, database_url: str, owner: UUID) -> AsyncIterator[Self]:
        """Hold the name of `owner` for the length of the block."""
        async with connect(database_url, application="sluice worker identity") as session:
            await claim_identity(session, owner)
            identity = cls(session)
            await session.add_listener(CHANNEL, identity._heard)
            yield identity

    async def check(self) -> None:
        """Raise `DatabaseUnavailable` unless the session, and so the name, is still ours."""
        with translated():
            async with asyncio.timeout(PROBE_DEADLINE_S):
                await self._session.fetchval("SELECT 1")

    async def deletion(self, *, timeout_s: float) -> None:
        """Wait until a video has been deleted, at most `timeout_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._deleted.wait()
        await asyncio.sleep(SETTLE_S)
        self._deleted.clear()

    def _heard(self, *_: object) -> None:
        self._deleted.set()
