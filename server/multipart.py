"""Uploads as multipart/form-data (RFC 7578), from the socket to a file, never held in memory."""

import asyncio
import errno
import re
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import aiofiles
import msgspec
from aiohttp import BodyPartReader, ClientPayloadError, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from core.media.playback_id import PlaybackPolicy
from core.protection.scheme import Protection
from runtime.problems import BodyTooLarge
from server.documents import Title
from server.faults import (
    InvalidBody,
    MalformedBody,
    StorageFull,
    UploadBroken,
    UploadStalled,
)

CHUNK_BYTES: Final = 2**20
LONGEST_FIELD_BYTES: Final = 8192
LONGEST_NAME: Final = 255
PARTS_LIMIT: Final = 8
# Room for boundaries, part headers and the title around the file itself.
FRAMING_BYTES: Final = 2**16

_PLAIN_ENCODINGS: Final = frozenset({"", "7bit", "8bit", "binary"})
_FULL_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much may come, and how long it may pause."""

    size_bytes: int
    stall_s: float


@dataclass(frozen=True, slots=True)
class ReceivedUpload:
    """What came with a file that is now whole; what was not sent of the rest is None."""

    size_bytes: int
    filename: str
    title: str | None
    policy: PlaybackPolicy | None
    protection: Protection | None


async def receive_upload(request: web.Request, path: Path, limits: UploadLimits) -> ReceivedUpload:
    """Stream the field `file` of a form to `path`; title, policy and protection may come with it.

    Raises `MalformedBody`, `InvalidBody`, `BodyTooLarge`, `UploadStalled`, `UploadBroken` and
    `StorageFull`; `path` may then hold a part of the file.
    """
    form = await _Form.read(form_parts(request, limits), path, limits)
    if form.filename is None:
        raise invalid_part("/file", "the form has no field 'file' with a file in it")
    return ReceivedUpload(form.size_bytes, form.filename, form.title, form.policy, form.protection)


class _Form:
    """The fields seen so far."""

    def __init__(self) -> None:
        self.filename: str | None = None
        self.title: str | None = None
        self.policy: PlaybackPolicy | None = None
        self.protection: Protection | None = None
        self.size_bytes = 0

    @classmethod
    async def read(
        cls, parts: AsyncIterator[BodyPartReader], path: Path, limits: UploadLimits
    ) -> "_Form":
        form = cls()
        async for part in parts:
            match part.name:
                case "file" if form.filename is None:
                    form.filename = file_name(part.filename or "")
                    form.size_bytes = await write_part(part_chunks(part, limits), path, limits)
                case "title" if form.title is None:
                    form.title = await text_field(part, "title", Title, limits)
                case "policy" if form.policy is None:
                    form.policy = await text_field(part, "policy", PlaybackPolicy, limits)
                case "protection" if form.protection is None:
                    form.protection = await text_field(part, "protection", Protection, limits)
                case "file" | "title" | "policy" | "protection" as name:
                    raise invalid_part(f"/{name}", "it is there twice; send one video at a time")
                case None:
                    raise invalid_part("", "a part of it has no name")
                case name:
                    raise invalid_part(
                        f"/{name}", "it is none of 'file', 'title', 'policy' and 'protection'"
                    )
        return form


async def form_parts(request: web.Request, limits: UploadLimits) -> AsyncIterator[BodyPartReader]:
    """Give the parts of a form as they arrive; raises `MalformedBody` where it is none."""
    try:
        reader = await request.multipart()
    except (ValueError, AssertionError) as error:
        raise MalformedBody(f"the Content-Type is not usable: {error}") from error
    for _ in range(PARTS_LIMIT):
        part = await arriving(reader.next(), limits)
        if part is None:
            return
        if isinstance(part, MultipartReader):
            raise invalid_part("", "a form inside of the form cannot be read")
        if part.headers.get("Content-Transfer-Encoding", "").lower() not in _PLAIN_ENCODINGS:
            raise invalid_part(
                "", "a part has a Content-Transfer-Encoding; send the bytes as they are"
            )
        yield part
    raise invalid_part("", f"the form has more than {PARTS_LIMIT} parts")


async def part_chunks(part: BodyPartReader, limits: UploadLimits) -> AsyncIterator[bytes]:
    """What the part holds, as it arrives."""
    while not part.at_eof():
        chunk = await arriving(part.read_chunk(CHUNK_BYTES), limits)
        if chunk:
            yield bytes(chunk)


async def write_part(chunks: AsyncIterator[bytes], path: Path, limits: UploadLimits) -> int:
    """Write `chunks` to a new file at `path` and answer its length in bytes.

    Small arrivals are put together up to `CHUNK_BYTES`, since each write is a trip to a thread.
    """
    size_bytes = 0
    pending = bytearray()
    with disk_faults():
        async with aiofiles.open(path, "wb") as file:
            async for chunk in chunks:
                size_bytes += len(chunk)
                if size_bytes > limits.size_bytes:
                    raise too_large(limits)
                pending += chunk
                if len(pending) >= CHUNK_BYTES:
                    await file.write(pending)
                    pending = bytearray()
            await file.write(pending)
    return size_bytes


def file_name(sent: str) -> str:
    r"""The last component of the name a client sent, fit to be stored and shown.

    >>> file_name("C:\\fakepath\\Big Buck Bunny.mp4")
    'Big Buck Bunny.mp4'
    """
    name = re.split(r"[/\\]", sent)[-1].encode("utf-8", "replace").decode()
    name = name.replace("%22", '"')  # the one printable character that browsers escape in a form
    name = "".join(each for each in name if each.isprintable()).strip()
    if not name:
        raise invalid_part("/file", "the field 'file' has no file name")
    return name[-LONGEST_NAME:]


def default_title(filename: str) -> str:
    """What a video is called when nobody says: its file's name without extension."""
    return Path(filename).stem.strip() or filename


