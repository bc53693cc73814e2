"""A body that grows while it is read: the buffer between one fetch and all who wait for it.

At first everything is kept, so that whoever joins late begins at the first byte, and the fetch runs
at the upstream's speed. `pass_through` turns the buffer into a window: what all readers have taken
is dropped, nobody may join any more, and the fetch waits for the slowest reader once the window is
full.

A body that is stored by slices is let go of from its beginning on, by `fold` and `forget`, as its
slices can be read elsewhere; how far is for the fetch to say.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from core.errors import Fault
from core.http.byterange import ByteSpan
from edge.faults import UpstreamBroken

if TYPE_CHECKING:
    from edge.store import StoredBytes

PIECE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class StoredPiece:
    """Some bytes of a stored slice or of a file, by where they are in it."""

    body: "StoredBytes"
    span: ByteSpan

    def __len__(self) -> int:
        return self.span.length


Piece: TypeAlias = "StoredPiece | memoryview"
_NOTHING: Final = memoryview(b"")


class GrowingBody:
    """The bytes of one answer, from the first to arrive to the last.

    The first is byte `start` of the body, and `length` is where those that have come end.
    """

    def __init__(self, start: int = 0) -> None:
        self.length = start
        self.complete = False
        self.window_bytes: int | None = None
        self.fault: Fault | None = None
        self._chunks: list[StoredBytes] = []
        self._ends: list[int] = []  # where each chunk ends, counted from the body's first byte
        self._readers: set[BodyReader] = set()
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()

    def restart(self, start: int) -> None:
        """The first byte is another one than was expected; none has come yet."""
        assert not self._chunks
        self.length = start

    @property
    def kept_bytes(self) -> int:
        """How much is held at the moment."""
        return self.length - self.begin

    @property
    def begin(self) -> int:
        """Where the bytes in hand begin."""
        return self._ends[0] - len(self._chunks[0]) if self._chunks else self.length

    @property
    def slowest(self) -> int:
        """Where the reader is that has most to read yet."""
        return min((reader.position for reader in self._readers), default=self.length)

    @property
    def furthest(self) -> int:
        """Where the reader is that has least to read yet."""
        return max((reader.wants for reader in self._readers), default=self.length)

    @property
    def starves(self) -> bool:
        """Whether the reader that has most to read yet waits for bytes to come."""
        slowest = self.slowest
        return any(r.position == slowest and r.wants >= self.length for r in self._readers)

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

    def open(self, position: int = 0) -> "BodyReader":
        """Begin to read, at the first byte or another; whoever opens closes."""
        assert self.window_bytes is None or not self._ends, "the first bytes are gone"
        reader = BodyReader(self, position)
        self._readers.add(reader)
        return reader

    async def append(self, chunk: "StoredBytes") -> None:
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
        self.taken()

    def seal(self) -> bytes:
        """The whole body, once all of it has come; readers go on from this one copy."""
        assert self.window_bytes is None
        whole = self.join(0, self.length)
        self._chunks, self._ends = ([whole], [len(whole)]) if whole else ([], [])
        return whole

    def join(self, start: int, stop: int) -> bytes:
        """A copy of bytes in hand, which begin and end with what was appended at once."""
        first, last = bisect_right(self._ends, start), bisect_right(self._ends, stop)
        return b"".join(map(memoryview, self._chunks[first:last]))

    def fold(self, start: int, stop: int, whole: "StoredBytes") -> None:
        """Hold the same bytes as one piece."""
        first, last = bisect_right(self._ends, start), bisect_left(self._ends, stop)
        self._chunks[first : last + 1] = [whole]
        self._ends[first : last + 1] = [stop]

    def forget(self, stop: int) -> None:
        """Let go of the pieces that end up to there."""
        done = bisect_right(self._ends, stop)
        del self._chunks[:done], self._ends[:done]

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
        chunk, begin = self._chunk(start)
        end = min(stop - begin, start - begin + PIECE_BYTES)
        return memoryview(chunk)[start - begin : end]

    def stored_piece(self, start: int, stop: int) -> Piece:
        """The same, but all that is wanted of a chunk which is stored, by where it is."""
        chunk, begin = self._chunk(start)
        if isinstance(chunk, bytes):
            return self.piece(start, stop)
        return StoredPiece(chunk, ByteSpan(start - begin, min(stop - begin, len(chunk))))

    def _chunk(self, position: int) -> tuple["StoredBytes", int]:
        """The chunk that has a byte in hand, and where it begins."""
        place = bisect_right(self._ends, position)
        chunk = self._chunks[place]
        return chunk, self._ends[place] - len(chunk)

    async def moved(self) -> None:
        """Wait until a reader moves on or leaves."""
        await self._taken.wait()

    def taken(self) -> None:
        """A reader has moved on."""
        if self.window_bytes is not None:
            self.forget(self.slowest)
        self._wake(self._taken)

    def left(self, reader: "BodyReader") -> None:
        """A reader is gone."""
        self._readers.discard(reader)
        self.taken()

    @staticmethod
    def _wake(event: asyncio.Event) -> None:
        """Wake all who wait now; those who come later wait for the next time."""
        event.set()
        event.clear()


class BodyReader:
    """One place in a growing body: the first byte that is still needed, and the one wanted next."""

    def __init__(self, body: GrowingBody, position: int = 0) -> None:
        self._body = body
        self.position = position
        self.wants = position

    def seek(self, position: int, *, wants: int | None = None) -> None:
        """Go on at another byte; at byte `wants` first, and only then back there."""
        assert self._body.window_bytes is None or position >= self.position
        before = self.position, self.wants
        self.position, self.wants = position, position if wants is None else wants
        if before != (self.position, self.wants):
            self._body.taken()

    async def read(self, stop: int | None = None) -> memoryview:
        """The next bytes, waiting for them; nothing at the end or at `stop`.

        Raises `UpstreamBroken` where a body that was cut short ends.
        """
        piece = await self._next(self._body.piece, stop)
        assert isinstance(piece, memoryview)
        return piece

    async def take(self, stop: int | None = None) -> Piece:
        """The same, with what is stored left where it is."""
        return await self._next(self._body.stored_piece, stop)

    async def _next(self, piece_of: Callable[[int, int], Piece], stop: int | None) -> Piece:
        body = self._body
        while stop is None or self.position < stop:
            if self.position < body.length:
                piece = piece_of(self.position, body.length if stop is None else stop)
                self.position = self.wants = self.position + len(piece)
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
