"""A file of subtitles on its way in: as a form, or as the body itself; small, so held in memory."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import BodyPartReader, web

from core.text.sidecar import MOST_BYTES
from server.caption_documents import CaptionForm, CaptionQuery
from server.faults import CaptionsTooLarge
from server.multipart import (
    UploadLimits,
    arriving,
    form_parts,
    invalid_part,
    part_chunks,
    text_field,
)

FORM: Final = "multipart/form-data"
RAW_TYPES: Final = (
    "text/vtt",
    "application/x-subrip",
    "text/srt",
    "text/x-ssa",
    "text/plain",
    "application/octet-stream",
)
CHUNK_BYTES: Final = 2**16

_FIELDS: Final = {each.name: each.type for each in msgspec.structs.fields(CaptionForm)}


@dataclass(frozen=True, slots=True)
class ReceivedCaption:
    """A file, and what was said of it."""

    data: bytes
    about: CaptionQuery


async def receive_caption(
    request: web.Request, query: CaptionQuery, limits: UploadLimits
) -> ReceivedCaption:
    """Take in a file. What a form says goes before what the URL says.

    Raises `InvalidBody`, `MalformedBody`, `CaptionsTooLarge`, `UploadStalled`, `UploadBroken`.
    """
    if request.content_type != FORM:
        return ReceivedCaption(await _body(request, limits), query)
    data: bytes | None = None
    said: dict[str, Any] = {}
    async for part in form_parts(request, limits):
        name = part.name or ""
        if name not in _FIELDS:
            raise invalid_part(f"/{name}", f"it is none of {', '.join(_FIELDS)}")
        if name in said or (name == "file" and data is not None):
            raise invalid_part(f"/{name}", "it is there twice")
        if name == "file":
            data = await _file(part, limits)
        else:
            said[name] = await text_field(part, name, _FIELDS[name], limits)
    if data is None:
        raise invalid_part("/file", "the form has no field 'file'")
    return ReceivedCaption(data, msgspec.structs.replace(query, **said))


async def _file(part: BodyPartReader, limits: UploadLimits) -> bytes:
    data = bytearray()
    async for chunk in part_chunks(part, limits):
        data += chunk
        _check(len(data))
    return bytes(data)


async def _body(request: web.Request, limits: UploadLimits) -> bytes:
    data = bytearray()
    while chunk := await arriving(request.content.read(CHUNK_BYTES), limits):
        data += chunk
        _check(len(data))
    return bytes(data)


def _check(size_bytes: int) -> None:
    if size_bytes > MOST_BYTES:
        raise CaptionsTooLarge(f"the file is larger than the {MOST_BYTES} bytes subtitles may have")
