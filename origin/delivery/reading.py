"""Reading published files without ever making the event loop wait for a disk.

Bytes that the page cache holds are read at once (`preadv2(2)` with `RWF_NOWAIT`); for others a
thread of a bounded pool waits.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from typing import Final

from origin.delivery.representation import FilePart
from origin.stored_track import DamagedTrack

CHUNK_BYTES: Final = 256 * 1024


class FileReader:
    """Reads stretches of files chunk by chunk."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def read(self, part: FilePart) -> AsyncIterator[bytes]:
        """Give the bytes of `part`. Raises `DamagedTrack` where the file ends too early."""
        offset, left = part.offset, part.length
        while left:
            chunk = await self._chunk(part.track.flat, offset, min(left, CHUNK_BYTES))
            if not chunk:
                raise DamagedTrack(f"a published track has no byte {offset} any more")
            offset += len(chunk)
            left -= len(chunk)
            yield chunk

    async def _chunk(self, flat: int, offset: int, length: int) -> bytes:
        buffer = bytearray(length)
        try:
            count = os.preadv(flat, [buffer], offset, os.RWF_NOWAIT)
        except OSError:  # not in memory, or this file system cannot say
            count = 0
        if count == 0:
            loop = asyncio.get_running_loop()
            count = await loop.run_in_executor(self._executor, os.preadv, flat, [buffer], offset)
        return bytes(memoryview(buffer)[:count])
