"""Answers of the pipeline: a representation as conditions and ranges ask for it, or a problem."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from core.errors import Fault
from core.http.fields import Headers, combined, first
from core.http.plan_response import (
    RepresentationFacts,
    RequestFacts,
    ResponsePlan,
    is_settled,
    plan_response,
)
from core.http.problem import PROBLEM_TYPE, problem_body
from origin.delivery.reading import CHUNK_BYTES, FileReader
from origin.delivery.representation import (
    CachePolicy,
    FilePart,
    HeldPart,
    Part,
    PendingPart,
    Representation,
    SealedPart,
    TrackSegments,
)

if TYPE_CHECKING:
    from native import FragmentCipher, SealedFragment, StoredBody

NO_STORE: Final = ("Cache-Control", "no-store")
# For the cache in front of us, which keeps the field to itself (RFC 9213). What a hash names does
# not change, but it can be deleted: the age bounds how long an announcement of that which was lost
# goes unnoticed, as it does for titles. Everything else is asked about each time.
LISTENING_AGE_S: Final = 30
DEAF_AGE_S: Final = 1


class Asked(Protocol):
    """A request: a method, a target in origin-form, and fields."""

    @property
    def method(self) -> str:
        """The method."""

    @property
    def target(self) -> str:
        """The path and the query."""

    @property
    def fields(self) -> Headers:
        """The fields that are meant for us."""

    @property
    def request_id(self) -> str:
        """What the request is called in logs and problem documents."""


class KeepFile(Protocol):
    """Makes a body of a stretch of a file, to be sent from there."""

    def __call__(
        self, descriptor: int, length: int, offset: int, sealed: "SealedFragment | None" = None
    ) -> "StoredBody | None":
        """So many bytes of the file, `offset` of them before; None where that is not possible.

        With `sealed` they are bytes of a fragment whose samples are in the file.
        """


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A track as whoever serves it can answer its segments without us; `one` is one of them."""

    one: Representation
    segments: TrackSegments
    listening: bool

    @property
    def first(self) -> Sequence[int]:
        """The first sample of each segment."""
        return self.segments.first

    @property
    def count(self) -> Sequence[int]:
        """How many samples each has; none where it is not to be answered."""
        return self.segments.count

    @property
    def cipher(self) -> "FragmentCipher | None":
        """What encrypts them; None where they are clear."""
        return self.segments.cipher

    @property
    def sample_count(self) -> int:
        """How many the track has."""
        return self.segments.track.index.sample_count

    @property
    def samples(self) -> tuple[int, int]:
        """The descriptor of the flat file, and its bytes."""
        track = self.segments.track
        return track.flat, track.index.data_length

    @property
    def index(self) -> tuple[int, int]:
        """The descriptor of the index, and its bytes."""
        return self.segments.track.rows, self.segments.track.index_bytes

    def fields(self, number: str) -> Headers:
        """The fields of the answer with the whole of a segment, but for Content-Length."""
        segment = replace(self.one, etag=self.segments.etag(number))
        plan = plan_response(RequestFacts(), _facts(segment))
        return _fields(plan, segment, listening=self.listening, keep=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `length` is that of the body a GET would have, None where there can be none.

    The pieces of the body may be had once. `track` hands over the track that it is a segment of.
    """

    status: int
    headers: Headers
    length: int | None
    pieces: Iterable[Part] = ()
    reader: FileReader | None = None
    framed: bool = True
    track: Callable[[], HandedOver] | None = None

    @property
    def filed(self) -> "Answer":
        """This answer, of which much lies in files of this machine."""
        return self

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body. Raises `DamagedTrack` where a file ends too early."""
        for piece in self.pieces:
            async for chunk in self._read(piece):
                yield chunk

    async def stretches(
        self, keep_file: KeepFile, slice_bytes: int | None = None
    ) -> "AsyncIterator[bytes | StoredBody]":
        """The body, with what is in memory as it is, and stretches of files unread where possible.

        With `slice_bytes` nothing is given unread but whole slices of the body, one each.
        """
        place = 0
        for piece in self.pieces:
            part = await piece.made() if isinstance(piece, PendingPart) else piece
            if isinstance(part, HeldPart) and part.is_whole and slice_bytes is None:
                yield part.body
                continue
            if isinstance(part, SealedPart) and slice_bytes is None:
                sealed, length = part.sealed, part.stop - part.start
                if kept := keep_file(part.track.flat, length, part.start, sealed):
                    yield kept
                    continue
            for stretch in _sliced(part, place, slice_bytes):
                kept = None
                if isinstance(stretch, FilePart):
                    end = place + stretch.length
                    if slice_bytes is None or self._is_slice(place, end, slice_bytes):
                        kept = keep_file(stretch.track.flat, stretch.length, stretch.offset)
                if kept is not None:
                    place += len(kept)
                    yield kept
                    continue
                async for chunk in self._read(stretch):
                    place += len(chunk)
                    yield chunk

    def _is_slice(self, place: int, end: int, slice_bytes: int) -> bool:
        ends = end % slice_bytes == 0 or end == self.length
        return place % slice_bytes == 0 and ends

    async def _read(self, piece: Part) -> AsyncIterator[bytes]:
        match piece:
            case bytes():
                yield piece
            case HeldPart():
                for chunk in piece.chunks(CHUNK_BYTES):
                    yield chunk
            case PendingPart():
                async for chunk in self._read(await piece.made()):
                    yield chunk
            case SealedPart():
                assert self.reader is not None
                async for chunk in self.reader.encrypt(piece):
                    yield chunk
            case FilePart():
                assert self.reader is not None
                async for chunk in self.reader.read(piece):
                    yield chunk


def _sliced(part: Part, place: int, slice_bytes: int | None) -> Iterator[Part]:
    """Divide a stretch of a file that begins at `place` of a body where slices of the body end."""
    if slice_bytes is None or not isinstance(part, FilePart):
        yield part
        return
    begin = 0
    while begin < part.length:
        length = min(part.length - begin, slice_bytes - (place + begin) % slice_bytes)
        yield replace(part, offset=part.offset + begin, length=length)
        begin += length


def present(
    asked: Asked,
    representation: Representation,
    reader: FileReader,
    *,
    listening: bool,
    keep: bool = True,
) -> Answer:
    """Answer a GET or HEAD of `representation`.

    `listening` says whether we would hear if it were deleted, `keep` whether the cache in front of
    us should have it; what that has already it may go on having. A body that is still to be made
    has to be where the preconditions do not settle the answer: see `needs_body`.
    """
    plan = plan_response(request_facts(asked), _facts(representation))
    if plan.fault is not None:
        return explain(asked, plan.fault, more=plan.headers)
    keep = keep or plan.status == 304
    fields = _fields(plan, representation, listening=listening, keep=keep)
    if plan.content_length is not None:
        fields = (*fields, ("Content-Length", str(plan.content_length)))
    pieces = _pieces(plan, representation)
    track = partial(_hand_over, representation, listening) if representation.segments else None
    return Answer(plan.status, fields, plan.content_length, pieces, reader, track=track)


def _hand_over(one: Representation, listening: bool) -> HandedOver:
    assert one.segments is not None
    return HandedOver(one, one.segments(), listening)


def _fields(
    plan: ResponsePlan, representation: Representation, *, listening: bool, keep: bool
) -> Headers:
    """The fields of an answer but for Content-Length."""
    return (
        *plan.headers,
        ("Cache-Control", representation.cache.value),
        (
            "Sluice-Origin-Cache-Control",
            _own_policy(representation, listening=listening, keep=keep),
        ),
        ("Surrogate-Key", " ".join(representation.surrogate_keys)),
    )


def needs_body(asked: Asked, representation: Representation) -> bool:
    """Whether the answer depends on the bytes of a representation, or on their number."""
    return not is_settled(request_facts(asked), representation.etag)


def explain(asked: Asked, fault: Fault, *, more: Headers = ()) -> Answer:
    """Answer with a problem document."""
    path = asked.target.partition("?")[0]
    document = problem_body(fault, instance=path, request_id=asked.request_id)
    if fault.retry_after_s is not None:
        more = (*more, ("Retry-After", str(fault.retry_after_s)))
    return page(asked, fault.status, document, kind=PROBLEM_TYPE, more=more)


def page(asked: Asked, status: int, text: bytes, *, kind: str, more: Headers = ()) -> Answer:
    """Answer with a text that holds for this once."""
    fields = (("Content-Type", kind), NO_STORE, ("Content-Length", str(len(text))), *more)
    return Answer(status, fields, len(text), () if asked.method == "HEAD" else (text,))


def request_facts(asked: Asked) -> RequestFacts:
    """What of a request decides how a representation is sent."""
    fields = asked.fields
    return RequestFacts(
        method=asked.method,
        range=combined(fields, "range"),
        if_range=first(fields, "if-range"),
        if_match=combined(fields, "if-match"),
        if_none_match=combined(fields, "if-none-match"),
        if_modified_since=first(fields, "if-modified-since"),
        if_unmodified_since=first(fields, "if-unmodified-since"),
    )


def _facts(representation: Representation) -> RepresentationFacts:
    return RepresentationFacts(
        length=representation.length,
        etag=representation.etag,
        content_type=representation.content_type,
    )


def _own_policy(representation: Representation, *, listening: bool, keep: bool) -> str:
    if representation.cache is not CachePolicy.IMMUTABLE:
        return "no-cache"
    if not keep:
        return "no-store"
    return f"max-age={LISTENING_AGE_S if listening else DEAF_AGE_S}"


def _pieces(plan: ResponsePlan, representation: Representation) -> Iterator[Part]:
    """The body in order, each piece made when it is asked for."""
    for piece in plan.pieces():
        if isinstance(piece, bytes):
            yield piece
        else:
            yield from representation.pieces(piece)
