"""What the head of an upstream's answer means: to the fetch, to those aboard, to what is stored.

The rules are in `core.http.storable`, `core.cache.decide` and `core.http.partial`.
"""

from collections.abc import Callable
from dataclasses import replace

from core.cache.coalescing import Role
from core.cache.decide import UNWELL_STATUSES, Step, decide, stands_in
from core.cache.marks import Marks
from core.cache.outdated import made_s
from core.cache.slices import SLICE_BYTES, run_span
from core.cache.stored import (
    Arrival,
    StoredHead,
    confirmed,
    confirms,
    freshened,
    same_representation,
    stored_head,
)
from core.errors import Fault
from core.http.audience import Audience
from core.http.cache_key import CacheKey, cache_key
from core.http.fields import Headers, first
from core.http.forwarding import surrogate_keys
from core.http.partial import Part, read_part
from core.http.request_directives import RequestDirectives, heeded, request_directives
from core.http.storable import FOR_ONE_CLIENT, AnswerFacts, FetchFacts, Refusal, storable
from edge.config import EdgeConfig
from edge.faults import UpstreamUnwell
from edge.fetches import Fetches
from edge.flight import PASS_WINDOW_BYTES, Confirmed, Flight, Streaming, Void
from edge.store import Entry, new_version
from edge.tiers import Tiers
from edge.tracks import NUMBER_MARK
from edge.upstream import UpstreamAnswer
from runtime.logs import get_logger

log = get_logger(__name__)


