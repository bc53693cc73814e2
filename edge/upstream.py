"""What misses are fetched from, as far as the edge knows it; `edge/http_upstream.py` is one."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from core.http.fields import Headers

if TYPE_CHECKING:
    from native import FragmentCipher, SealedFragment, StoredBody


class KeepFile(Protocol):
    """Makes a body of a stretch of a file, to be sent from there."""

    def __call__(
        self, descriptor: int, length: int, offset: int, sealed: "SealedFragment | None" = None
    ) -> "StoredBody | None":
        """So many bytes of the file, `offset` of them before; None where that is not possible.

        With `sealed` they are bytes of a fragment whose samples are in the file.
        """


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What is asked of the upstream: a target in origin-form and end-to-end fields."""

    method: str
    target: str
    fields: Headers
    request_id: str


class UpstreamAnswer(Protocol):
    """An answer whose head has come."""

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def headers(self) -> Headers:
        """The fields as they came."""

    @property
    def length(self) -> int | None:
        """How many bytes the body has; None when that is not said."""

    @property
    def framed(self) -> bool:
        """Whether the end of the body is marked; one that is not may have been cut short."""

    @property
    def filed(self) -> "FiledAnswer | None":
        """The same answer, where it comes from this machine; None from any other."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives.

        Raises `UpstreamTimeout` when it pauses for too long, `UpstreamBroken` when it is cut short,
        or the `Fault` of an upstream that is part of this process.
        """


class SegmentedTrack(Protocol):
    """A stored track: who has its files can answer any of its media segments.

    Segment `n`, whose name is that number and `.m4s`, has `count[n]` samples from `first[n]` on;
    with none it is not to be answered so. The descriptors are good for as long as this is held.
    """

    @property
    def first(self) -> Sequence[int]:
        """The first sample of each segment."""

    @property
    def count(self) -> Sequence[int]:
        """How many samples each has."""

    @property
    def cipher(self) -> "FragmentCipher | None":
        """What encrypts them, by their samples; None where they are clear."""

    @property
    def sample_count(self) -> int:
        """How many the track has."""

    @property
    def samples(self) -> tuple[int, int]:
        """The descriptor of the file of samples, and its bytes."""

    @property
    def index(self) -> tuple[int, int]:
        """The descriptor of the track's index, and its bytes."""

    def fields(self, number: str) -> Headers:
        """The fields of the answer with the whole of a segment, but for Content-Length."""


class FiledAnswer(Protocol):
    """An answer of this machine, of which long stretches lie in files or in memory."""

    @property
    def track(self) -> Callable[[], SegmentedTrack] | None:
        """The track that this is a segment of, where all its segments are answered alike."""

    def stretches(
        self, keep_file: KeepFile, slice_bytes: int | None = None
    ) -> "AsyncIterator[bytes | StoredBody]":
        """The body, with such stretches as `keep_file` makes of them, unread.

        With `slice_bytes` each is a whole slice of that length, or the last one. Raises what
        `chunks` does.
        """


class Upstream(Protocol):
    """Where misses are fetched from; the edge opens it when it starts, and closes it at its end."""

    async def open(self) -> None:
        """Get ready to be asked."""

    async def close(self) -> None:
        """Let go of everything; nothing is being asked any more."""

    def send(
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | None = None
    ) -> AbstractAsyncContextManager[UpstreamAnswer]:
        """Ask, and give the answer once its head has come. Raises a `Fault` when there is none.

        Who leaves the context early wants no more of the answer.
        """

    async def check(self) -> None:
        """Raise a `Fault` when it cannot be asked at the moment."""