def too_large(limits: UploadLimits) -> BodyTooLarge:
    """The refusal of a file beyond the limit."""
    return BodyTooLarge(f"the file is larger than the {limits.size_bytes} bytes this server takes")


def disk_full() -> StorageFull:
    """The refusal where there is no room."""
    return StorageFull("there is no room for this file on the server's disk")


async def text_field(part: BodyPartReader, name: str, kind: Any, limits: UploadLimits) -> Any:
    """Read a short part as `kind`. Raises `InvalidBody`."""
    raw = bytearray()
    async for chunk in part_chunks(part, limits):
        raw += chunk
        if len(raw) > LONGEST_FIELD_BYTES:
            raise invalid_part(f"/{name}", f"it is longer than {LONGEST_FIELD_BYTES} bytes")
    try:
        return msgspec.convert(raw.decode().strip(), kind, strict=False)
    except (UnicodeDecodeError, msgspec.ValidationError) as error:
        raise invalid_part(f"/{name}", str(error)) from error


async def arriving(awaitable: Awaitable[T], limits: UploadLimits) -> T:
    """Wait for the client, but not for ever, and say what is wrong with what it sends."""
    try:
        async with asyncio.timeout(limits.stall_s):
            return await awaitable
    except TimeoutError as error:
        raise UploadStalled(f"nothing arrived for {limits.stall_s:g} s") from error
    except (ClientPayloadError, web.RequestPayloadError, ConnectionError) as error:
        raise UploadBroken(f"the connection broke: {error}") from error
    except (ValueError, RuntimeError, AssertionError, HttpProcessingError) as error:
        raise MalformedBody(f"the body is no multipart form: {error}") from error


@contextmanager
def disk_faults() -> Iterator[None]:
    """Say `StorageFull` where the disk, or the share of it that we may use, has no room."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_DISK:
            raise disk_full() from error
        raise


def invalid_part(pointer: str, detail: str) -> InvalidBody:
    """The refusal of one part of a form."""
    return InvalidBody(
        f"{pointer or 'the form'}: {detail}",
        errors=[{"in": "body", "pointer": pointer, "detail": detail}],
    )