class HeadTaker:
    """Takes in the heads of one edge's fetches."""

    def __init__(
        self, config: EdgeConfig, tiers: Tiers, fetches: Fetches, clock: Callable[[], float]
    ) -> None:
        self._config = config
        self._tiers = tiers
        self._store = tiers.memory
        self._fetches = fetches
        self._marks = fetches.marks
        self._clock = clock

    def is_outdated(self, flight: Flight, answer: UpstreamAnswer) -> bool:
        """Whether to ask anew, because a cache above made this answer before a purge we know of.

        An answer that is so even when asked for anew counts as that of a fetch begun before the
        purge: it is delivered, and neither stored nor shared with who came later.
        """
        at_s = made_s(answer.headers, flight.requested_s, insisted=flight.insisted)
        # More slices of what is stored are of the same body, whoever has them.
        if at_s is None or flight.role is Role.ALONE or flight.entry is not None:
            return False
        known = frozenset() if flight.stale is None else flight.stale.head.tags
        tags = surrogate_keys(answer.headers) | known
        purge = self._store.purges.latest_after(flight.key.resource, tags, at_s)
        if purge is None:
            return False
        if flight.insisted:
            flight.began = min(flight.began, purge - 1)
        return not flight.insisted

    def take(self, flight: Flight, answer: UpstreamAnswer) -> bool:
        """Settle the flight by its head; return whether its body is wanted."""
        arrival = Arrival(flight.requested_s, self._clock())
        self._show_track(flight, answer, arrival)
        if flight.stale is not None:
            if answer.status == 304:
                self._take_confirmation(flight, flight.stale, answer, arrival)
                return False
            if answer.status in UNWELL_STATUSES and stands_in(
                flight.stale.head, arrival.received_s, self._wanted(flight)
            ):
                raise UpstreamUnwell(f"the upstream answered {answer.status}")
        if flight.asked is not None:
            if answer.status in {206, 416}:
                return self._take_part(flight, answer, arrival)
            self._take_for_whole(flight, answer)
        head = self._stored_head(flight, answer.status, answer.headers, arrival)
        refusal = self._refusal(flight, head, answer)
        if refusal is Refusal.METHOD and answer.status == 200:
            self._freshen(flight, answer, arrival)
        if refusal is None:
            self._expect(flight, head, answer.length)
        else:
            self._give_up_sharing(flight, head.status, refusal)
        flight.settle(Streaming(head, answer.status, answer.length, refusal, flight.entry))
        return flight.keep or flight.body.has_readers

    def _show_track(self, flight: Flight, answer: UpstreamAnswer, arrival: Arrival) -> None:
        """Let the track that this is a segment of be answered from its files.

        Only if nothing was purged since the fetch began: what it says holds for other URLs, too.
        """
        tracks, filed = self._store.tracks, answer.filed
        if tracks is None or filed is None or filed.track is None:
            return
        folder, _, name = flight.key.resource.rpartition("/")
        if "?" in name or flight.began != self._store.purges.last:
            return
        if not tracks.is_new(folder, arrival.received_s):
            try:
                track = filed.track()
            except Fault as fault:  # its key may be gone, and this answer is good all the same
                log.warning("fetch.no_track", reason=fault.message, folder=folder)
                return
            head = self._stored_head(flight, 200, track.fields(NUMBER_MARK), arrival)
            tracks.show(folder, head, track)

    def _take_part(self, flight: Flight, answer: UpstreamAnswer, arrival: Arrival) -> bool:
        """Settle a fetch of slices by the head of a part, or by there being no such part."""
        part = read_part(answer.status, answer.headers)
        if part is None or not _is_asked_for(flight, part, answer):
            self._take_useless(flight)
            return False
        if flight.entry is not None:
            flight.settle(Streaming(flight.entry.head, 206, part.total, None, flight.entry))
            return True
        head = self._stored_head(flight, 200, part.fields, arrival)
        fetch = _fetch_facts(flight)
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
        self._fetches.part(flight)
        self._fetches.stop_bringing(flight)
        if flight.entry is not None:
            self._tiers.forget(flight.entry.key)
        else:
            self._fetches.mark(self._marks.unsliced, flight.key)
        flight.settle(Void())

    def _take_for_whole(self, flight: Flight, answer: UpstreamAnswer) -> None:
        """Slices were asked for, and something whole is coming."""
        flight.asked = None
        if flight.entry is None:
            return
        if answer.status in UNWELL_STATUSES:
            raise UpstreamUnwell(f"the upstream answered {answer.status}")
        self._fetches.stop_bringing(flight)
        self._tiers.forget(flight.entry.key)
        flight.entry, flight.stored, flight.keep = None, False, False
        flight.body.restart(0)
        self._fetches.shared.setdefault(flight.key, flight)

    def _refusal(self, flight: Flight, head: StoredHead, answer: UpstreamAnswer) -> Refusal | None:
        facts = AnswerFacts(head.status, head.fields, answer.length, answer.framed, head.allowed)
        return storable(_fetch_facts(flight), facts, self._config.largest_whole_bytes)

    def _expect(self, flight: Flight, head: StoredHead, length: int | None) -> None:
        """Prepare to store what is coming."""
        flight.keep = True
        if length is not None:
            key = cache_key(flight.target, head.names, flight.fields)
            self._fetches.bring(flight, Entry(key, head, new_version(), length, flight.began))
        self._marks.uncoalesced.discard(flight.key)
        if _fetch_facts(flight).authorized:
            self._marks.personal.discard(flight.key)
        self._marks.held.discard(flight.key)
        self._store.learn(flight.key.resource, head.names)
        usable = decide(head, self._clock(), held=False) is not Step.FETCH
        if not usable or self._is_purged(flight, head):
            self._fetches.part(flight)  # who comes now needs an answer of their own

    def _give_up_sharing(self, flight: Flight, status: int, refusal: Refusal) -> None:
        """Release the waiters to fetches of their own, and do not gather new ones for a while."""
        self._fetches.part(flight)
        flight.body.pass_through(PASS_WINDOW_BYTES)
        if flight.role is Role.LEAD and status < 500:
            # Slices of it may still be stored for those who ask for a range.
            by_slices = refusal is Refusal.TOO_LARGE and flight.asked is None
            marks = self._marks.oversize if by_slices else self._unshared(refusal)
            self._fetches.mark(marks, flight.key)
            if refusal is not Refusal.AUTHORIZATION:
                self._tiers.forget(flight.key)  # what was stored is not what the upstream says now

    def _unshared(self, refusal: Refusal) -> Marks[CacheKey]:
        """Where is remembered that an answer to a shared fetch was for one client only."""
        personal = refusal is Refusal.AUTHORIZATION
        return self._marks.personal if personal else self._marks.uncoalesced

    def _take_confirmation(
        self, flight: Flight, stale: Entry, answer: UpstreamAnswer, arrival: Arrival
    ) -> None:
        self._fetches.part(flight)
        if not confirms(answer.headers, stale.head):
            self._tiers.forget(stale.key)
            flight.settle(Void())
            return
        self._marks.held.discard(flight.key)
        head = confirmed(stale.head, answer.headers, arrival)
        refusal = _renewal_refusal(_fetch_facts(flight), head)
        if refusal is not None and refusal not in FOR_ONE_CLIENT:
            self._tiers.forget(stale.key)  # no shared cache may keep what it has become
            flight.settle(Void())
            return
        key = cache_key(flight.target, head.names, flight.fields)
        entry = replace(stale, key=key, head=head, began=flight.began)
        if refusal is not None:
            entry = replace(entry, key=stale.key)
            self._fetches.mark(self._unshared(refusal), flight.key)
        elif not self._is_purged(flight, head):
            if key == stale.key:
                self._tiers.renew(entry)
            else:
                self._tiers.move(stale, entry)
            self._confirm_twins(entry, answer, arrival)
        flight.settle(Confirmed(entry, refusal))

    def _confirm_twins(self, entry: Entry, answer: UpstreamAnswer, arrival: Arrival) -> None:
        """Renew the other variants that have the body which was confirmed (RFC 9111 §4.3.4)."""
        for twin in self._store.variants(entry.key.resource):
            if twin.key != entry.key and same_representation(twin.head, entry.head):
                head = confirmed(twin.head, answer.headers, arrival)
                self._tiers.renew(replace(twin, head=head, began=entry.began))

    def _freshen(self, flight: Flight, answer: UpstreamAnswer, arrival: Arrival) -> None:
        """Renew what is stored by the answer to a HEAD, or forget it when it is another one now."""
        entry = self._store.get(flight.key)
        fetch = replace(_fetch_facts(flight), method="GET")
        if entry is None or entry.head.status != 200 or fetch.no_store:
            return
        told = self._stored_head(flight, 200, answer.headers, arrival)
        if _renewal_refusal(fetch, told) is Refusal.AUTHORIZATION:
            return
        head = freshened(entry.head, entry.length, answer.headers, arrival)
        refusal = None if head is None else _renewal_refusal(fetch, head)
        if refusal in FOR_ONE_CLIENT:
            return
        if head is None or refusal is not None or head.names != entry.head.names:
            self._tiers.forget(entry.key)
        elif not self._is_purged(flight, head):
            self._tiers.renew(replace(entry, head=head, began=flight.began))

    def _wanted(self, flight: Flight) -> RequestDirectives:
        """What the request that began a fetch says about the response it will take."""
        of_viewer = self._config.audience is Audience.VIEWERS
        return heeded(flight.fields, media=flight.target.media and of_viewer)

    def _stored_head(
        self, flight: Flight, status: int, headers: Headers, arrival: Arrival
    ) -> StoredHead:
        return stored_head(
            status, headers, arrival, media=flight.target.media, terms=self._config.terms
        )

    def _is_purged(self, flight: Flight, head: StoredHead) -> bool:
        log = self._store.purges
        covering = log.latest_covering(flight.key.resource, head.tags, flight.began)
        return covering is not None


def _fetch_facts(flight: Flight) -> FetchFacts:
    fields = flight.request.fields
    return FetchFacts(
        method=flight.request.method,
        # Who goes alone sends the range of its client.
        partial=flight.role is Role.ALONE and first(fields, "range") is not None,
        authorized=first(fields, "authorization") is not None,
        no_store=request_directives(fields).no_store,
    )


def _renewal_refusal(fetch: FetchFacts, head: StoredHead) -> Refusal | None:
    """Why what is stored may not get this head, which an answer without a body renewed."""
    facts = AnswerFacts(head.status, head.fields, None, True, head.allowed)
    return storable(fetch, facts, 0)


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
