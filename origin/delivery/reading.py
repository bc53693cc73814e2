"""Reading published files, and encrypting them, without ever making the event loop wait for a disk.

Bytes that the page cache holds are read at once (`preadv2(2)` with `RWF_NOWAIT`); for others a
thread of a bounded pool waits.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from typing import Final

from origin.delivery.representation import FilePart, SealedPart
from origin.stored_track import DamagedTrack

CHUNK_BYTES: Final = 256 * 1024
# What a thread encrypts at a time: to have one do it takes as long as some hundred KiB.
ENCRYPTED_BYTES: Final = 1024 * 1024


def read_at_once(descriptor: int, offset: int, length: int) -> bytes | None:
    """Give a short stretch of a file; None where memory does not have all of it."""
    room = bytearray(length)
    try:
        count = os.preadv(descriptor, [room], offset, os.RWF_NOWAIT)
    except OSError:  # not in memory, or this file system cannot say
        return None
    return bytes(room) if count == length else None


class FileReader:
    """Reads stretches of files chunk by chunk."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        # What is read at once goes through here: nothing else happens before it is copied.
        self._scratch = memoryview(bytearray(CHUNK_BYTES))

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

    async def encrypt(self, part: SealedPart) -> AsyncIterator[bytes]:
        """Give encrypted bytes. Raises `DamagedTrack` where the file ends too early."""
        loop = asyncio.get_running_loop()
        for start in range(part.start, part.stop, ENCRYPTED_BYTES):
            span = start, min(start + ENCRYPTED_BYTES, part.stop)
            try:
                chunk = await loop.run_in_executor(
                    self._executor, part.sealed.read, part.track.flat, *span
                )
            except EOFError as error:
                raise DamagedTrack(f"a published track is shorter than it was: {error}") from error
            yield chunk

    async def _chunk(self, flat: int, offset: int, length: int) -> bytes:
        room = self._scratch[:length]
        try:
            count = os.preadv(flat, [room], offset, os.RWF_NOWAIT)
        except OSError:  # not in memory, or this file system cannot say
            count = 0
        if count:
            return bytes(room[:count])
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, os.pread, flat, length, offset)
