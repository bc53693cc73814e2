"""Subtitles beside a film: add, list and remove text tracks."""

import asyncio
from http import HTTPStatus
from pathlib import Path

from core.media.language import language_tag
from core.text.faults import MalformedText
from core.text.sidecar import MOST_BYTES, Sidecar, read_sidecar
from core.text.track import TEXT_NAME, bit_rates, text_hash
from core.text.webvtt import write_webvtt
from server.caption_documents import (
    AddedCaption,
    Caption,
    CaptionForm,
    CaptionId,
    CaptionList,
    CaptionQuery,
    ReadCaption,
    caption_kind,
)
from server.caption_repository import CaptionRow, NewCaption
from server.caption_uploads import FORM, RAW_TYPES, receive_caption
from server.endpoint import Answer, Call, Reply, endpoint
from server.faults import (
    CaptionsOfEdit,
    CaptionsTooLarge,
    CaptionUnknown,
    MalformedCaptions,
    StorageFull,
    TooManyCaptions,
    UploadStalled,
    VideoUnknown,
)
from server.identifiers import VideoId, new_id
from server.multipart import FRAMING_BYTES, UploadLimits, disk_faults


def admit_caption(call: Call) -> None:
    """Refuse at once what is announced to be larger than subtitles are."""
    length = call.request.content_length
    if length is not None and length > MOST_BYTES + FRAMING_BYTES:
        raise CaptionsTooLarge(f"the file is larger than the {MOST_BYTES} bytes subtitles may have")


@endpoint(
    "GET",
    "/videos/{video_id}/captions",
    tag="captions",
    answer=Answer(CaptionList),
    faults=(VideoUnknown,),
)
async def list_captions(call: Call, video_id: VideoId) -> Reply:
    """List the text tracks of a video, those from within its file included."""
    rows = await call.services.captions.list(video_id)
    if not rows and await call.services.repository.get_video(video_id) is None:
        raise VideoUnknown(video_id)
    return Reply(CaptionList([_document(row) for row in rows]))


@endpoint(
    "POST",
    "/videos/{video_id}/captions",
    tag="captions",
    answer=Answer(AddedCaption, HTTPStatus.CREATED, headers={"Location": "The new text track."}),
    faults=(
        VideoUnknown,
        MalformedCaptions,
        CaptionsTooLarge,
        TooManyCaptions,
        CaptionsOfEdit,
        UploadStalled,
        StorageFull,
    ),
    reads={FORM: CaptionForm, **dict.fromkeys(RAW_TYPES, bytes)},
    admission=admit_caption,
)
async def add_caption(call: Call, video_id: VideoId, query: CaptionQuery) -> Reply:
    """Add subtitles.

    The file is WebVTT, SubRip or ASS, which is found out from its content. It comes as the field
    `file` of a form, with the fields `language`, `label`, `kind` and `default`, or as the body
    itself with these in the query. A mark at its beginning, or its bytes, tell UTF-8 and UTF-16;
    anything else is taken for Windows-1252, which the answer then says. A line that cannot be read
    is refused with its number, and nothing is added.

    Players see the track as soon as they load the manifest anew. A film that is still being
    prepared has it from the start.
    """
    settings = call.services.settings
    limits = UploadLimits(MOST_BYTES, settings.upload_stall_s)
    received = await receive_caption(call.request, query, limits)
    try:
        sidecar, data = await asyncio.to_thread(_read, received.data)
    except MalformedText as problem:
        raise MalformedCaptions(
            f"/file: {problem.message}",
            errors=[{"in": "body", "pointer": "/file", "detail": problem.message}],
        ) from problem
    row = await _keep(call, video_id, sidecar, data, received.about)
    location = f"{call.services.links(call.request).video(video_id)}/captions/{row.name}"
    return Reply(_added(row, sidecar), {"Location": location})


@endpoint(
    "DELETE",
    "/videos/{video_id}/captions/{caption_id}",
    tag="captions",
    answer=Answer(None, HTTPStatus.NO_CONTENT),
    faults=(VideoUnknown, CaptionUnknown),
)
async def delete_caption(call: Call, video_id: VideoId, caption_id: CaptionId) -> Reply:
    """Remove a text track, whether it was sent or came with the file."""
    prefix = await call.services.captions.delete(video_id, caption_id)
    call.services.purges.announce()
    call.services.deletions.request([prefix])
    return Reply()


def _read(data: bytes) -> tuple[Sidecar, bytes]:
    sidecar = read_sidecar(data)
    return sidecar, write_webvtt(sidecar.content).encode()


async def _keep(
    call: Call, video_id: str, sidecar: Sidecar, data: bytes, about: CaptionQuery
) -> CaptionRow:
    """Write the file, then the row that names it; until then a claim keeps it from clean-up."""
    services = call.services
    build_id = new_id()
    prefix = f"builds/{video_id}/{build_id}/text"
    peak, mean = bit_rates(sidecar.content, 0)
    caption = NewCaption(
        build_hash=text_hash(data),
        store_prefix=prefix,
        language=language_tag(about.language),
        label=about.label,
        roles=about.kind.roles,
        is_default=about.default,
        end_ms=sidecar.content.end_ms,
        bandwidth=peak,
        average_bandwidth=mean,
        size_bytes=len(data),
    )
    with services.scratch.claim(build_id) as folder:
        with disk_faults():
            await asyncio.to_thread(_write, folder / TEXT_NAME, data)
            await services.store.adopt(folder / TEXT_NAME, f"{prefix}/{TEXT_NAME}")
        row = await services.captions.add(video_id, caption)
    services.purges.announce()
    return row


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _document(row: CaptionRow) -> Caption:
    return Caption(
        id=row.name,
        kind=caption_kind(row.roles),
        language=row.language,
        label=row.label,
        default=row.is_default,
        uploaded=row.uploaded,
        created_at=row.published_at,
    )


def _added(row: CaptionRow, sidecar: Sidecar) -> AddedCaption:
    return AddedCaption(
        id=row.name,
        kind=caption_kind(row.roles),
        language=row.language,
        label=row.label,
        default=row.is_default,
        uploaded=row.uploaded,
        created_at=row.published_at,
        read=ReadCaption(
            format=sidecar.format,
            encoding=sidecar.encoding,
            encoding_guessed=sidecar.guessed,
            cues=len(sidecar.content.cues),
            end_ms=sidecar.content.end_ms,
        ),
    )
