"""How a GET or HEAD of one representation is answered: status, fields, bytes (RFC 9110 §13-15).

The plan is numbers and framing only: whoever holds the bytes carries it out. Origin delivery and
the edge use the same function, so a range means the same thing wherever it is asked for.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.errors import Fault
from core.http.byterange import ByteSpan, Outcome, UnsatisfiableRange, resolve
from core.http.conditional import (
    Evaluation,
    FailedPrecondition,
    Preconditions,
    Validators,
    evaluate,
    if_range_holds,
)
from core.http.dates import format_http_date
from core.http.fields import Headers


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """The request fields that decide how a representation is sent; None where absent."""

    method: str = "GET"
    range: str | None = None
    if_range: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None


@dataclass(frozen=True, slots=True)
class RepresentationFacts:
    """What is known of the representation: its length in bytes, validators and media type.

    `weak_date` is as `Validators` has it.
    """

    length: int
    etag: str | None = None
    last_modified_s: int | None = None
    content_type: str | None = None
    weak_date: bool = False


@dataclass(frozen=True, slots=True)
class ResponsePlan:
    """One answer.

    `headers` hold all fields that follow from the representation and the request, except
    Content-Length. `content_length` is None where the field must not be sent (304). `parts` are the
    spans to send; in a multipart answer `framing` has the bytes before each part and, last, those
    after the final one. Both are empty for HEAD. With status 412 or 416 `fault` says why; its
    problem document is the body, so `content_length` is then 0.
    """

    status: int
    headers: Headers
    parts: tuple[ByteSpan, ...] = ()
    framing: tuple[bytes, ...] = ()
    content_length: int | None = 0
    fault: Fault | None = None

    def pieces(self) -> Iterator[bytes | ByteSpan]:
        """The body in order: framing as bytes, spans to be cut from the representation."""
        if not self.framing:
            yield from self.parts
            return
        for before, span in zip(self.framing, self.parts, strict=False):
            yield before
            yield span
        yield self.framing[-1]


def is_settled(request: RequestFacts, etag: str | None) -> bool:
    """Whether the answer follows from the preconditions, so that it has none of the bytes."""
    return _evaluate(request, Validators(etag, None)) is not Evaluation.PROCEED


def plan_response(request: RequestFacts, representation: RepresentationFacts) -> ResponsePlan:
    """Decide the answer to a GET or HEAD whose plain answer would be 200."""
    current = Validators(
        representation.etag, representation.last_modified_s, representation.weak_date
    )
    match _evaluate(request, current):
        case Evaluation.FAILED:
            fault = FailedPrecondition("the representation is not the one the request names")
            return ResponsePlan(412, (), fault=fault)
        case Evaluation.NOT_MODIFIED:
            return ResponsePlan(304, _validator_fields(representation), content_length=None)
        case Evaluation.PROCEED:
            return _plan_body(request, representation, current)


def _evaluate(request: RequestFacts, current: Validators) -> Evaluation:
    conditions = Preconditions(
        request.if_match,
        request.if_unmodified_since,
        request.if_none_match,
        request.if_modified_since,
    )
    return evaluate(request.method, conditions, current)


def _plan_body(
    request: RequestFacts, representation: RepresentationFacts, current: Validators
) -> ResponsePlan:
    # Range has a meaning for GET alone (RFC 9110 §14.2).
    if request.method != "GET" or request.range is None:
        return _whole(request.method, representation)
    if request.if_range is not None and not if_range_holds(request.if_range, current):
        return _whole(request.method, representation)
    match resolve(request.range, representation.length):
        case Outcome.WHOLE:
            return _whole(request.method, representation)
        case Outcome.UNSATISFIABLE:
            return _unsatisfiable(representation)
        case (span,):
            return _single(span, representation)
        case spans:
            return _multiple(spans, representation)


def _whole(method: str, representation: RepresentationFacts) -> ResponsePlan:
    length = representation.length
    wanted = method == "GET" and length > 0
    return ResponsePlan(
        200,
        _type_field(representation.content_type) + _validator_fields(representation),
        parts=(ByteSpan(0, length),) if wanted else (),
        content_length=length,
    )


def _unsatisfiable(representation: RepresentationFacts) -> ResponsePlan:
    headers = (("Content-Range", f"bytes */{representation.length}"), ("Accept-Ranges", "bytes"))
    return ResponsePlan(416, headers, fault=UnsatisfiableRange(representation.length))


def _single(span: ByteSpan, representation: RepresentationFacts) -> ResponsePlan:
    headers = (
        *_type_field(representation.content_type),
        ("Content-Range", span.content_range(representation.length)),
        *_validator_fields(representation),
    )
    return ResponsePlan(206, headers, parts=(span,), content_length=span.length)


def _multiple(spans: Sequence[ByteSpan], representation: RepresentationFacts) -> ResponsePlan:
    """A multipart/byteranges answer (RFC 9110 §14.6)."""
    boundary = _boundary(spans, representation)
    framing = [
        _part_head(boundary, span, representation, first=place == 0)
        for place, span in enumerate(spans)
    ]
    framing.append(f"\r\n--{boundary}--\r\n".encode("ascii"))
    headers = (
        ("Content-Type", f"multipart/byteranges; boundary={boundary}"),
        *_validator_fields(representation),
    )
    length = sum(map(len, framing)) + sum(span.length for span in spans)
    return ResponsePlan(206, headers, tuple(spans), tuple(framing), length)


def _part_head(
    boundary: str, span: ByteSpan, representation: RepresentationFacts, *, first: bool
) -> bytes:
    lines = ["" if first else "\r\n", f"--{boundary}\r\n"]
    if representation.content_type is not None:
        lines.append(f"Content-Type: {representation.content_type}\r\n")
    lines.append(f"Content-Range: {span.content_range(representation.length)}\r\n\r\n")
    return "".join(lines).encode("utf-8", "surrogateescape")


def _boundary(spans: Sequence[ByteSpan], representation: RepresentationFacts) -> str:
    """A boundary that depends on the request and the representation, and on nothing else.

    The same question therefore has the same answer on every node, byte for byte.
    """
    seed = f"{representation.etag} {representation.length} {spans}".encode("utf-8", "replace")
    return hashlib.sha256(seed).hexdigest()[:32]


def _type_field(content_type: str | None) -> Headers:
    return () if content_type is None else (("Content-Type", content_type),)


def _validator_fields(representation: RepresentationFacts) -> Headers:
    fields = [("Accept-Ranges", "bytes")]
    if representation.etag is not None:
        fields.append(("ETag", representation.etag))
    if representation.last_modified_s is not None:
        fields.append(("Last-Modified", format_http_date(representation.last_modified_s)))
    return tuple(fields)
