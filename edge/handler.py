"""One request at the edge: read it, decide, do it, count it."""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from core.cache.coalescing import Role
from core.cache.decide import Step, decide, stands_in
from core.cache.purging import Purge
from core.cache.slices import needed
from core.errors import Fault, InternalFault
from core.http.audience import Audience
from core.http.cache_status import Forward, Handling, append_handling, write_handling
from core.http.compose import own_fields
from core.http.cors import ALLOWED_METHODS
from core.http.fields import Headers, combined, first, without
from core.http.forwarding import (
    Hop,
    forwarded_request,
    forwarded_response,
    forwards_left,
    is_trusted,
    request_id,
)
from core.http.invalidation import invalidated
from core.http.licence_path import is_licence
from core.http.media_token import TokenRefused
from core.http.plan_response import ResponsePlan
from core.http.target import MEDIA_PREFIX, Target, authority_of, read_target
from edge.answer import (
    Caption,
    answer_entry,
    answer_flight,
    answer_options,
    answer_preflight,
    answer_problem,
    plan_entry,
)
from edge.ask import Ask
from edge.client import Client
from edge.config import EdgeConfig
from edge.disk.faults import PurgeNotDurable
from edge.faults import FillKeyRefused, MethodRefused, OnlyIfCached, UpstreamBroken, UpstreamChanged
from edge.fill import Filler, Sources
from edge.flight import Confirmed, Failed, Streaming, Ticket
from edge.gate import Gate
from edge.incoming import Incoming
from edge.metrics import EdgeMetrics, Result
from edge.store import Entry, Lookup
from edge.tiers import Tiers
from edge.upstream import Upstream, UpstreamRequest
from runtime.logs import get_logger

log = get_logger(__name__)

# How often a request begins anew as what it was to be answered from has changed meanwhile.
MOST_CHANGES: Final = 4
FILL_KEY_FIELD: Final = "Sluice-Fill-Key"


