"""Reading what is stored by slices, wherever each slice is to be had at the moment.

From memory; from the bytes in hand of a fetch that brings it; from disk; else it is asked of the
upstream by a fetch that all who miss it share. A reader holds one slice at a time, so what it costs
does not depend on the length of the body.
"""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final

from core.cache.coalescing import Role, may_retry
from core.cache.slices import SLICE_BYTES, run_from, slice_span, slices_of
from core.errors import Fault
from core.http.byterange import ByteSpan
from edge.ask import Ask
from edge.body import BodyReader, Piece, StoredPiece
from edge.faults import UpstreamBroken, UpstreamChanged, UpstreamTimeout
from edge.flight import Failed, Flight, Streaming
from edge.store import Entry, StoredBytes
from edge.tiers import Tiers

if TYPE_CHECKING:
    from edge.fill import Filler

# How often in a row a fetch may fail of what a client has been sent the beginning of.
MOST_FAILURES: Final = 2


class SliceReader:
    """One answer's way through a body; whoever makes it closes it.

    `counts`: what it reads counts as used. `begun` is set when the client has been sent something.
    """

    def __init__(
        self,
        filler: "Filler",
        tiers: Tiers,
        ask: Ask,
        entry: Entry,
        spans: Sequence[ByteSpan],
        *,
        counts: bool,
    ) -> None:
        self._filler = filler
        self._tiers = tiers
        self._store = tiers.memory
        self._ask = ask
        self._entry = entry
        self._spans = [span for span in spans if span.length]
        self._counts = counts
        self._flight: Flight | None = None
        self._place: BodyReader | None = None
        self._leads = False
        self._failures = 0
        self.begun = False

    def take_place(self, flight: Flight, place: BodyReader) -> None:
        """Go on in a place aboard a fetch that was taken before."""
        self._flight, self._place = flight, place
        if self._spans:
            self._follow(self._spans[0].start)
        else:
            self.close()

    async def prepare(self) -> None:
        """Wait until the first byte can be sent.

        Raises `UpstreamChanged` where what the upstream has is not this body any more, and another
        `Fault` where it cannot be had.
        """
        if self._spans:
            await self._find(self._spans[0].start, self._spans[0].stop, counts=False)

    async def pieces(self, span: ByteSpan) -> AsyncIterator[Piece]:
        """The bytes of the next of the spans. Raises what `prepare` does."""
        at = span.start
        while at < span.stop:
            piece = await self._find(at, span.stop, counts=self._counts)
            yield piece
            self._failures = 0
            at += len(piece)
        self._spans = self._spans[1:]

    def close(self) -> None:
        """Read no more."""
        if self._place is not None and self._flight is not None:
            self._place.close()
            self._flight.abandon_if_alone()
        self._place = self._flight = None

    async def _find(self, at: int, stop: int, *, counts: bool) -> Piece:
        number = at // SLICE_BYTES
        self._follow(at)
        while True:
            body = self._store.slice(self._entry, number, used=counts)
            if body is not None:
                return _cut(body, number, at, stop)
            flight = self._board(at)
            if flight is not None:
                if flight.has(at):
                    return flight.body.stored_piece(at, min(stop, flight.body.length))
                await self._wait(flight)
                continue
            recalled = await self._tiers.recall_slice(self._entry, number)
            if recalled is not None:
                return _cut(recalled, number, at, stop)
            if self._filler.bringing(self._entry, at) is None:
                self._launch(number)

    def _follow(self, at: int) -> None:
        """Tell the fetch that this reader is aboard of how far it has come."""
        if self._place is not None:
            self._place.seek(min([at, *(span.start for span in self._spans[1:])]), wants=at)

    def _board(self, at: int) -> Flight | None:
        """The fetch that brings the byte there, with a place aboard; None when there is none."""
        if self._flight is not None and self._flight.brings(at):
            return self._flight
        flight = self._filler.bringing(self._entry, at)
        if flight is not None:
            self.close()
            self._flight, self._place = flight, flight.body.open(at)
            self._leads = False
            self._follow(at)
        return flight

    def _launch(self, number: int) -> None:
        """Ask the upstream for the slice, and for those that follow it and are missing, too."""
        if not self._entry.resumable:
            raise UpstreamChanged("what is stored of this is incomplete, and cannot be completed")
        wanted = {number for span in self._spans for number in slices_of(span)}
        run = run_from(number, self._tiers.missing(self._entry, wanted))
        flight = self._filler.fetch_slices(self._ask, self._entry, run)
        self.close()
        at = slice_span(number, self._entry.length).start
        self._flight, self._place = flight, flight.body.open(at)
        self._leads = True

    async def _wait(self, flight: Flight) -> None:
        """Wait for more of a fetch; raise what has become of it where that ends this reader."""
        if flight.settled is None:
            settled = await flight.outcome()
            if isinstance(settled, Failed):
                self._count_failure(settled.fault)
            elif not isinstance(settled, Streaming) or not self._is_mine(settled):
                raise UpstreamChanged("the upstream has another body now")
            return
        await flight.body.changed()
        if flight.body.fault is not None:
            if not self._entry.resumable:
                raise UpstreamBroken(flight.body.fault.message)
            self._count_failure(flight.body.fault)

    def _is_mine(self, settled: Streaming) -> bool:
        return settled.entry is not None and settled.entry.version == self._entry.version

    def _count_failure(self, fault: Fault) -> None:
        """Raise the fault unless it is to be tried again."""
        self._failures += 1
        if self.begun:
            again = self._failures <= MOST_FAILURES
        else:
            again = may_retry(Role.LEAD if self._leads else Role.FOLLOW, self._failures)
        if not again:
            # A fault of its own for each reader: many tasks must not raise one exception.
            kind = UpstreamTimeout if isinstance(fault, UpstreamTimeout) else UpstreamBroken
            raise kind(fault.message)


def _cut(body: StoredBytes, number: int, at: int, stop: int) -> StoredPiece:
    start = number * SLICE_BYTES
    return StoredPiece(body, ByteSpan(at - start, min(stop - start, len(body))))
