"""Filling: every fetch from the upstream, who shares it, and what of it is stored.

A fetch is a task of its own, not of the client that caused it, so it outlives that client when
others wait for it or when it is worth storing. The rules are in `core.cache.coalescing` and
`core.http.storable`; this module carries them out. A fetch asks for the whole, for the slices that
a range of something unknown needs, or for slices that are missing of what is stored.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from core.cache.coalescing import (
    UNCOALESCED_FOR_S,
    HeadFacts,
    Role,
    join,
    may_retry,
    may_use,
)
from core.cache.decide import HELD_FOR_S, UNWELL_STATUSES, Step, decide, stands_in
from core.cache.marks import Marks
from core.cache.purging import Purge
from core.cache.slices import SLICE_BYTES, first_run, run_span
from core.cache.stored import (
    Arrival,
    StoredHead,
    confirmed,
    confirms,
    stored_head,
    validation_fields,
)
from core.errors import Fault, InternalFault
from core.http.byterange import ByteSpan, parse_range
from core.http.cache_key import CacheKey, cache_key
from core.http.fields import Headers, first
from core.http.forwarding import fill_request, forwarded_request
from core.http.partial import Part, read_part
from core.http.storable import AnswerFacts, FetchFacts, Refusal, storable
from core.http.vary import variant
from edge.ask import Ask
from edge.body import GrowingBody
from edge.config import EdgeConfig
from edge.faults import UpstreamBroken, UpstreamUnwell
from edge.flight import (
    PASS_WINDOW_BYTES,
    Confirmed,
    Failed,
    Flight,
    Settled,
    Streaming,
    Ticket,
    Void,
)
from edge.metrics import EdgeMetrics
from edge.slice_reader import SliceReader
from edge.slice_taker import SliceTaker, Unwanted
from edge.store import Entry, Lookup, MemoryStore, StoredBytes, new_version
from edge.tiers import Disk
from edge.upstream import Upstream, UpstreamAnswer, UpstreamRequest
from runtime.logs import get_logger

log = get_logger(__name__)

Clock = Callable[[], float]
_STOPPED: Final = "the edge stopped this fetch"
# An upstream that gave a part we cannot use is asked for wholes for this long.
UNSLICED_FOR_S: Final = 120.0
LONGEST_BODY_BYTES: Final = 2**62


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the slices are that an answer needs.

    `missing`: not all are stored, and `some_stored`: but some are. `arriving`: fetches that are
    under way bring those that are missing; `status` is what the upstream answered them, or will.
    """

    missing: bool
    some_stored: bool
    arriving: bool
    status: int