class EdgeHandler:
    """Answers the requests of clients."""

    def __init__(
        self,
        config: EdgeConfig,
        tiers: Tiers,
        upstream: Upstream,
        filler: Filler,
        metrics: EdgeMetrics,
        clock: Callable[[], float],
    ) -> None:
        self._config = config
        self._tiers = tiers
        self._upstream = upstream
        self._filler = filler
        self._metrics = metrics
        self._clock = clock
        self._gate = Gate(config.media_keys)

    async def answer(self, request: Incoming, client: Client) -> None:
        """Answer one request, whatever happens."""
        began_s = time.perf_counter()
        result = Result.ABORTED
        self._metrics.active.inc()
        try:
            result = await self._answer(client, request)
        except ConnectionError:
            pass  # counted as aborted
        finally:
            self._metrics.active.dec()
            seconds = time.perf_counter() - began_s
            if result is Result.ABORTED and client.account.complete:
                result = Result(client.account.expected)  # it left with the last byte
            client.account.result = result
            self._metrics.count_answer(result, seconds, client.account)

    async def _answer(self, client: Client, request: Incoming) -> Result:
        request = _under_its_host(request)
        hop = Hop(
            request.peer,
            "http",
            is_trusted(request.peer, self._config.trusted_proxies),
            first(request.fields, "host") if self._config.pass_host else None,
        )
        identity = request_id(request.fields, hop, secrets.token_hex(8))
        client.account.request_id = identity
        try:
            if (request.method, request.target) == ("OPTIONS", "*"):
                # Of the server as a whole (RFC 9112 §3.2.4), which is this one.
                return await self._say_methods(client, identity)
            ask = Ask(
                method=request.method,
                target=read_target(request.target),
                fields=request.fields,
                hop=hop,
                request_id=identity,
                of_edge=self._config.audience is Audience.EDGES,
            )
            return await self._route(client, request, ask)
        except Fault as raised:
            fault = raised
        except ConnectionError:
            raise
        except Exception:  # the last door: whatever comes here is a bug, and is logged whole
            log.exception("request.crashed", target=request.target, request_id=identity)
            fault = InternalFault("the edge made a mistake; its log has the details")
        result = Result.ERROR if fault.status >= 500 else Result.LOCAL
        if not client.begun:
            client.account.expected = result
        await self._explain(client, request, fault, identity)
        return result

    async def _explain(
        self, client: Client, request: Incoming, fault: Fault, identity: str
    ) -> None:
        if client.begun:
            client.cut()
            return
        path = request.target.partition("?")[0]
        handling = Handling(local=True, detail=fault.code)
        status = write_handling(self._config.name, handling)
        own = own_fields(
            age_s=None, cache_status=status, request_id=identity, media=_is_media(path)
        )
        allow = (("Allow", ALLOWED_METHODS),) if isinstance(fault, MethodRefused) else ()
        await answer_problem(client, fault, instance=path, own=own, more=allow)

    async def _route(self, client: Client, request: Incoming, ask: Ask) -> Result:
        match ask.method, ask.target.media:
            case "GET" | "HEAD", False if request.body is not None:
                # What it means is between client and upstream (RFC 9110 §9.3.1): no cache knows.
                return await self._pass(client, request, ask, Forward.BYPASS)
            case "GET" | "HEAD", _:
                return await self._read(client, self._admitted(ask))
            case "OPTIONS", True:
                client.account.expected = Result.LOCAL
                await answer_preflight(client, ask.request_id)
                return Result.LOCAL
            case "POST", True if is_licence(ask.target):
                return await self._pass(client, request, self._admitted(ask), Forward.METHOD)
            case _, True:
                raise MethodRefused(f"{ask.method} is not possible under {MEDIA_PREFIX}")
            case "TRACE" | "CONNECT", _:
                # The upstream would send back what only it was to see (RFC 9110 §9.3.8), or take
                # what follows for a tunnel (§9.3.6) where we see requests.
                raise MethodRefused(f"{ask.method} is not possible here")
            case "OPTIONS", _:
                return await self._options(client, request, ask)
            case _:
                return await self._pass(client, request, ask, Forward.METHOD)

    def _admitted(self, ask: Ask) -> Ask:
        """The request under the path that the cache knows.

        Raises one of the `TokenRefused`, and `FillKeyRefused`.
        """
        shown = first(ask.fields, FILL_KEY_FIELD.lower())
        from_edge = self._config.is_fill_key(shown)
        if self._config.audience is Audience.EDGES:
            if ask.target.media and self._config.fill_key is not None and not from_edge:
                raise FillKeyRefused(f"the header {FILL_KEY_FIELD} is missing or wrong")
            return ask
        try:
            target = self._gate.admit(ask.target, self._clock(), from_edge=from_edge)
        except TokenRefused as refused:
            self._metrics.token_refusals(refused.code.partition(".")[2]).inc()
            raise
        return replace(ask, target=target)

    # GET and HEAD

    async def _read(self, client: Client, ask: Ask) -> Result:
        self._metrics.hot_keys.note(ask.target)
        for _ in range(MOST_CHANGES):
            try:
                return await self._read_once(client, ask)
            except UpstreamChanged:
                if client.begun:
                    raise
        raise UpstreamBroken("what the upstream has changes faster than it can be read")

    async def _read_once(self, client: Client, ask: Ask) -> Result:
        lookup = await self._tiers.look_up(ask)
        entry = lookup.entry
        head = None if entry is None else entry.head
        step = decide(head, self._clock(), ask.wanted, held=self._filler.held(lookup.key))
        if entry is None or step is Step.FETCH:
            return await self._fetch(client, ask, lookup)
        plan = plan_entry(ask, entry)
        sources = self._filler.sources(entry, needed(plan.parts))
        match step:
            case Step.SERVE if sources.missing:
                return await self._complete(client, ask, entry, plan, sources)
            case Step.SERVE:
                return await self._serve(client, ask, entry, plan)
            case _ if sources.missing:
                return await self._fetch(client, ask, lookup)
            case Step.SERVE_AND_REFRESH:
                self._filler.refresh(ask, entry)
                return await self._serve(client, ask, entry, plan)
            case Step.SERVE_ON_ERROR:
                return await self._serve(client, ask, entry, plan, detail="stale-if-error")

    async def _serve(
        self,
        client: Client,
        ask: Ask,
        entry: Entry,
        plan: ResponsePlan,
        *,
        detail: str | None = None,
    ) -> Result:
        """Answer from slices that are all stored."""
        now_s = self._clock()
        ttl_s = entry.head.ttl_s(now_s)
        result = client.account.expected = Result.HIT if ttl_s > 0 else Result.STALE
        await self._answer_stored(client, ask, entry, plan, Handling(ttl_s=ttl_s, detail=detail))
        return result

    async def _complete(
        self,
        client: Client,
        ask: Ask,
        entry: Entry,
        plan: ResponsePlan,
        sources: Sources,
    ) -> Result:
        """Answer from slices of which some are still to come."""
        if ask.wanted.only_if_cached:
            raise OnlyIfCached("not all of it is stored, and the upstream was not to be asked")
        if not sources.arriving and not entry.resumable:
            self._tiers.forget(entry.key)
            raise UpstreamChanged("not all of it is stored, and the rest cannot be asked for")
        reason = Forward.PARTIAL if sources.some_stored else Forward.URI_MISS
        self._metrics.misses(reason).inc()
        if sources.arriving:
            self._metrics.coalesced.inc()
        handling = Handling(
            reason,
            sources.status,
            entry.head.ttl_s(self._clock()),
            stored=True,
            collapsed=sources.arriving,
        )
        client.account.expected = Result.MISS
        await self._answer_stored(client, ask, entry, plan, handling)
        return Result.MISS

    async def _answer_stored(
        self,
        client: Client,
        ask: Ask,
        entry: Entry,
        plan: ResponsePlan,
        handling: Handling,
        ticket: Ticket | None = None,
    ) -> None:
        reader = self._filler.reader(ask, entry, plan.parts, ticket)
        caption = self._caption(handling, self._clock())
        try:
            await answer_entry(client, ask, entry.head, plan, reader, caption)
        finally:
            reader.close()

    async def _fetch(self, client: Client, ask: Ask, lookup: Lookup) -> Result:
        wanted = ask.wanted
        if wanted.only_if_cached:
            raise OnlyIfCached("nothing stored can answer, and the upstream was not to be asked")
        reason = _reason(lookup, self._clock())
        self._metrics.misses(reason).inc()
        if ask.method == "HEAD" or wanted.no_store:
            outcome: Ticket | Entry | Failed = await self._filler.obtain_alone(ask)
        else:
            outcome = await self._filler.obtain(ask, lookup.entry)
        match outcome:
            case Entry():
                raise UpstreamChanged("something usable was stored meanwhile")
            case Failed(fault):
                return await self._stand_in(client, ask, lookup, fault)
            case Ticket():
                try:
                    return await self._serve_ticket(client, ask, outcome, reason)
                finally:
                    outcome.leave()

    async def _serve_ticket(
        self, client: Client, ask: Ask, ticket: Ticket, reason: Forward
    ) -> Result:
        now_s = self._clock()
        collapsed = ticket.role is Role.FOLLOW
        if collapsed:
            self._metrics.coalesced.inc()
        match ticket.flight.settled:
            case Confirmed(entry, refusal):
                handling = Handling(
                    reason,
                    304,
                    entry.head.ttl_s(now_s) if refusal is None else None,
                    stored=refusal is None,
                    collapsed=collapsed,
                    detail=refusal,
                )
                plan = plan_entry(ask, entry)
                client.account.expected = Result.REVALIDATED
                await self._answer_stored(client, ask, entry, plan, handling)
                return Result.REVALIDATED
            case Streaming(head, status, _, refusal, entry):
                stored = ticket.flight.keep
                handling = Handling(
                    reason,
                    status,
                    head.ttl_s(now_s) if stored else None,
                    stored=stored,
                    collapsed=collapsed,
                    detail=refusal,
                )
                result = client.account.expected = Result.MISS if stored else Result.PASS
                if entry is None:
                    await answer_flight(client, ask, ticket, self._caption(handling, now_s))
                else:
                    plan = plan_entry(ask, entry)
                    await self._answer_stored(client, ask, entry, plan, handling, ticket)
                return result
            case unexpected:
                raise AssertionError(f"a ticket was given out for {unexpected}")

    async def _stand_in(self, client: Client, ask: Ask, lookup: Lookup, fault: Fault) -> Result:
        """The upstream failed: a stale response if one may be used, else the problem."""
        entry = self._tiers.memory.get(lookup.key) or lookup.entry
        now_s = self._clock()
        if entry is not None and stands_in(entry.head, now_s, ask.wanted):
            plan = plan_entry(ask, entry)
            if not self._filler.sources(entry, needed(plan.parts)).missing:
                ttl_s = entry.head.ttl_s(now_s)
                handling = Handling(Forward.STALE, ttl_s=ttl_s, detail="stale-if-error")
                client.account.expected = Result.STALE
                await self._answer_stored(client, ask, entry, plan, handling)
                return Result.STALE
        handling = Handling(_reason(lookup, now_s), detail=fault.code)
        own = own_fields(
            age_s=None,
            cache_status=append_handling(None, self._config.name, handling),
            request_id=ask.request_id,
            media=ask.target.media,
        )
        client.account.expected = Result.ERROR
        await answer_problem(client, fault, instance=ask.target.path, own=own)
        return Result.ERROR

    def _caption(self, handling: Handling, now_s: float) -> Caption:
        return Caption(self._config.name, handling, now_s)

    # Everything else: outside /media/, and licences

    async def _options(self, client: Client, request: Incoming, ask: Ask) -> Result:
        """Pass an OPTIONS on, or answer it where it is to go no further (RFC 9110 §7.6.2)."""
        left = forwards_left(ask.fields)
        if left == 0:
            return await self._say_methods(client, ask.request_id)
        if left is not None:
            kept = without(ask.fields, {"max-forwards"})
            ask = replace(ask, fields=(*kept, ("Max-Forwards", str(left - 1))))
        return await self._pass(client, request, ask, Forward.METHOD)

    async def _say_methods(self, client: Client, identity: str) -> Result:
        """Answer an OPTIONS that goes no further."""
        client.account.expected = Result.LOCAL
        await answer_options(client, identity)
        return Result.LOCAL

    async def _pass(self, client: Client, request: Incoming, ask: Ask, reason: Forward) -> Result:
        """Stream a request that no cache can answer to the upstream, and its answer back."""
        length = first(ask.fields, "content-length")
        media = ask.target.media
        fields = forwarded_request(ask.fields, ask.hop, self._config.name, media=media)
        if length is not None:
            fields = (*fields, ("Content-Length", length))
        upstream_request = UpstreamRequest(ask.method, str(ask.target), fields, ask.request_id)
        async with self._upstream.send(upstream_request, request.body) as answer:
            if not media:
                await self._invalidate(ask, answer.status, answer.headers)
            client.account.expected = Result.PASS
            await client.begin(
                answer.status,
                self._passed_fields(ask, answer.headers, Handling(reason, answer.status)),
                answer.length,
            )
            async for chunk in answer.chunks():
                await client.send(chunk)
        await client.end()
        return Result.PASS

    async def _invalidate(self, ask: Ask, status: int, answer: Headers) -> None:
        host = (first(ask.fields, "host") or "").lower()
        authorities = {host, self._config.upstream.partition("://")[2].partition("/")[0].lower()}
        untrue = invalidated(ask.method, status, ask.target, answer, authorities)
        if not untrue:
            return
        try:
            await self._filler.purge(Purge(resources=untrue))
        except PurgeNotDurable as fault:
            # The upstream has done it, so its answer stands; what is stored here is gone already.
            log.error("invalidation.not_durable", target=str(ask.target), reason=fault.message)  # noqa: TRY400

    def _passed_fields(self, ask: Ask, headers: Headers, handling: Handling) -> Headers:
        media = ask.target.media
        return forwarded_response(headers, media=media) + own_fields(
            age_s=None,
            cache_status=append_handling(
                combined(headers, "cache-status"), self._config.name, handling
            ),
            request_id=ask.request_id,
            media=media,
        )


def _under_its_host(request: Incoming) -> Incoming:
    """The request with the Host that its target names, if it names one (RFC 9112 §3.2.2)."""
    authority = authority_of(request.target)
    if authority is None:
        return request
    return replace(request, fields=(("Host", authority), *without(request.fields, {"host"})))


def _reason(lookup: Lookup, now_s: float) -> Forward:
    if lookup.entry is not None:
        usable = decide(lookup.entry.head, now_s, held=False) is not Step.FETCH
        return Forward.REQUEST if usable else Forward.STALE
    return Forward.VARY_MISS if lookup.other_variants else Forward.URI_MISS


def _is_media(path: str) -> bool:
    """Whether an error at this path gets the media fields; refused spellings do, too."""
    try:
        target: Target | None = read_target(path)
    except Fault:
        target = None
    return target is None or target.media
