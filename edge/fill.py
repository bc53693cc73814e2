"""Filling: every fetch from the upstream, who shares it, and what of it is stored.

A fetch is a task of its own, not of the client that caused it, so it outlives that client when
others wait for it or when it is worth storing. The rules are in `core.cache.coalescing` and
`core.http.storable`; this module carries them out.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
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
from core.cache.stored import (
    Arrival,
    StoredHead,
    confirmed,
    confirms,
    freshened,
    same_representation,
    stored_head,
    validation_fields,
)
from core.errors import Fault, InternalFault
from core.http.audience import Audience
from core.http.cache_key import CacheKey, cache_key
from core.http.fields import first, without
from core.http.forwarding import fill_request, forwarded_request
from core.http.request_directives import request_directives
from core.http.storable import AnswerFacts, FetchFacts, Refusal, storable
from core.http.vary import variant
from edge.ask import Ask
from edge.config import EdgeConfig
from edge.disk.tier import DiskTier
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
from edge.store import Entry, MemoryStore
from edge.upstream import Upstream, UpstreamAnswer, UpstreamRequest
from runtime.logs import get_logger

log = get_logger(__name__)

Clock = Callable[[], float]
_DIRECTIVES: Final = ("cache-control", "pragma")
_STOPPED: Final = "the edge stopped this fetch"


class Filler:
    """The fetches of one edge."""

    def __init__(
        self,
        config: EdgeConfig,
        store: MemoryStore,
        upstream: Upstream,
        metrics: EdgeMetrics,
        clock: Clock,
        tier: DiskTier | None = None,
    ) -> None:
        self._tier = tier
        self._config = config
        self._store = store
        self._upstream = upstream
        self._metrics = metrics
        self._clock = clock
        self._shared: dict[CacheKey, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._uncoalesced: Marks[CacheKey] = Marks(UNCOALESCED_FOR_S)
        self._held: Marks[CacheKey] = Marks(HELD_FOR_S)

    @property
    def fetches(self) -> int:
        """How many fetches are under way."""
        return len(self._tasks)

    def held(self, key: CacheKey) -> bool:
        """Whether the last try to refresh this key failed moments ago."""
        return self._held.holds(key, self._clock())

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
            entry = self._store.look_up(ask.target, ask.fields).entry
            head = None if entry is None else entry.head
            if entry and decide(head, self._clock(), ask.wanted, held=False) is Step.SERVE:
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
            # It is our own wish, not one of the client that happened to come by.
            own = replace(ask, fields=without(ask.fields, _DIRECTIVES))
            self._launch_shared(entry.key, own, entry)

    async def purge(self, purge: Purge) -> int:
        """Purge what is stored, and part new requests from the fetches that began before.

        For this process that is done before the first wait; on return no crash can undo it. Raises
        `PurgeNotDurable`.
        """
        count = self._purge_memory(purge)
        if self._tier is not None:
            count = max(count, await self._tier.purge(purge, self._clock()))
        return count

    def _purge_memory(self, purge: Purge) -> int:
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
        role = join(self._shared, self._uncoalesced, key, self._clock(), releases)
        match role:
            case Role.FOLLOW:
                return self._enter(self._shared[key], role)
            case Role.LEAD:
                return self._enter(self._launch_shared(key, ask, self._store.get(key)), role)
            case Role.ALONE:
                return self._enter(self._launch_alone(ask), role)

    def _enter(self, flight: Flight, role: Role) -> Ticket:
        return Ticket(flight, role, self._store.purges.last, flight.body.open())

    async def _settled(self, ticket: Ticket) -> Settled:
        try:
            return await ticket.flight.outcome()
        except asyncio.CancelledError:
            ticket.leave()
            raise

    def _may_use(self, ticket: Ticket, settled: Settled, ask: Ask) -> bool:
        match settled:
            case Streaming(head, _, refusal):
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
        if stale is not None:
            fields += validation_fields(stale.head)
        request = UpstreamRequest("GET", str(ask.target), fields, ask.request_id)
        flight = self._launch(Role.LEAD, key, ask, request, stale)
        self._shared[key] = flight
        return flight

    def _launch_alone(self, ask: Ask) -> Flight:
        fields = forwarded_request(ask.fields, ask.hop, self._config.name, media=ask.target.media)
        key = self._store.key(ask.target, ask.fields)
        request = UpstreamRequest(ask.method, str(ask.target), fields, ask.request_id)
        return self._launch(Role.ALONE, key, ask, request, None)

    def _launch(
        self, role: Role, key: CacheKey, ask: Ask, request: UpstreamRequest, stale: Entry | None
    ) -> Flight:
        flight = Flight(
            key=key,
            target=ask.target,
            request=request,
            fields=ask.fields,
            role=role,
            began=self._store.purges.last,
            requested_s=self._clock(),
            stale=stale,
        )
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
        self._store.settle(flight.key.resource)
        flight.fail(fault)

    def _part(self, flight: Flight) -> None:
        """Let nobody else join this fetch."""
        if self._shared.get(flight.key) is flight:
            del self._shared[flight.key]

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
        head = stored_head(
            answer.status,
            answer.headers,
            arrival,
            media=flight.target.media,
            tagged=self._config.audience is Audience.EDGES,
            missing_s=self._config.negative_ttl_s,
        )
        refusal = self._refusal(flight, head, answer)
        if refusal is Refusal.METHOD and answer.status == 200:
            self._freshen(flight, answer, arrival)
        if refusal is None:
            self._expect(flight, head)
        else:
            self._give_up_sharing(flight, head.status)
        flight.settle(Streaming(head, answer.length, refusal))
        return flight.keep or flight.body.has_readers

    def _refusal(self, flight: Flight, head: StoredHead, answer: UpstreamAnswer) -> Refusal | None:
        fetch = FetchFacts(
            method=flight.request.method,
            partial=first(flight.request.fields, "range") is not None,
            authorized=first(flight.request.fields, "authorization") is not None,
            no_store=request_directives(flight.request.fields).no_store,
        )
        facts = AnswerFacts(head.status, head.fields, answer.length, answer.framed, head.allowed)
        return storable(fetch, facts, self._config.max_object_bytes)

    def _expect(self, flight: Flight, head: StoredHead) -> None:
        """Prepare to store what is coming."""
        flight.keep = True
        self._uncoalesced.discard(flight.key)
        self._held.discard(flight.key)
        self._store.learn(flight.key.resource, head.names)
        usable = decide(head, self._clock(), held=False) is not Step.FETCH
        if not usable or self._covering_purge(flight, head) is not None:
            self._part(flight)  # who comes now needs an answer of their own

    def _give_up_sharing(self, flight: Flight, status: int) -> None:
        """Release the waiters to fetches of their own, and do not gather new ones for a while."""
        self._part(flight)
        flight.body.pass_through(PASS_WINDOW_BYTES)
        if flight.role is Role.LEAD and status < 500:
            self._uncoalesced.add(flight.key, self._clock())
            self._store.remove(flight.key)  # what was stored is not what the upstream says now

    def _take_confirmation(
        self, flight: Flight, stale: Entry, answer: UpstreamAnswer, arrival: Arrival
    ) -> None:
        self._part(flight)
        if not confirms(answer.headers, stale.head):
            self._store.remove(stale.key)
            flight.settle(Void())
            return
        self._held.discard(flight.key)
        head = confirmed(stale.head, answer.headers, arrival)
        key = cache_key(flight.target, head.names, flight.fields)
        entry = Entry(key, head, stale.body)
        if self._covering_purge(flight, head) is None:
            self._store.learn(key.resource, head.names)
            self._store.put(entry)
            self._confirm_twins(entry, answer, arrival)
        flight.settle(Confirmed(entry))

    def _confirm_twins(self, entry: Entry, answer: UpstreamAnswer, arrival: Arrival) -> None:
        """Renew the other variants that have the body which was confirmed (RFC 9111 §4.3.4)."""
        for twin in self._store.variants(entry.key.resource):
            if twin.key != entry.key and same_representation(twin.head, entry.head):
                self._store.put(replace(twin, head=confirmed(twin.head, answer.headers, arrival)))

    def _freshen(self, flight: Flight, answer: UpstreamAnswer, arrival: Arrival) -> None:
        """Renew what is stored by the answer to a HEAD, or forget it when it is another one now."""
        entry = self._store.get(flight.key)
        if entry is None or entry.head.status != 200:
            return
        head = freshened(entry.head, len(entry.body), answer.headers, arrival)
        if head is None or head.names != entry.head.names:
            self._store.remove(entry.key)
        elif self._covering_purge(flight, head) is None:
            self._store.put(replace(entry, head=head))

    async def _take_body(self, flight: Flight, answer: UpstreamAnswer) -> None:
        async for chunk in answer.chunks():
            self._metrics.filled_bytes.inc(len(chunk))
            await flight.body.append(chunk)
            if flight.keep and flight.body.length > self._config.max_object_bytes:
                self._overflow(flight)
        if flight.keep:
            self._keep(flight)
        self._part(flight)
        self._store.settle(flight.key.resource)
        flight.body.finish()

    def _overflow(self, flight: Flight) -> None:
        """The body is larger than anything we store: let it stream through from here on."""
        flight.keep = False
        self._part(flight)
        self._uncoalesced.add(flight.key, self._clock())
        flight.body.pass_through(self._config.max_object_bytes)
        flight.abandon_if_alone()

    def _keep(self, flight: Flight) -> None:
        """Store a body that has come whole, unless it was purged meanwhile."""
        assert isinstance(flight.settled, Streaming)
        head = flight.settled.head
        body = flight.body.seal()
        if self._covering_purge(flight, head) is None:
            key = cache_key(flight.target, head.names, flight.fields)
            self._store.put(Entry(key, head, body))


def _same_variant(head: StoredHead, ask: Ask, flight: Flight) -> bool:
    return variant(head.names, ask.fields) == variant(head.names, flight.fields)
