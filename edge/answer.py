"""Answers: a stored response, one that is still arriving, a problem, a preflight."""

from dataclasses import dataclass

from core.cache.stored import StoredHead
from core.errors import Fault
from core.http.byterange import ByteSpan
from core.http.cache_status import Handling, append_handling
from core.http.compose import own_fields, representation_fields
from core.http.cors import ALLOWED_METHODS, PREFLIGHT
from core.http.fields import Headers, first
from core.http.plan_response import ResponsePlan, plan_response
from core.http.problem import PROBLEM_TYPE, problem_body
from edge.ask import Ask
from edge.body import Piece, StoredPiece
from edge.client import Client
from edge.flight import Streaming, Ticket
from edge.slice_reader import SliceReader
from edge.store import Entry

_BODILESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Caption:
    """What an answer says of itself: the edge's name, what it did, and the time it did it."""

    edge: str
    handling: Handling
    now_s: float

    def fields(self, ask: Ask, head: StoredHead, *, aged: bool = True) -> Headers:
        """The edge's own fields for an answer made from this head."""
        return own_fields(
            age_s=head.age_s(self.now_s) if aged else None,
            cache_status=append_handling(head.cache_status, self.edge, self.handling),
            request_id=ask.request_id,
            media=ask.target.media,
        )


def plan_entry(ask: Ask, entry: Entry) -> ResponsePlan:
    """How a stored response answers a request."""
    return _plan(ask, entry.head, entry.length)


async def answer_entry(
    client: Client,
    ask: Ask,
    head: StoredHead,
    plan: ResponsePlan,
    reader: SliceReader,
    caption: Caption,
) -> None:
    """Answer from a stored response, or one that is stored as it comes.

    Raises `UpstreamChanged` and other faults of the upstream, before the client was sent anything
    where its first byte cannot be had.
    """
    if plan.fault is not None:
        await _answer_refusal(client, ask, head, plan, caption)
        return
    await reader.prepare()
    reader.begun = True
    await _begin(client, ask, head, plan, caption)
    for piece in plan.pieces():
        if isinstance(piece, bytes):
            await client.send(piece)
            continue
        async for part in reader.pieces(piece):
            await _send(client, part)
    await client.end()


async def answer_flight(client: Client, ask: Ask, ticket: Ticket, caption: Caption) -> None:
    """Answer from a fetch that is not stored as it comes, sending its bytes as they arrive."""
    settled = ticket.flight.settled
    assert isinstance(settled, Streaming)
    plan = await _plan_arriving(ask, ticket, settled)
    if plan is None:
        await _stream(client, ask, ticket, settled, caption)
    elif plan.fault is not None:
        await _answer_refusal(client, ask, settled.head, plan, caption)
    else:
        await _begin(client, ask, settled.head, plan, caption)
        for piece in plan.pieces():
            if isinstance(piece, bytes):
                await client.send(piece)
            else:
                await _send_span(client, ticket, piece)
        await client.end()


async def answer_problem(
    client: Client, fault: Fault, *, instance: str, own: Headers, more: Headers = ()
) -> None:
    """Answer with a problem document."""
    request_id = first(own, "x-request-id") or ""
    body = problem_body(fault, instance=instance, request_id=request_id)
    fields = (
        ("Content-Type", PROBLEM_TYPE),
        ("Cache-Control", "no-store"),
        *(() if fault.retry_after_s is None else (("Retry-After", str(fault.retry_after_s)),)),
        *more,
        *own,
    )
    await client.begin(fault.status, fields, len(body))
    await client.send(body)
    await client.end()


async def answer_options(client: Client, request_id: str) -> None:
    """Answer an OPTIONS that the upstream is not to be asked."""
    await client.begin(204, (("Allow", ALLOWED_METHODS), ("X-Request-Id", request_id)), None)
    await client.end()


async def answer_preflight(client: Client, request_id: str) -> None:
    """Answer an OPTIONS under `/media/` (Fetch standard, CORS preflight)."""
    fields = (("Allow", ALLOWED_METHODS), ("X-Request-Id", request_id), *PREFLIGHT)
    await client.begin(204, fields, None)
    await client.end()


def _plan(ask: Ask, head: StoredHead, length: int) -> ResponsePlan:
    """Ranges and preconditions apply to a 200 alone (RFC 9110 §13.2.1, §14.2)."""
    if head.status == 200:
        return plan_response(ask.facts(), head.representation(length))
    if head.status in _BODILESS:
        return ResponsePlan(head.status, (), content_length=None)
    parts = (ByteSpan(0, length),) if ask.method == "GET" and length else ()
    return ResponsePlan(head.status, (), parts, content_length=length)


async def _plan_arriving(ask: Ask, ticket: Ticket, settled: Streaming) -> ResponsePlan | None:
    """The plan for an answer that is arriving; None when it is to be handed on as it comes."""
    if settled.head.status != 200 or settled.refusal is not None:
        return None
    length = settled.length
    if length is None and ask.wants_range:
        length = await ticket.flight.body.measured()
    if length is not None:
        return _plan(ask, settled.head, length)
    # Preconditions need no length, and a range of an unknown length is the whole.
    plan = plan_response(ask.facts(), settled.head.representation(0))
    return plan if plan.status in {304, 412} else None


async def _begin(
    client: Client, ask: Ask, head: StoredHead, plan: ResponsePlan, caption: Caption
) -> None:
    fields = representation_fields(head.sent, plan) + caption.fields(ask, head)
    await client.begin(plan.status, fields, plan.content_length)


async def _answer_refusal(
    client: Client, ask: Ask, head: StoredHead, plan: ResponsePlan, caption: Caption
) -> None:
    assert plan.fault is not None
    await answer_problem(
        client,
        plan.fault,
        instance=ask.target.path,
        own=caption.fields(ask, head),
        more=representation_fields(head.sent, plan),
    )


async def _stream(
    client: Client, ask: Ask, ticket: Ticket, settled: Streaming, caption: Caption
) -> None:
    """Hand an answer on as it comes."""
    head = settled.head
    aged = settled.refusal is None or first(head.fields, "age") is not None
    fields = head.sent + caption.fields(ask, head, aged=aged)
    await client.begin(head.status, fields, settled.length)
    while piece := await ticket.reader.take():
        await _send(client, piece)
    await client.end()


async def _send_span(client: Client, ticket: Ticket, span: ByteSpan) -> None:
    ticket.reader.seek(span.start)
    while piece := await ticket.reader.take(span.stop):
        await _send(client, piece)


async def _send(client: Client, piece: Piece) -> None:
    if isinstance(piece, StoredPiece):
        await client.send_stored(piece.body, piece.span)
    else:
        await client.send(piece)
