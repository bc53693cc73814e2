"""A body that grows while it is read: the buffer between one fetch and all who wait for it.

At first everything is kept, so that whoever joins late begins at the first byte, and the fetch runs
at the upstream's speed. `pass_through` turns the buffer into a window: what all readers have taken
is dropped, nobody may join any more, and the fetch waits for the slowest reader once the window is
full.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from core.errors import Fault
from edge.faults import UpstreamBroken

PIECE_BYTES: Final = 64 * 1024
_NOTHING: Final = memoryview(b"")


class GrowingBody:
    """The bytes of one answer, from the first to arrive to the last."""

    def __init__(self) -> None:
        self.length = 0
        self.complete = False
        self.window_bytes: int | None = None
        self.fault: Fault | None = None
        self._chunks: list[bytes] = []
        self._ends: list[int] = []  # where each chunk ends, counted from the body's first byte
        self._readers: set[BodyReader] = set()
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()

    @property
    def kept_bytes(self) -> int:
        """How much is held at the moment."""
        return sum(map(len, self._chunks)) if self.window_bytes is not None else self.length

    @property
    def has_readers(self) -> bool:
        """Whether anyone is still reading."""
        return bool(self._readers)

    @contextmanager
    def reading(self) -> Iterator["BodyReader"]:
        """Read from the first byte on, for as long as the context lasts."""
        reader = self.open()
        try:
            yield reader
        finally:
            reader.close()

    def open(self) -> "BodyReader":
        """Begin to read at the first byte; whoever opens closes."""
        assert self.window_bytes is None or not self._ends, "the first bytes are gone"
        reader = BodyReader(self)
        self._readers.add(reader)
        return reader

    async def append(self, chunk: bytes) -> None:
        """Add bytes; with a window, wait until there is room for more.

        The wait ends because each reader has a deadline of its own, and one that misses it closes.
        """
        if not chunk:
            return
        self.length += len(chunk)
        self._chunks.append(chunk)
        self._ends.append(self.length)
        self._wake(self._changed)
        self.taken()  # with nobody reading, everything may go at once
        while self.window_bytes is not None and self.kept_bytes > self.window_bytes:
            await self._taken.wait()

    def pass_through(self, window_bytes: int) -> None:
        """Keep from now on at most about `window_bytes` of what the slowest reader has not read."""
        self.window_bytes = window_bytes
        self._wake(self._changed)
        self._drop_taken()

    def seal(self) -> bytes:
        """The whole body, once all of it has come; readers go on from this one copy."""
        assert self.window_bytes is None
        whole = b"".join(self._chunks)
        self._chunks, self._ends = ([whole], [len(whole)]) if whole else ([], [])
        return whole

    def finish(self) -> None:
        """Nothing more comes: the body is whole."""
        self.complete = True
        self._wake(self._changed)

    def fail(self, fault: Fault) -> None:
        """Nothing more comes: the body was cut short."""
        self.fault = fault
        self._wake(self._changed)

    async def measured(self) -> int | None:
        """Wait for the length of a body that did not say it; None when nobody will know it."""
        while not self.complete and self.fault is None and self.window_bytes is None:
            await self._changed.wait()
        return self.length if self.complete and self.window_bytes is None else None

    async def changed(self) -> None:
        """Wait for more bytes, or for the end."""
        await self._changed.wait()

    def piece(self, start: int, stop: int) -> memoryview:
        """Some of the bytes from `start` on, at least one and none from `stop` on."""
        place = bisect_right(self._ends, start)
        chunk = self._chunks[place]
        begin = self._ends[place] - len(chunk)
        end = min(stop - begin, start - begin + PIECE_BYTES)
        return memoryview(chunk)[start - begin : end]

    def taken(self) -> None:
        """A reader has moved on."""
        if self.window_bytes is not None:
            self._drop_taken()

    def left(self, reader: "BodyReader") -> None:
        """A reader is gone."""
        self._readers.discard(reader)
        self.taken()

    def _drop_taken(self) -> None:
        slowest = min((reader.position for reader in self._readers), default=self.length)
        done = bisect_right(self._ends, slowest)
        if done:
            del self._chunks[:done], self._ends[:done]
            self._wake(self._taken)

    @staticmethod
    def _wake(event: asyncio.Event) -> None:
        """Wake all who wait now; those who come later wait for the next time."""
        event.set()
        event.clear()


class BodyReader:
    """One place in a growing body."""

    def __init__(self, body: GrowingBody) -> None:
        self._body = body
        self.position = 0

    def seek(self, position: int) -> None:
        """Go on at another byte."""
        assert self._body.window_bytes is None or position >= self.position
        self.position = position

    async def read(self, stop: int | None = None) -> memoryview:
        """The next bytes, waiting for them; nothing at the end or at `stop`.

        Raises `UpstreamBroken` where a body that was cut short ends.
        """
        body = self._body
        while stop is None or self.position < stop:
            if self.position < body.length:
                piece = body.piece(self.position, body.length if stop is None else stop)
                self.position += len(piece)
                body.taken()
                return piece
            if body.fault is not None:
                # A fault of its own for each reader: many tasks must not raise one exception.
                raise UpstreamBroken(body.fault.message)
            if body.complete:
                break
            await body.changed()
        return _NOTHING

    def close(self) -> None:
        """Read no more."""
        self._body.left(self)
