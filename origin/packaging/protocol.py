"""What a worker and its packaging child say to one another, a line of JSON each.

The worker writes one request to the child's standard input; the child writes messages to its
standard output: any number with progress, then one with the result or the fault. Nothing here
needs FFmpeg, so that the worker itself stays free of it.
"""

from pathlib import Path
from typing import TypeVar

import msgspec

from core.errors import InputFault, InternalFault
from core.media.ladder import Rung
from core.media.thumbnail import ImageFormat
from core.media.timeline import CutPlan
from origin.packaging.limits import Limits
from origin.packaging.report import SourceReport
from origin.packaging.track import PackagedTrack, Rejection

Value = TypeVar("Value")


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What the child may use: address space, processor time, size of a file it writes.

    0 leaves a bound out. `niceness` lowers its priority.
    """

    memory_bytes: int = 0
    cpu_s: int = 0
    file_bytes: int = 0
    niceness: int = 0


class Request(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag=str.lower, omit_defaults=True
):
    """What every request says; without a report the child probes the source first."""

    path: Path
    limits: Limits = Limits()
    bounds: Bounds = Bounds()
    report: SourceReport | None = None


class Probe(Request, frozen=True, kw_only=True):
    """Answered with a `SourceReport`."""


class Ingest(Request, frozen=True, kw_only=True):
    """Probe and copy what can be copied into `out`; answered with `Ingested`.

    With `only_whole` nothing is copied of a source that cannot be played before some is encoded.
    """

    out: Path
    only_whole: bool = False


class Audio(Request, frozen=True, kw_only=True):
    """Encode the audio track of a stream number; answered with a `PackagedTrack`."""

    out: Path
    stream: int


class Video(Request, frozen=True, kw_only=True):
    """Encode the video track at a rung; answered with a `PackagedTrack`."""

    out: Path
    rung: Rung
    plan: CutPlan | None = None


class Text(Request, frozen=True, kw_only=True):
    """Write the text tracks into `out`; answered with a list of `PackagedText`."""

    out: Path


class Poster(Request, frozen=True, kw_only=True):
    """Write a JPEG to the file `out`; answered with null."""

    out: Path


class Sprites(Request, frozen=True, kw_only=True):
    """Make the storyboard of a published track in the folder `out`; answered with a `Storyboard`.

    `path` is the track's folder, `prefix` what the store calls `out`. Nothing is probed.
    """

    out: Path
    prefix: str


class Still(Request, frozen=True, kw_only=True):
    """Give the picture that a published track shows at a time; answered with an `Image`.

    `path` is the track's folder. Nothing is probed, and nothing is written.
    """

    at_ms: int
    width: int
    format: ImageFormat


AnyRequest = Probe | Ingest | Audio | Video | Text | Poster | Sprites | Still


class Image(msgspec.Struct, frozen=True):
    """An encoded picture."""

    data: bytes


class Ingested(msgspec.Struct, frozen=True, kw_only=True):
    """What an `Ingest` request achieved; `rejected` tracks have to be encoded anew.

    `repaired` says what is wrong with the file where it is read in spite of it.
    """

    report: SourceReport
    tracks: tuple[PackagedTrack, ...]
    rejected: tuple[Rejection, ...]
    repaired: str = ""

    @property
    def to_encode(self) -> tuple[int, ...]:
        """Stream numbers of the tracks to encode, the rejected ones last."""
        return (*self.report.transcodable, *(rejection.stream for rejection in self.rejected))

    @property
    def to_join(self) -> tuple[int, ...]:
        """Stream numbers of the copied tracks that do not play everywhere: encoded as well."""
        rejected = {rejection.stream for rejection in self.rejected}
        return tuple(stream for stream in self.report.joined if stream not in rejected)


class FaultReport(msgspec.Struct, frozen=True, kw_only=True):
    """A fault on its way from child to worker."""

    code: str
    message: str
    status: int
    retryable: bool

    def as_fault(self) -> InputFault | InternalFault:
        """Make a fault of it again, with the same code, status and message."""
        family = InputFault if self.status < 500 else InternalFault
        revived = type(
            "PackagingFault",
            (family,),
            {"code": self.code, "status": self.status, "retryable": self.retryable},
        )
        fault: InputFault | InternalFault = revived(self.message)
        return fault


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line from the child: exactly one of progress (0 to 1), result and fault.

    A result is JSON; where there is none it is empty.
    """

    progress: float | None = None
    result: msgspec.Raw = msgspec.Raw()
    fault: FaultReport | None = None


def encode(value: object) -> bytes:
    """Give a value as one line of JSON, with its line end."""
    return msgspec.json.encode(value, enc_hook=_encode_path) + b"\n"


def decode(data: bytes | msgspec.Raw, kind: type[Value]) -> Value:
    """Read a value of a kind. Raises `msgspec.MsgspecError` when it is none."""
    return msgspec.json.decode(data, type=kind, dec_hook=_decode_path)


def decode_request(line: bytes) -> AnyRequest:
    """Read a request. Raises `msgspec.MsgspecError` when it is none."""
    request: AnyRequest = msgspec.json.decode(line, type=AnyRequest, dec_hook=_decode_path)
    return request


def _encode_path(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


def _decode_path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(f"{kind.__name__} has no JSON form")
