"""One connection to the upstream: bytes out with back-pressure, bytes in as they come."""

import asyncio
from collections import deque
from typing import Final, cast

# What may wait unread before the upstream is made to wait.
IN_HIGH_BYTES: Final = 256 * 1024
IN_LOW_BYTES: Final = 64 * 1024


class ConnectionLost(ConnectionError):
    """The connection to the upstream broke."""


class UpstreamConnection(asyncio.Protocol):
    """The bytes of one connection; what they mean is its user's to know."""

    def __init__(self) -> None:
        self.answered = False
        self._transport: asyncio.Transport | None = None
        self._pieces: deque[bytes] = deque()
        self._unread_bytes = 0
        self._reading = True
        self._ended = False
        self._error: Exception | None = None
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent: it is open, and nothing came unasked."""
        transport = self._transport
        quiet = not (self._pieces or self._ended or self._error)
        return transport is not None and quiet and not transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send bytes; those sent into a broken connection are lost, and `read` says so."""
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until there is room for more. Raises `ConnectionLost`."""
        await self._room.wait()
        if self._transport is None or self._transport.is_closing():
            raise ConnectionLost("the connection to the upstream is closed")

    async def read(self) -> bytes:
        """The next bytes, waiting for them; nothing at an orderly end.

        Raises `ConnectionLost`, or what `fail` was given.
        """
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._arrived.clear()
            await self._arrived.wait()
        piece = self._pieces.popleft()
        self._unread_bytes -= len(piece)
        if not self._reading and self._unread_bytes <= IN_LOW_BYTES:
            self._reading = True
            assert self._transport is not None
            self._transport.resume_reading()
        return piece

    def unread(self, data: bytes) -> None:
        """Put bytes back, to be read next."""
        if data:
            self._pieces.appendleft(data)
            self._unread_bytes += len(data)

    def fail(self, error: Exception) -> None:
        """Let whoever reads know of this instead of what would come."""
        self._error = self._error or error
        self._arrived.set()

    def close(self) -> None:
        """Close at once, whatever is still on its way."""
        if self._transport is not None:
            self._transport.abort()

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self.answered = True
        self._pieces.append(data)
        self._unread_bytes += len(data)
        if self._reading and self._unread_bytes > IN_HIGH_BYTES:
            self._reading = False
            assert self._transport is not None
            self._transport.pause_reading()
        self._arrived.set()

    def eof_received(self) -> None:
        """The upstream sends no more; None as the answer closes the connection."""
        self._ended = True
        self._arrived.set()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is closed, in order when there is no `error`."""
        self._ended = True
        if error is not None:
            lost = ConnectionLost(f"the connection to the upstream broke: {error}")
            lost.__cause__ = error
            self.fail(lost)
        self._arrived.set()
        self._room.set()

    def pause_writing(self) -> None:
        """The upstream takes less than is sent."""
        self._room.clear()

    def resume_writing(self) -> None:
        """There is room again."""
        self._room.set()
