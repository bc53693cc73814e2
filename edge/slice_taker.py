"""Taking a body in by slices: each is stored as soon as it is whole, and then read from there.

What a fetch holds is bounded: the slice that is arriving and the few before it. Where a slice could
not be asked for again, those that its readers still need stay in hand even when the store lets go
of them, and the fetch waits for the readers once these are too many.
"""

from typing import Final

from core.cache.slices import SLICE_BYTES, slice_span
from edge.faults import UpstreamBroken
from edge.flight import Flight
from edge.store import Entry, StoredBytes
from edge.tiers import Tiers

# What is held of slices that were stored, so that who is close behind needs no lookup.
HELD_BYTES: Final = 2 * SLICE_BYTES
# How many slices may be held that are stored nowhere.
MOST_UNSTORED: Final = 16
LEAST_LEAD_BYTES: Final = 16 * SLICE_BYTES
LEAD_DIVISOR: Final = 16


class Unwanted(Exception):
    """The fetch is to end here."""


class SliceTaker:
    """Takes in the bodies of one edge's fetches."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers
        self._store = store = tiers.memory
        # A fetch further ahead than this would only drive out of memory what its readers need.
        self._lead_bytes = max(LEAST_LEAD_BYTES, store.limit_bytes // LEAD_DIVISOR)

    async def add(self, flight: Flight, chunk: "StoredBytes") -> None:
        """Take in the bytes that have come; what is in a file already is one whole slice.

        Raises `UpstreamBroken` when they are more than was said, and `Unwanted` when nobody reads.
        """
        body = flight.body
        if body.length + len(chunk) > flight.stop:
            raise UpstreamBroken("the upstream sends more than it said")
        if not isinstance(chunk, bytes):
            number = body.length // SLICE_BYTES
            await body.append(chunk)
            self._keep_slice(flight, number, chunk)
            await self._pace(flight)
            return
        while chunk:
            room = SLICE_BYTES - body.length % SLICE_BYTES
            await body.append(chunk[:room])
            chunk = chunk[room:]
            if body.length % SLICE_BYTES == 0 or body.length == flight.stop:
                self._keep_slice(flight, (body.length - 1) // SLICE_BYTES)
                await self._pace(flight)

    def finish(self, flight: Flight) -> None:
        """All has come. Raises `UpstreamBroken` when it is less than was said."""
        if flight.body.length < flight.stop:
            raise UpstreamBroken("the upstream's answer ended before it was whole")
        assert flight.entry is not None
        if flight.entry.length == 0:
            self._store_slice(flight, 0, b"")

    def keep_whole(self, flight: Flight, entry: Entry, whole: bytes) -> None:
        """Store a body that came without its length."""
        flight.entry = entry
        for number in range(entry.slices):
            span = slice_span(number, entry.length)
            self._store_slice(flight, number, whole[span.start : span.stop])

    def _keep_slice(self, flight: Flight, number: int, whole: "StoredBytes | None" = None) -> None:
        """Store a slice that is whole, and let go of what can be read elsewhere."""
        assert flight.entry is not None
        body, span = flight.body, slice_span(number, flight.entry.length)
        if whole is None:
            whole = body.join(span.start, span.stop)
        kept = self._store_slice(flight, number, whole)
        body.fold(span.start, span.stop, whole if kept is None else kept)
        if kept is not None and flight.entry.resumable:
            body.forget(body.length - HELD_BYTES)
        else:
            body.forget(body.slowest)

    def _store_slice(self, flight: Flight, number: int, whole: StoredBytes) -> "StoredBytes | None":
        entry = flight.entry
        assert entry is not None
        known = self._store.get(entry.key)
        if flight.stored and known is not None and known.version != entry.version:
            flight.stores = False  # another took its place
        if not flight.stores:
            return None
        first, flight.stored = not flight.stored, True
        return self._tiers.store(entry, number, whole, first=first)

    async def _pace(self, flight: Flight) -> None:
        """Wait for the readers where the fetch is too far ahead of them."""
        body = flight.body
        while body.has_readers and self._is_ahead(flight):
            await body.moved()
        assert flight.entry is not None
        left_bytes = flight.stop - body.length
        if not body.has_readers and flight.entry.resumable and left_bytes > self._lead_bytes:
            raise Unwanted

    def _is_ahead(self, flight: Flight) -> bool:
        body = flight.body
        if body.length - body.furthest > self._lead_bytes:
            return True
        assert flight.entry is not None
        held = range(body.begin // SLICE_BYTES, body.length // SLICE_BYTES)
        unstored = self._store.missing(flight.entry, held)
        return len(unstored) > MOST_UNSTORED and not body.starves
