"""What the data plane answers from: entries with the texts of their answers written beforehand.

The texts come from the same functions that the reference edge answers with, so which fields an
answer has is decided in one place.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import repeat
from resource import RLIMIT_NOFILE, getrlimit
from typing import TYPE_CHECKING, Final

from core.cache.stored import StoredHead
from core.http.byterange import ByteSpan
from core.http.cache_status import Handling, append_handling
from core.http.compose import representation_fields
from core.http.cors import MEDIA_CORS
from core.http.fields import Headers, without
from core.http.plan_response import RepresentationFacts, RequestFacts, ResponsePlan, plan_response
from core.http.problem import PROBLEM_TYPE
from edge.client import BODILESS
from edge.forks import Forks, plane_key
from edge.store import Entry, Slices, StoredBytes
from edge.wire import field_lines, served, status_line
from native import (
    AES_INSTRUCTIONS,
    DataPlane,
    FragmentCipher,
    Memory,
    SealedFragment,
    StoredBody,
)
from runtime.logs import get_logger

if TYPE_CHECKING:
    from edge.upstream import SegmentedTrack

log = get_logger(__name__)

# A number that stands for the one that the data plane writes.
_TTL: Final = 123_456_789
# A shorter slice is copied: a descriptor is worth more than it.
FILE_BYTES: Final = 128 * 1024
# The share of the descriptors that may be files of slices; the others are for connections.
FILES_DIVISOR: Final = 4
FILES_OF_TRACK: Final = 2
# Stands in the lines of a track for the length of a segment, and until then a length that none has.
_LENGTH_MARK: Final = b"\x02"
_NO_LENGTH: Final = 2**62
# Begins the key of a track; see `native/_made_segment.pxd`.
_TRACK_KEY: Final = b"\x01"


@dataclass(frozen=True, slots=True)
class Texts:
    """The blocks of field lines that answers from one entry begin with."""

    whole: bytes
    part: bytes
    parts: bytes
    unchanged: bytes
    error: bytes


class PlaneShelf:
    """Shows entries to the data plane."""

    def __init__(self, name: str, memory: Memory) -> None:
        self._name = name
        self._memory = memory
        self._plane: DataPlane | None = None
        self._forks = Forks()
        self._most_files = getrlimit(RLIMIT_NOFILE)[0] // FILES_DIVISOR

    def attach(self, plane: DataPlane) -> None:
        """Show entries to this plane from now on."""
        self._plane = plane

    def keep(self, body: StoredBytes) -> StoredBytes:
        """The body in the memory that the data plane sends from; as it is where that is full."""
        if isinstance(body, StoredBody):
            return body
        try:
            return self._memory.keep(body)
        except MemoryError as error:
            log.warning("shelf.full", reason=str(error), body_bytes=len(body))
            return body

    def takes_file(self, length: int) -> bool:
        """Whether a slice of this length is sent from its file, for as long as there are not many.

        To send it from the page cache costs less than from the memory that the data plane has.
        """
        return length >= FILE_BYTES and self._memory.files < self._most_files

    def keep_file(self, descriptor: int, length: int, offset: int = 0) -> "StoredBody | None":
        """So many bytes of a file as a body; None when descriptors have run out."""
        try:
            return self._memory.keep_file(descriptor, offset, length)
        except OSError as error:
            log.warning("shelf.no_file", reason=str(error))
            return None

    def keep_sealed(
        self, descriptor: int, sealed: SealedFragment, span: ByteSpan
    ) -> "StoredBody | None":
        """Bytes of a fragment as a body; None when descriptors have run out, or of the twin's."""
        if not AES_INSTRUCTIONS or not isinstance(sealed, SealedFragment):
            return None
        try:
            return self._memory.keep_sealed(descriptor, sealed, span.start, span.stop)
        except OSError as error:
            log.warning("shelf.no_file", reason=str(error))
            return None

    def show_track(self, folder: str, head: StoredHead, track: "SegmentedTrack") -> bool:
        """Answer the segments of a folder from this track.

        False where there is no room for it, or it is to be encrypted and only the twin can.
        """
        assert self._plane is not None
        cipher = track.cipher
        if cipher is not None and not (AES_INSTRUCTIONS and isinstance(cipher, FragmentCipher)):
            return False
        if self._memory.files + FILES_OF_TRACK > self._most_files:
            return False
        samples, index = track.samples, track.index
        try:
            # Unmapped: what is read of an index would count as ours with all that lies around it.
            bodies = [
                self._memory.keep_file(descriptor, 0, length, mapped=False)
                for descriptor, length in (samples, index)
            ]
        except OSError as error:
            log.warning("shelf.no_track", reason=str(error), folder=folder)
            return False
        representation = head.representation(_NO_LENGTH)
        assert representation.etag is not None
        texts = write_texts(head, representation)
        self._plane.store_track(
            _track_key(folder),
            *bodies,
            sample_count=track.sample_count,
            first=track.first,
            count=track.count,
            cipher=cipher,
            initial_age_s=head.initial_age_s,
            received_s=head.received_s,
            fresh_s=head.allowed.fresh_s,
            etag=representation.etag.encode("utf-8", "surrogateescape"),
            content_type=_encoded(representation.content_type),
            whole=_with_length_mark(texts.whole),
            part=texts.part,
            unchanged=texts.unchanged,
            error=texts.error,
            caption=caption(head, self._name),
        )
        return True

    def hide_track(self, folder: str) -> None:
        """Answer from this track no more."""
        assert self._plane is not None
        self._plane.drop(_track_key(folder))

    def show(self, entry: Entry, slices: Slices) -> None:
        """Answer from this entry; one whose body is elsewhere is Python's."""
        if entry.slices > 1:
            self._show(entry, None)
        elif isinstance(body := slices.get(0), StoredBody):
            self._show(entry, body)
        else:
            self.hide(entry)

    def _show(self, entry: Entry, body: StoredBody | None) -> None:
        assert self._plane is not None
        self._forks.show(self._plane, entry.key, entry.head.names)
        head = entry.head
        representation = head.representation(entry.length)
        texts = write_texts(head, representation)
        self._plane.store(
            plane_key(entry.key),
            body,
            version=entry.version,
            length=entry.length,
            media=head.media,
            status=head.status,
            initial_age_s=head.initial_age_s,
            received_s=head.received_s,
            # A soft purge makes it stale, and what is stale is Python's to judge.
            fresh_s=0 if head.purged_s is not None else head.allowed.fresh_s,
            etag=_encoded(representation.etag),
            last_modified_s=representation.last_modified_s,
            content_type=_encoded(representation.content_type),
            whole=texts.whole,
            part=texts.part,
            parts=texts.parts,
            unchanged=texts.unchanged,
            error=texts.error,
            caption=caption(head, self._name),
        )

    def show_slice(self, entry: Entry, number: int, body: StoredBytes) -> None:
        """Answer from this slice of an entry that was shown, too."""
        assert self._plane is not None
        if entry.slices == 1:
            self.show(entry, {number: body})
        elif isinstance(body, StoredBody):
            self._plane.store_slice(entry.version, number, body)

    def hide(self, entry: Entry) -> None:
        """Answer from this entry no more."""
        assert self._plane is not None
        key = entry.key
        if key.variant or not self._forks.holds(key.resource):
            self._plane.drop(plane_key(key))
        self._forks.hide(self._plane, key)

    def hide_slice(self, entry: Entry, number: int) -> None:
        """Answer from this slice no more; the only one goes with its entry."""
        assert self._plane is not None
        if entry.slices > 1:
            self._plane.drop_slice(entry.version, number)

    def used(self) -> Iterable[tuple[int, int]]:
        """The slices that were answered from since the last call, by version and number.

        Least recent first, and nearly once for each use.
        """
        assert self._plane is not None
        for version, number, uses in self._plane.used():
            yield from repeat((version, number), uses)


