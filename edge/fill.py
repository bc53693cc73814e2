"""Filling: every fetch from the upstream, who shares it, and what of it is stored.

A fetch is a task of its own, not of the client that caused it, so it outlives that client when
others wait for it or when it is worth storing. The rules are in `core.cache.coalescing` and
`core.http.storable`; this module carries them out. A fetch asks for the whole, for the slices that
a range of something unknown needs, or for slices that are missing of what is stored.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from core.cache.coalescing import (
    HeadFacts,
    Role,
    join,
    may_retry,
    may_use,
)
from core.cache.decide import Step, decide
from core.cache.purging import Purge
from core.cache.slices import SLICE_BYTES, first_run, run_span
from core.cache.stored import (
    StoredHead,
    validation_fields,
)
from core.errors import Fault, InternalFault
from core.http.byterange import ByteSpan, parse_range
from core.http.cache_key import CacheKey, cache_key
from core.http.fields import Headers, without
from core.http.forwarding import fill_request, forwarded_request
from core.http.storable import shares_credentials
from core.http.vary import variant
from edge.ask import Ask
from edge.body import GrowingBody
from edge.config import EdgeConfig
from edge.faults import UpstreamBroken
from edge.fetches import Clock, Fetches
from edge.flight import (
    Confirmed,
    Failed,
    Flight,
    Settled,
    Streaming,
    Ticket,
    Void,
)
from edge.head_taker import HeadTaker
from edge.metrics import EdgeMetrics
from edge.slice_reader import SliceReader
from edge.slice_taker import SliceTaker, Unwanted
from edge.store import Entry, StoredBytes, new_version
from edge.tiers import Tiers
from edge.upstream import Upstream, UpstreamAnswer, UpstreamRequest
from runtime.logs import get_logger

if TYPE_CHECKING:
    from native import SealedFragment, StoredBody

log = get_logger(__name__)

_DIRECTIVES: Final = ("cache-control", "pragma")
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
        tiers: Tiers,
        upstream: Upstream,
        metrics: EdgeMetrics,
        clock: Clock,
    ) -> None:
        self._config = config
        self._store = tiers.memory
        self._upstream = upstream
        self._metrics = metrics
        self._clock = clock
        self._tiers = tiers
        self._fetches = fetches = Fetches(clock)
        self._marks = fetches.marks
        self._heads = HeadTaker(config, tiers, fetches, clock)
        self._slices = SliceTaker(tiers)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def fetches(self) -> int:
        """How many fetches are under way."""
        return len(self._tasks)

    def held(self, key: CacheKey) -> bool:
        """Whether the last try to refresh this key failed moments ago."""
        return self._fetches.is_marked(self._marks.held, key)

    def sources(self, entry: Entry, numbers: Sequence[int]) -> Sources:
        """Where these slices of an entry are to be had."""
        missing = self._tiers.missing(entry, numbers)
        flights = [self._fetches.bringing_slice(entry, number) for number in missing]
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
        """A way through the body of an entry, from the place of a ticket on; who gets it closes it.

        What a fetch was begun for is no use of it beside the fetch.
        """
        counts = ticket is None or ticket.role is Role.FOLLOW
        reader = SliceReader(self, self._tiers, ask, entry, spans, counts=counts)
        if ticket is not None and ticket.flight.entry is not None:
            reader.take_place(ticket.flight, ticket.reader)
        return reader

    def bringing(self, entry: Entry, position: int) -> Flight | None:
        """The fetch that brings this byte of an entry soon."""
        return self._fetches.bringing(entry, position)

    def fetch_slices(self, ask: Ask, entry: Entry, run: range) -> Flight:
        """Ask for slices that are missing of an entry; whoever reads it boards."""
        fields = fill_request(ask.fields, ask.hop, self._config.name, media=ask.target.media)
        etag = entry.head.etag()
        assert etag is not None
        fields = (*fields, *_range_field(run_span(run, entry.length)), ("If-Range", etag))
        request = UpstreamRequest("GET", str(ask.target), fields, ask.request_id)
        flight = self._flight(Role.LEAD, entry.key, ask, request)
        flight.asked = run
        flight.keep = flight.stored = True
        flight.body = GrowingBody(run_span(run, entry.length).start)
        self._fetches.bring(flight, entry)
        return self._start(flight)

    async def obtain(self, ask: Ask, known: Entry | None) -> Ticket | Entry | Failed:
        """Get a GET that nothing stored can answer: by a fetch, shared if it can be.

        `known` is what is stored and is to be confirmed. Whoever gets a ticket leaves it.
        """
        attempts = releases = 0
        while True:
            ticket = self._board(ask, known, releases)
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
            known = (await self._tiers.look_up(ask)).entry
            head = None if known is None else known.head
            if known and decide(head, self._clock(), ask.wanted, held=False) is Step.SERVE:
                return known

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
        if entry.key not in self._fetches.shared:
            # It is our own wish, not one of the client that happened to come by, whose credentials
            # would have an answer that is for nobody else.
            alien: tuple[str, ...] = _DIRECTIVES
            if not shares_credentials(entry.head.fields):
                alien = (*alien, "authorization")
            own = replace(ask, fields=without(ask.fields, alien))
            self._launch_shared(entry.key, own, entry)

    async def purge(self, purge: Purge) -> int:
        """Purge what is stored, and part new requests from the fetches that began before.

        For this process that is done before the first wait; on return no crash can undo it. Raises
        `PurgeNotDurable`.
        """
        count = self._tiers.memory.purge(purge, self._clock())
        for flight in tuple(self._fetches.shared.values()):
            tags = flight.settled.head.tags if isinstance(flight.settled, Streaming) else ()
            if purge.covers(flight.key.resource, tags):
                self._fetches.part(flight)
        return max(count, await self._tiers.purge_disk(purge, self._clock()))

    async def close(self) -> None:
        """Stop every fetch."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Boarding

    def _board(self, ask: Ask, known: Entry | None, releases: int) -> Ticket:
        key = self._store.key(ask.target, ask.fields)
        shared = self._fetches.shared
        if key in shared and (ask.insists or not self._joinable(shared[key])):
            self._fetches.part(shared[key])
        role = join(shared, self._marks.uncoalesced, key, self._clock(), releases)
        oversize = self._fetches.is_marked(self._marks.oversize, key)
        personal = ask.authorized and self._fetches.is_marked(self._marks.personal, key)
        if personal or (oversize and _slices_wanted(ask) is None):
            role = Role.ALONE
        match role:
            case Role.FOLLOW:
                return self._enter(shared[key], role)
            case Role.LEAD:
                stale = self._store.get(key) or known
                return self._enter(self._launch_shared(key, ask, stale), role)
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
            case Confirmed(entry, refusal):
                purged = self._purged_before(ticket, entry.head)
                facts = HeadFacts(shareable=refusal is None, purged_after_joining=purged)
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
        elif not self._fetches.is_marked(self._marks.unsliced, key):
            asked = _slices_wanted(ask)
        if asked is not None:
            fields += _range_field(run_span(asked, LONGEST_BODY_BYTES))
        request = UpstreamRequest("GET", str(ask.target), fields, ask.request_id)
        flight = self._flight(Role.LEAD, key, ask, request)
        flight.stale, flight.asked = stale, asked
        if ask.insists:
            flight.insist(flight.requested_s)
        self._fetches.shared[key] = flight
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
            if not await self._take_answer(flight):
                flight.insist(self._clock())
                await self._take_answer(flight)
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

    async def _take_answer(self, flight: Flight) -> bool:
        """Ask and take what comes; False, and nothing is taken, when it is to be asked anew."""
        async with self._upstream.send(flight.request) as answer:
            if self._heads.is_outdated(flight, answer):
                return False
            if self._heads.take(flight, answer):
                await self._take_body(flight, answer)
        return True

    def _fail(self, flight: Flight, fault: Fault) -> None:
        self._metrics.upstream_failures(fault.code).inc()
        if flight.stale is not None:
            self._fetches.mark(self._marks.held, flight.key)
        self._end(flight, fault)

    def _end(self, flight: Flight, fault: Fault) -> None:
        self._fetches.end(flight)
        self._store.settle(flight.key.resource)
        flight.fail(fault)

    async def _take_body(self, flight: Flight, answer: UpstreamAnswer) -> None:
        in_slices = flight.entry is not None
        chunks: AsyncIterator[StoredBytes] = answer.chunks()
        filed = answer.filed
        if filed is not None and (in_slices or not flight.keep):
            chunks = filed.stretches(self._kept_file, SLICE_BYTES if in_slices else None)
        async for chunk in chunks:
            self._metrics.filled_bytes.inc(len(chunk))
            if in_slices:
                await self._slices.add(flight, chunk)
                continue
            await flight.body.append(chunk)
            if flight.keep and flight.body.length > self._config.largest_unmeasured_bytes:
                self._overflow(flight)
        if in_slices:
            self._slices.finish(flight)
        elif flight.keep:
            self._keep(flight)
        self._fetches.end(flight)
        self._store.settle(flight.key.resource)
        flight.body.finish()

    def _kept_file(
        self, descriptor: int, length: int, offset: int, sealed: "SealedFragment | None" = None
    ) -> "StoredBody | None":
        """A stretch of a file to be sent from there, where that is how this edge sends."""
        if not self._store.takes_file(length):
            return None
        if sealed is not None:
            return self._store.keep_sealed(descriptor, sealed, ByteSpan(offset, offset + length))
        return self._store.keep_file(descriptor, length, offset)

    def _overflow(self, flight: Flight) -> None:
        """The body is larger than anything we store: let it stream through from here on."""
        flight.keep = False
        self._fetches.part(flight)
        self._fetches.mark(self._marks.uncoalesced, flight.key)
        flight.body.pass_through(self._config.largest_unmeasured_bytes)
        flight.abandon_if_alone()

    def _keep(self, flight: Flight) -> None:
        """Store a body whose length nobody knew."""
        assert isinstance(flight.settled, Streaming)
        head = flight.settled.head
        key = cache_key(flight.target, head.names, flight.fields)
        entry = Entry(key, head, new_version(), flight.body.length, flight.began)
        self._slices.keep_whole(flight, entry, flight.body.seal())


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
