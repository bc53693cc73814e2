"""A flight: one fetch under way, its outcome so far, and those aboard.

A flight settles once, at its head: it failed, a stored response was confirmed, an answer streams,
or it turned out to say nothing and everyone asks again. After that only its body changes.
"""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Final

from core.cache.coalescing import Role
from core.cache.slices import SLICE_BYTES, run_span, slice_span
from core.cache.stored import StoredHead
from core.errors import Fault
from core.http.cache_key import CacheKey
from core.http.fields import Headers, without
from core.http.storable import Refusal
from core.http.target import Target
from edge.body import BodyReader, GrowingBody
from edge.store import Entry
from edge.upstream import UpstreamRequest

_DIRECTIVES: Final = frozenset({"cache-control", "pragma"})
PASS_WINDOW_BYTES: Final = 256 * 1024
# Who wants bytes that are further ahead of a fetch than this asks for them.
SOON_BYTES: Final = 16 * SLICE_BYTES


@dataclass(frozen=True, slots=True)
class Failed:
    """No head came."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The upstream said that what we had stored still holds.

    `refusal` says why it is not renewed by what the upstream said, if it is not: that was for one
    client alone.
    """

    entry: Entry
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Streaming:
    """A head came, and its body is coming; `refusal` says why it is not stored, if it is not.

    `status` is the upstream's, which is 206 where slices were asked for. What is stored while it
    comes has an `entry`; without one its length is not known before its end.
    """

    head: StoredHead
    status: int
    length: int | None
    refusal: Refusal | None
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Void:
    """The answer was of no use to anyone, such as a 304 about something else."""


Settled = Failed | Confirmed | Streaming | Void


@dataclass(eq=False, slots=True)
class Flight:
    """One fetch. `began` is the last purge before it; `stale` is what it asks to confirm.

    `asked` are the slices it asks for, None when it asks for the whole, and `entry` is what they
    are of; without one that is not known before the head. `stored` says that slices of that were
    stored, `stores` is taken away once no more of them are to be. `insisted`: no cache above may
    answer with what it has.
    """

    key: CacheKey
    target: Target
    request: UpstreamRequest
    fields: Headers
    role: Role
    began: int
    requested_s: float
    stale: Entry | None = None
    asked: range | None = None
    entry: Entry | None = None
    keep: bool = False
    stores: bool = True
    stored: bool = False
    insisted: bool = False
    body: GrowingBody = field(default_factory=GrowingBody)
    settled: Settled | None = None
    task: asyncio.Task[None] | None = None
    _head: asyncio.Event = field(default_factory=asyncio.Event)

    def insist(self, now_s: float) -> None:
        """Ask so that caches above have the answer made now (RFC 9111 §5.2.1.4)."""
        fields = (*without(self.request.fields, _DIRECTIVES), ("Cache-Control", "no-cache"))
        self.request = replace(self.request, fields=fields)
        self.insisted, self.requested_s = True, now_s

    def settle(self, outcome: Settled) -> None:
        """Say what came of it; wakes all who wait for the head."""
        assert self.settled is None
        self.settled = outcome
        self._head.set()

    def fail(self, fault: Fault) -> None:
        """End it without its head, or its body without its end."""
        if self.settled is None:
            self.settle(Failed(fault))
        self.body.fail(fault)

    async def outcome(self) -> Settled:
        """Wait for the head; the fetch has the deadlines that end this."""
        await self._head.wait()
        assert self.settled is not None
        return self.settled

    @property
    def ended(self) -> bool:
        """Whether no more bytes come."""
        return self.body.complete or self.body.fault is not None

    @property
    def stop(self) -> int:
        """Where the bytes end that it brings of its entry."""
        assert self.entry is not None
        if self.asked is None:
            return self.entry.length
        return run_span(self.asked, self.entry.length).stop

    def has(self, position: int) -> bool:
        """Whether the byte there is in hand."""
        return self.body.begin <= position < self.body.length

    def brings(self, position: int) -> bool:
        """Whether the byte there is in hand or will be soon."""
        if self.has(position):
            return True
        soon = self.body.length <= position < self.stop
        return soon and not self.ended and position - self.body.length < SOON_BYTES

    def brings_slice(self, number: int) -> bool:
        """Whether all of a slice is in hand or will be soon."""
        assert self.entry is not None
        span = slice_span(number, self.entry.length)
        return self.brings(span.start) and (self.has(span.stop - 1) or self.brings(span.stop - 1))

    def abandon_if_alone(self) -> None:
        """Stop a fetch that nobody reads and that will not be stored.

        Before its head is known a fetch goes on: it may be worth storing.
        """
        unused = self.settled is not None and not self.keep and not self.body.has_readers
        if unused and self.task is not None and not self.body.complete:
            self.task.cancel()


@dataclass(eq=False, slots=True)
class Ticket:
    """One request's place aboard a flight; `joined` is the last purge before it came."""

    flight: Flight
    role: Role
    joined: int
    reader: BodyReader

    def leave(self) -> None:
        """Give the place up; nobody else aboard notices."""
        self.reader.close()
        self.flight.abandon_if_alone()