class Filler:
    """The fetches of one edge."""

    def __init__(
        self,
        config: EdgeConfig,
        store: MemoryStore,
        upstream: Upstream,
        metrics: EdgeMetrics,
        clock: Clock,
        disk: Disk,
    ) -> None:
        self._config = config
        self._store = store
        self._upstream = upstream
        self._metrics = metrics
        self._clock = clock
        self._disk = disk
        self._taker = SliceTaker(store, disk)
        self._shared: dict[CacheKey, Flight] = {}
        self._bringing: dict[int, list[Flight]] = {}  # by the version that they bring slices of
        self._tasks: set[asyncio.Task[None]] = set()
        self._uncoalesced: Marks[CacheKey] = Marks(UNCOALESCED_FOR_S)
        self._unsliced: Marks[CacheKey] = Marks(UNSLICED_FOR_S)
        self._oversize: Marks[CacheKey] = Marks(UNCOALESCED_FOR_S)
        self._held: Marks[CacheKey] = Marks(HELD_FOR_S)

    @property
    def fetches(self) -> int:
        """How many fetches are under way."""
        return len(self._tasks)

    def held(self, key: CacheKey) -> bool:
        """Whether the last try to refresh this key failed moments ago."""
        return self._held.holds(key, self._clock())

    async def look_up(self, ask: Ask) -> Lookup:
        """Find what is stored for a request, in memory or on disk."""
        found = self._store.look_up(ask.target, ask.fields)
        resource = found.key.resource
        if found.entry is not None or not self._disk.holds(resource):
            return found
        entries = await self._disk.recall(resource, self._store.purges.last)
        for entry in entries:
            if entry.key == cache_key(ask.target, entry.head.names, ask.fields):
                return Lookup(entry.key, self._store.get(entry.key) or entry, other_variants=True)
        return replace(found, other_variants=found.other_variants or bool(entries))

    async def sources(self, entry: Entry, numbers: Sequence[int]) -> "Sources":
        """Where these slices of an entry are to be had."""
        missing = self._store.missing(entry, numbers)
        if missing and self._disk.holds(entry.key.resource):
            there = await self._disk.held(entry)
            missing = [
                number for number in self._store.missing(entry, numbers) if number not in there
            ]
        flights = [self.fetch_bringing(entry, number) for number in missing]
        settled = flights[0].settled if flights and flights[0] is not None else None
        return Sources(
            missing=bool(missing),
            some_stored=len(missing) < len(numbers),
            arriving=bool(missing) and None not in flights,
            status=settled.status if isinstance(settled, Streaming) else 206,
        )

    def reader(
        self, ask: Ask, entry: Entry, spans: Sequence[ByteSpan], ticket: Ticket | None = None
    ) -> SliceReader:
        """A way through the body of an entry, with a ticket from its place on; who gets it closes it.

        What a fetch was begun for is no use of it beside the fetch.
        """
        counts = ticket is None or ticket.role is Role.FOLLOW
        reader = SliceReader(self, self._store, ask, entry, spans, counts=counts)
        if ticket is not None and ticket.flight.entry is not None:
            reader.take_place(ticket.flight, ticket.reader)
        return reader

    def bringing(self, entry: Entry, position: int) -> Flight | None:
        """The fetch that brings this byte of an entry soon."""
        flights = self._bringing.get(entry.version, ())
        return next((flight for flight in flights if flight.brings(position)), None)

    def fetch_bringing(self, entry: Entry, number: int) -> Flight | None:
        """The fetch that brings all of a slice soon."""
        flights = self._bringing.get(entry.version, ())
        return next((flight for flight in flights if flight.brings_slice(number)), None)

    async def recall_slice(self, entry: Entry, number: int) -> "StoredBytes | None":
        """A slice from disk, which memory then has, too."""
        if not self._disk.holds(entry.key.resource):
            return None
        body = await self._disk.read(entry, number)
        if body is None:
            return None
        return self._store.put_slice(entry, number, body) or body

    def fetch_slices(self, ask: Ask, entry: Entry, run: range) -> Flight:
        """Ask for slices that are missing of an entry; whoever reads it boards."""
        fields = fill_request(ask.fields, ask.hop, self._config.name, media=ask.target.media)
        etag = entry.head.etag()
        assert etag is not None
        fields = (*fields, *_range_field(run_span(run, entry.length)), ("If-Range", etag))
        request = UpstreamRequest("GET", str(ask.target), fields, ask.request_id)
        flight = self._flight(Role.LEAD, entry.key, ask, request)
        flight.asked, flight.entry, flight.stored = run, entry, True
        flight.keep = True
        flight.body = GrowingBody(run_span(run, entry.length).start)
        self._bringing.setdefault(entry.version, []).append(flight)
        return self._start(flight)

    async def obtain(self, ask: Ask) -> Ticket | Entry | Failed:
        """Get a GET that nothing stored can answer: by a fetch, shared if it can be.

        Whoever gets a ticket leaves it.
        """
        attempts = releases = 0
        while True:
            ticket = self._board(ask, releases)
            settled = await self._settled(ticket)
            if isinstance(settled, Failed):
                attempts += 1
                if not may_retry(ticket.role, attempts):
                    ticket.leave()
                    return settled
            elif self._may_use(ticket, settled, ask):
                return ticket
            else:
                releases += 1
            ticket.leave()
            entry = (await self.look_up(ask)).entry
            if entry is not None and decide(entry.head, self._clock(), held=False) is Step.SERVE:
                return entry

    async def obtain_alone(self, ask: Ask) -> Ticket | Failed:
        """Ask the upstream for this one request, its range and preconditions included."""
        ticket = self._enter(self._launch_alone(ask), Role.ALONE)
        settled = await self._settled(ticket)
        if isinstance(settled, Failed):
            ticket.leave()
            return settled
        return ticket

    def refresh(self, ask: Ask, entry: Entry) -> None:
        """Confirm or replace a stale entry while it is being served, unless that is under way."""
        if entry.key not in self._shared:
            self._launch_shared(entry.key, ask, entry)

    def forget(self, entry: Entry) -> None:
        """Let go of an entry everywhere."""
        self._store.remove(entry.key)
        self._disk.forget(entry.key)

    def purge(self, purge: Purge) -> int:
        """Purge what is stored, and part new requests from the fetches that began before."""
        count = self._store.purge(purge, self._clock())
        for flight in tuple(self._shared.values()):
            tags = flight.settled.head.tags if isinstance(flight.settled, Streaming) else ()
            if purge.covers(flight.key.resource, tags):
                self._part(flight)
        return count

    async def close(self) -> None:
        """Stop every fetch."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Boarding

    def _board(self, ask: Ask, releases: int) -> Ticket:
        key = self._store.key(ask.target, ask.fields)
        if key in self._shared and not self._joinable(self._shared[key]):
            self._part(self._shared[key])
        role = join(self._shared, self._uncoalesced, key, self._clock(), releases)
        if self._oversize.holds(key, self._clock()) and _slices_wanted(ask) is None:
            role = Role.ALONE
        match role:
            case Role.FOLLOW:
                return self._enter(self._shared[key], role)
            case Role.LEAD:
                return self._enter(self._launch_shared(key, ask, self._store.get(key)), role)
            case Role.ALONE:
                return self._enter(self._launch_alone(ask), role)

    def _enter(self, flight: Flight, role: Role) -> Ticket:
        return Ticket(flight, role, self._store.purges.last, flight.body.open())

    def _joinable(self, flight: Flight) -> bool:
        """Whether one who comes now can still have the beginning."""
        entry = flight.entry
        if entry is None or entry.resumable or not flight.body.begin:
            return True
        gone = range(flight.body.begin // SLICE_BYTES)
        if flight.stores and not self._store.missing(entry, gone):
            return True
        flight.stores = False  # the fetch that begins now stores another version
        return False

    async def _settled(self, ticket: Ticket) -> Settled:
        try:
            return await ticket.flight.outcome()
        except asyncio.CancelledError:
            ticket.leave()
            raise

    def _may_use(self, ticket: Ticket, settled: Settled, ask: Ask) -> bool:
        match settled:
            case Streaming(head=head, refusal=refusal):
                facts = HeadFacts(
                    shareable=refusal is None,
                    same_variant=_same_variant(head, ask, ticket.flight),
                    purged_after_joining=self._purged_before(ticket, head),
                    wants_range=ask.wants_range,
                )
                return may_use(ticket.role, facts)
            case Confirmed(entry):
                purged = self._purged_before(ticket, entry.head)
                facts = HeadFacts(shareable=True, purged_after_joining=purged)
                return may_use(ticket.role, facts)
            case Failed() | Void():
                return False

    def _purged_before(self, ticket: Ticket, head: StoredHead) -> bool:
        """Whether the request came after a purge that the fetch came before."""
        purge = self._covering_purge(ticket.flight, head)
        return purge is not None and purge <= ticket.joined

    def _covering_purge(self, flight: Flight, head: StoredHead) -> int | None:
        log = self._store.purges
        return log.latest_covering(flight.key.resource, head.tags, flight.began)

    # Fetching

    def _launch_shared(self, key: CacheKey, ask: Ask, stale: Entry | None) -> Flight:
        fields = fill_request(ask.fields, ask.hop, self._config.name, media=ask.target.media)
        asked = None
        if stale is not None:
            fields += validation_fields(stale.head)
        elif not self._unsliced.holds(key, self._clock()):
            asked = _slices_wanted(ask)
        if asked is not None:
            fields += _range_field(run_span(asked, LONGEST_BODY_BYTES))
        request = UpstreamRequest("GET", str(ask.target), fields, ask.request_id)
        flight = self._flight(Role.LEAD, key, ask, request)
        flight.stale, flight.asked = stale, asked
        self._shared[key] = flight
        return self._start(flight)

    def _launch_alone(self, ask: Ask) -> Flight:
        fields = forwarded_request(ask.fields, ask.hop, self._config.name, media=ask.target.media)
        key = self._store.key(ask.target, ask.fields)
        request = UpstreamRequest(ask.method, str(ask.target), fields, ask.request_id)
        return self._start(self._flight(Role.ALONE, key, ask, request))

    def _flight(self, role: Role, key: CacheKey, ask: Ask, request: UpstreamRequest) -> Flight:
        return Flight(
            key=key,
            target=ask.target,
            request=request,
            fields=ask.fields,
            role=role,
            began=self._store.purges.last,
            requested_s=self._clock(),
        )

    def _start(self, flight: Flight) -> Flight:
        flight.task = asyncio.create_task(self._fetch(flight))
        self._tasks.add(flight.task)
        flight.task.add_done_callback(self._tasks.discard)
        return flight

    async def _fetch(self, flight: Flight) -> None:
        try:
            async with self._upstream.send(flight.request) as answer:
                if self._take_head(flight, answer):
                    await self._take_body(flight, answer)
        except Fault as fault:
            self._fail(flight, fault)
        except Unwanted:
            self._end(flight, UpstreamBroken(_STOPPED))
        except asyncio.CancelledError:
            self._end(flight, UpstreamBroken(_STOPPED))
            raise
        except Exception:  # the last door: a bug must not leave waiters behind for ever
            log.exception("fetch.crashed", target=flight.request.target)
            self._fail(flight, InternalFault("the edge made a mistake; its log has the details"))

    def _fail(self, flight: Flight, fault: Fault) -> None:
        self._metrics.upstream_failures(fault.code).inc()
        if flight.stale is not None:
            self._held.add(flight.key, self._clock())
        self._end(flight, fault)

    def _end(self, flight: Flight, fault: Fault) -> None:
        self._part(flight)
        self._stop_bringing(flight)
        self._store.settle(flight.key.resource)
        flight.fail(fault)

    def _part(self, flight: Flight) -> None:
        """Let nobody else join this fetch."""
        if self._shared.get(flight.key) is flight:
            del self._shared[flight.key]

    def _stop_bringing(self, flight: Flight) -> None:
        """Let nobody else wait for slices from this fetch."""
        if flight.entry is None:
            return
        flights = self._bringing.get(flight.entry.version, [])
        if flight in flights:
            flights.remove(flight)
            if not flights:
                del self._bringing[flight.entry.version]

    def _take_head(self, flight: Flight, answer: UpstreamAnswer) -> bool:
        """Settle the flight by its head; return whether its body is wanted."""
        arrival = Arrival(flight.requested_s, self._clock())
        if flight.stale is not None:
            if answer.status == 304:
                self._take_confirmation(flight, flight.stale, answer, arrival)
                return False
            if answer.status in UNWELL_STATUSES and stands_in(
                flight.stale.head, arrival.received_s
            ):
                raise UpstreamUnwell(f"the upstream answered {answer.status}")
        if flight.asked is not None:
            if answer.status in {206, 416}:
                return self._take_part(flight, answer, arrival)
            self._take_for_whole(flight, answer)
        head = stored_head(answer.status, answer.headers, arrival, media=flight.target.media)
        refusal = self._refusal(flight, head, answer)
        if refusal is None:
            self._expect(flight, head, answer.length)
        else:
            self._give_up_sharing(flight, head.status, refusal)
        flight.settle(Streaming(head, answer.status, answer.length, refusal, flight.entry))
        return flight.keep or flight.body.has_readers

    def _take_part(self, flight: Flight, answer: UpstreamAnswer, arrival: Arrival) -> bool:
        """Settle a fetch of slices by the head of a part, or by there being no such part."""
        part = read_part(answer.status, answer.headers)
        if part is None or not _is_asked_for(flight, part, answer):
            self._take_useless(flight)
            return False
        if flight.entry is not None:
            flight.settle(Streaming(flight.entry.head, 206, part.total, None, flight.entry))
            return True
        head = stored_head(200, part.fields, arrival, media=flight.target.media)
        fetch = FetchFacts(authorized=first(flight.request.fields, "authorization") is not None)
        facts = AnswerFacts(200, head.fields, part.total, True, head.allowed)
        refusal = storable(fetch, facts, self._config.largest_part_bytes)
        if refusal is None:
            flight.body.restart(part.span.start)
            self._expect(flight, head, part.total)
        else:
            self._give_up_sharing(flight, 206, refusal)
        flight.settle(Streaming(head, 206, part.total, refusal, flight.entry))
        return refusal is None

    def _take_useless(self, flight: Flight) -> None:
        """A part that belongs to nothing we have, or none: ask for the whole next time."""
        self._part(flight)
        self._stop_bringing(flight)
        if flight.entry is not None:
            self.forget(flight.entry)
        else:
            self._unsliced.add(flight.key, self._clock())
        flight.settle(Void())

    def _take_for_whole(self, flight: Flight, answer: UpstreamAnswer) -> None:
        """Slices were asked for, and something whole is coming."""
        flight.asked = None
        if flight.entry is None:
            return
        if answer.status in UNWELL_STATUSES:
            raise UpstreamUnwell(f"the upstream answered {answer.status}")
        self._stop_bringing(flight)
        self.forget(flight.entry)
        flight.entry, flight.stored, flight.keep = None, False, False
        flight.body.restart(0)
        self._shared.setdefault(flight.key, flight)

    def _refusal(self, flight: Flight, head: StoredHead, answer: UpstreamAnswer) -> Refusal | None:
        alone = flight.role is Role.ALONE  # with the range of its client
        fetch = FetchFacts(
            method=flight.request.method,
            partial=alone and first(flight.request.fields, "range") is not None,
            authorized=first(flight.request.fields, "authorization") is not None,
        )
        facts = AnswerFacts(head.status, head.fields, answer.length, answer.framed, head.allowed)
        return storable(fetch, facts, self._config.largest_whole_bytes)

    def _expect(self, flight: Flight, head: StoredHead, length: int | None) -> None:
        """Prepare to store what is coming."""
        flight.keep = True
        if length is not None:
            key = cache_key(flight.target, head.names, flight.fields)
            flight.entry = Entry(key, head, new_version(), length, flight.began)
            self._bringing.setdefault(flight.entry.version, []).append(flight)
        self._uncoalesced.discard(flight.key)
        self._held.discard(flight.key)
        self._store.learn(flight.key.resource, head.names)
        usable = decide(head, self._clock(), held=False) is not Step.FETCH
        if not usable or self._covering_purge(flight, head) is not None:
            self._part(flight)  # who comes now needs an answer of their own

    def _give_up_sharing(self, flight: Flight, status: int, refusal: Refusal) -> None:
        """Release the waiters to fetches of their own, and do not gather new ones for a while."""
        self._part(flight)
        flight.body.pass_through(PASS_WINDOW_BYTES)
        if flight.role is Role.LEAD and status < 500:
            # Slices of it may still be stored for those who ask for a range.
            by_slices = refusal is Refusal.TOO_LARGE and flight.asked is None
            marks = self._oversize if by_slices else self._uncoalesced
            marks.add(flight.key, self._clock())
            self._store.remove(flight.key)  # what was stored is not what the upstream says now
            self._disk.forget(flight.key)

    def _take_confirmation(
        self, flight: Flight, stale: Entry, answer: UpstreamAnswer, arrival: Arrival
    ) -> None:
        self._part(flight)
        if not confirms(answer.headers, stale.head):
            self.forget(stale)
            flight.settle(Void())
            return
        self._held.discard(flight.key)
        head = confirmed(stale.head, answer.headers, arrival)
        entry = replace(stale, head=head, began=flight.began)
        if self._store.covering_purge(entry) is None:
            self._store.renew(entry)
            self._disk.renew(entry)
        flight.settle(Confirmed(entry))

    async def _take_body(self, flight: Flight, answer: UpstreamAnswer) -> None:
        in_slices = flight.entry is not None
        async for chunk in answer.chunks():
            self._metrics.filled_bytes.inc(len(chunk))
            if in_slices:
                await self._taker.add(flight, chunk)
                continue
            await flight.body.append(chunk)
            if flight.keep and flight.body.length > self._config.largest_unmeasured_bytes:
                self._overflow(flight)
        if in_slices:
            self._taker.finish(flight)
        elif flight.keep:
            self._keep(flight)
        self._part(flight)
        self._stop_bringing(flight)
        self._store.settle(flight.key.resource)
        flight.body.finish()

    def _overflow(self, flight: Flight) -> None:
        """The body is larger than anything we store: let it stream through from here on."""
        flight.keep = False
        self._part(flight)
        self._uncoalesced.add(flight.key, self._clock())
        flight.body.pass_through(self._config.largest_unmeasured_bytes)
        flight.abandon_if_alone()

    def _keep(self, flight: Flight) -> None:
        """Store a body whose length nobody knew."""
        assert isinstance(flight.settled, Streaming)
        head = flight.settled.head
        key = cache_key(flight.target, head.names, flight.fields)
        entry = Entry(key, head, new_version(), flight.body.length, flight.began)
        self._taker.keep_whole(flight, entry, flight.body.seal())


def _same_variant(head: StoredHead, ask: Ask, flight: Flight) -> bool:
    return variant(head.names, ask.fields) == variant(head.names, flight.fields)


def _slices_wanted(ask: Ask) -> range | None:
    """The slices that a request for a range needs first; None when it needs the whole."""
    value = ask.facts().range if ask.wants_range else None
    specs = None if value is None else parse_range(value)
    run = None if specs is None else first_run(specs)
    return run if run is not None and run.stop * SLICE_BYTES < LONGEST_BODY_BYTES else None


def _range_field(span: ByteSpan) -> Headers:
    return (("Range", f"bytes={span.start}-{span.stop - 1}"),)


def _is_asked_for(flight: Flight, part: Part, answer: UpstreamAnswer) -> bool:
    """Whether the part is the one that was asked for, and of what we have if we have something."""
    assert flight.asked is not None
    if flight.asked.start and flight.asked.start * SLICE_BYTES >= part.total:
        return False
    framed = answer.framed and answer.length in {None, part.span.length}
    whole = part.span == run_span(flight.asked, part.total)
    entry = flight.entry
    same = entry is None or (part.etag, part.total) == (entry.head.etag(), entry.length)
    return framed and whole and same
