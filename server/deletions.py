"""Deleting the files of deleted videos: soon, in the background, and not to be relied upon.

What must be deleted is whatever no row names, and the origin's clean-up pass finds that by itself.
This is only the short cut that frees the disk at once, so its queue may overflow and its process
may die without harm.
"""

import asyncio
from collections.abc import Sequence

from runtime.logs import get_logger
from runtime.storage import LocalStore

QUEUE_LIMIT = 1000

log = get_logger(__name__)


class Deletions:
    """A queue of store prefixes, and the task that empties it."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUE_LIMIT)

    def request(self, prefixes: Sequence[str]) -> None:
        """Have `prefixes` deleted; what does not fit is left to the clean-up pass."""
        for prefix in prefixes:
            try:
                self._queue.put_nowait(prefix)
            except asyncio.QueueFull:
                log.warning("deletion.left_to_cleanup", prefix=prefix)

    async def run(self) -> None:
        """Delete what is requested, until cancelled."""
        while True:
            await self._delete(await self._queue.get())

    async def _delete(self, prefix: str) -> None:
        try:
            await self._store.delete_prefix(prefix)
        except OSError as error:  # a worker may be writing there still
            log.warning("deletion.left_to_cleanup", prefix=prefix, reason=str(error))