def _track_key(folder: str) -> bytes:
    return _TRACK_KEY + folder.encode("utf-8", "surrogateescape") + b"/"


def _with_length_mark(whole: bytes) -> bytes:
    line = b"Content-Length: %d\r\n"
    before, found, after = whole.partition(line % _NO_LENGTH)
    assert found, "every answer with a body says how long it is"
    return before + line.replace(b"%d", _LENGTH_MARK) + after


def write_texts(head: StoredHead, representation: RepresentationFacts) -> Texts:
    """The beginnings of every answer that one stored response can give."""
    whole = _whole(head, representation)
    if head.status != 200:
        return Texts(whole, b"", b"", b"", b"")
    partial, several = _partial_plans(representation)
    unchanged = plan_response(RequestFacts(if_none_match="*"), representation)
    error = representation_fields(head.sent, ResponsePlan(412, ()))
    problem = (("Content-Type", PROBLEM_TYPE), ("Cache-Control", "no-store"), *error)
    return Texts(
        whole,
        _text(head, 206, without(representation_fields(head.sent, partial), {"content-range"})),
        _text(head, 206, without(representation_fields(head.sent, several), {"content-type"})),
        _text(head, 304, representation_fields(head.sent, unchanged)),
        _lines(head, problem),
    )


def caption(head: StoredHead, name: str) -> bytes:
    """The Cache-Status line of a hit, up to the number of its ttl."""
    value = append_handling(head.cache_status, name, Handling(ttl_s=_TTL))
    return field_lines((("Cache-Status", value),)).partition(str(_TTL).encode())[0]


def _whole(head: StoredHead, representation: RepresentationFacts) -> bytes:
    if head.status == 200:
        plan = plan_response(RequestFacts(), representation)
    else:
        plan = ResponsePlan(head.status, (), content_length=representation.length)
    fields = representation_fields(head.sent, plan)
    if head.status not in BODILESS:
        fields = (*fields, ("Content-Length", str(representation.length)))
    return _text(head, head.status, fields)


def _partial_plans(representation: RepresentationFacts) -> tuple[ResponsePlan, ResponsePlan]:
    """The plans of answers with one range and with several, whichever they are."""
    # The fields of a range do not depend on the length, but an empty body has none at all.
    some = replace(representation, length=max(representation.length, 1))
    single = plan_response(RequestFacts(range="bytes=0-0"), some)
    kept = without(single.headers, {"content-range", "content-type"})
    return single, replace(single, headers=(("Content-Type", ""), *kept))


def _text(head: StoredHead, status: int, fields: Headers) -> bytes:
    return status_line(status) + _lines(head, fields)


def _lines(head: StoredHead, fields: Headers) -> bytes:
    return field_lines(served((*fields, *(MEDIA_CORS if head.media else ()))))


def _encoded(value: str | None) -> bytes | None:
    return None if value is None else value.encode("utf-8", "surrogateescape")
