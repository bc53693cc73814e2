"""The library: list, read, add, rename and delete videos."""

import hashlib
import re
import shutil
from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec
from aiohttp import web
from msgspec import UNSET

from core.http.conditional import (
    Evaluation,
    FailedPrecondition,
    Preconditions,
    Validators,
    evaluate,
)
from core.media.playback_id import PlaybackPolicy, policy_of
from core.protection.choice import ContradictoryProtection
from runtime.problems import BodyTooLarge
from server.documents import (
    ClipRequest,
    DeleteVideo,
    ImportRequest,
    ListVideos,
    UploadForm,
    Video,
    VideoChange,
    VideoPage,
)
from server.edits import EDIT_FAULTS, cut_video, join_videos
from server.endpoint import JSON, Answer, Call, Reply, endpoint, read_body
from server.faults import (
    ImportUnavailable,
    InvalidBody,
    InvalidCursor,
    PreconditionRequired,
    ProtectedEdit,
    ProtectionUnavailable,
    SigningUnavailable,
    StorageFull,
    Unprotectable,
    UploadStalled,
    VideoInUse,
    VideoUnknown,
)
from server.identifiers import VideoId, new_id
from server.multipart import (
    FRAMING_BYTES,
    UploadLimits,
    default_title,
    disk_faults,
    disk_full,
    receive_upload,
    too_large,
)
from server.repository import NewVideo, VideoRow
from server.views import video_document

_ETAG = {"ETag": "The version, to be named in `If-Match` by a change."}
_IF_MATCH = {"If-Match": "The `ETag` of the version that the change is based on; `*` for any."}
_IF_NONE_MATCH = {"If-None-Match": "The `ETag` of a version that the client has."}
_UNCHANGED = {HTTPStatus.NOT_MODIFIED: "The client's version is the present one."}
_FORM = "multipart/form-data"
_WINDOW = re.compile(r'\.\d+"')


@endpoint(
    "GET",
    "/videos",
    tag="videos",
    answer=Answer(
        VideoPage,
        headers={"ETag": "Of this page.", "Link": 'The next page, `rel="next"` (RFC 8288).'},
        also=_UNCHANGED,
    ),
    faults=(InvalidCursor,),
    headers=_IF_NONE_MATCH,
)
async def list_videos(call: Call, query: ListVideos) -> Reply:
    """List videos.

    Pages are cut by position and not by number: what is added or deleted while a client walks
    through them neither repeats nor hides a video that was there all the time.
    """
    cursors, repository = call.services.cursors, call.services.repository
    scope = _scope(query)
    after = cursors.open(scope, query.cursor) if query.cursor is not None else None
    found = await repository.list_videos(query.sort, after=after, q=query.q, limit=query.limit)
    links = call.services.links(call.request)
    following = cursors.seal(scope, found.last) if found.last else None
    page = VideoPage(
        data=[video_document(row, links) for row in found.videos],
        next_cursor=following,
        has_more=following is not None,
    )
    body = msgspec.json.encode(page)
    headers = {"ETag": f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'}
    if following is not None:
        headers["Link"] = f'</videos?{_next_query(query, following)}>; rel="next"'
    return conditional_reply(call, Reply(body, headers))


@endpoint(
    "GET",
    "/videos/{video_id}",
    tag="videos",
    answer=Answer(Video, headers=_ETAG, also=_UNCHANGED),
    faults=(VideoUnknown,),
    headers=_IF_NONE_MATCH,
)
async def get_video(call: Call, video_id: VideoId) -> Reply:
    """Read one video: how far it is, and what it consists of."""
    row = await call.services.repository.get_video(video_id)
    return conditional_reply(call, _video_reply(call, _known(row, video_id)))


def admit_upload(call: Call) -> None:
    """Refuse at once what is announced to be too large for the limit, or for the disk."""
    length = call.request.content_length
    if length is None:
        return
    limits = _limits(call)
    if length > limits.size_bytes + FRAMING_BYTES:
        raise too_large(limits)
    if length > shutil.disk_usage(call.services.scratch.folder).free:
        raise disk_full()


@endpoint(
    "POST",
    "/videos",
    tag="videos",
    answer=Answer(Video, HTTPStatus.CREATED, headers={**_ETAG, "Location": "The new video."}),
    faults=(
        ImportUnavailable,
        BodyTooLarge,
        UploadStalled,
        StorageFull,
        SigningUnavailable,
        ContradictoryProtection,
        ProtectionUnavailable,
        *EDIT_FAULTS,
    ),
    reads={_FORM: UploadForm, JSON: ImportRequest},
    admission=admit_upload,
)
async def create_video(call: Call) -> Reply:
    """Add a video.

    The file comes as the field `file` of a form; the fields `title`, `policy` and `protection` may
    stand before or after it. Where they are missing, the title is the file's name without
    extension, the policy the server's default, and the protection of the policy `drm`
    `aes-128+cenc`: HLS under AES-128, DASH under `cenc`. When the answer comes, the file is safe on
    the server's disk and its preparation is queued. Import by URL is not available yet.

    As JSON, `input.parts` names stretches of videos that are there: they become one video, in this
    order, that plays at once and needs no room. Encrypted videos are joined with such as are under
    the same protection, or in the clear.
    """
    if call.request.content_type == JSON:
        wanted: ImportRequest = await read_body(call.request, ImportRequest)
        if wanted.input.parts is UNSET:
            raise ImportUnavailable(f"{wanted.input.url!r} cannot be imported yet; send the file")
        return created(call, await join_videos(call, wanted, wanted.input.parts))
    await call.services.repository.ping()  # better now than after many gigabytes
    return created(call, await _receive(call))


@endpoint(
    "PATCH",
    "/videos/{video_id}",
    tag="videos",
    answer=Answer(Video, headers=_ETAG),
    faults=(
        VideoUnknown,
        PreconditionRequired,
        FailedPrecondition,
        SigningUnavailable,
        ContradictoryProtection,
        ProtectionUnavailable,
        Unprotectable,
        ProtectedEdit,
        VideoInUse,
    ),
    headers=_IF_MATCH,
)
async def change_video(call: Call, video_id: VideoId, body: VideoChange) -> Reply:
    """Change the title, who may play it, or how its media is encrypted.

    Another policy or protection means another playback id, and other keys: media URLs that were
    handed out before end at once. The protection of a video stays while others are made from it,
    and what is made of others has theirs.

    The version that the change is based on is named in `If-Match`, so that two people do not undo
    each other's work. While a video is prepared its version moves often; `*` changes any version.
    """
    if "If-Match" not in call.request.headers:
        raise PreconditionRequired("name the version to change in If-Match; its ETag, or *")
    title = None if body.title is UNSET else body.title.strip()
    if title == "":
        raise InvalidBody(
            "/title: it is blank",
            errors=[{"in": "body", "pointer": "/title", "detail": "it is blank"}],
        )
    policy = None if body.policy is UNSET else body.policy
    protection = None if body.protection is UNSET else body.protection
    row = await call.services.repository.change_video(
        video_id,
        title=title,
        change=partial(call.services.protector().change, video_id, policy, protection),
        only_if=partial(require_match, call.request),
    )
    if policy is not None or protection is not None:
        call.services.purges.announce()
    return _video_reply(call, _known(row, video_id))


@endpoint(
    "DELETE",
    "/videos/{video_id}",
    tag="videos",
    answer=Answer(None, HTTPStatus.NO_CONTENT),
    faults=(VideoUnknown, VideoInUse, FailedPrecondition),
    headers={"If-Match": "The `ETag` of the only version to be deleted; may be left out."},
)
async def delete_video(call: Call, video_id: VideoId, query: DeleteVideo) -> Reply:
    """Delete a video with its files, its histories and whatever is still being prepared of it.

    Its media URLs end at once at the origin, and at the edges as soon as they hear of it. A video
    that others were made from is deleted with them, if at all (`cascade`).
    """
    services = call.services
    prefixes = await services.repository.delete_video(
        video_id, cascade=query.cascade, only_if=partial(require_match, call.request)
    )
    if prefixes is None:
        raise VideoUnknown(video_id)
    services.purges.announce()
    services.deletions.request(prefixes)
    return Reply()


@endpoint(
    "POST",
    "/videos/{video_id}/clips",
    tag="videos",
    answer=Answer(Video, HTTPStatus.CREATED, headers={**_ETAG, "Location": "The new video."}),
    faults=(VideoUnknown, SigningUnavailable, *EDIT_FAULTS),
)
async def create_clip(call: Call, video_id: VideoId, body: ClipRequest) -> Reply:
    """Make a stretch of a video a video of its own.

    It plays at once and needs no room: its media are those of the video, and so the video cannot
    be deleted without it. A clip of a signed video is a signed one, unless `policy` says otherwise.
    A clip of an encrypted video is under the same protection and the same keys, always.
    """
    return created(call, await cut_video(call, video_id, body))


def created(call: Call, row: VideoRow) -> Reply:
    """What is answered to who has made a video."""
    reply = _video_reply(call, row)
    location = call.services.links(call.request).video(row.id)
    return Reply(reply.body, {**reply.headers, "Location": location})


def conditional_reply(call: Call, reply: Reply) -> Reply:
    """The reply, or 304 where the client has this version (RFC 9110 §13.1.2)."""
    etag = reply.headers["ETag"]
    conditions = Preconditions(if_none_match=call.request.headers.get("If-None-Match"))
    if evaluate("GET", conditions, Validators(etag)) is Evaluation.NOT_MODIFIED:
        return Reply(None, reply.headers, HTTPStatus.NOT_MODIFIED)
    return reply


def require_match(request: web.Request, etag: str) -> None:
    """Raise `FailedPrecondition` where If-Match is there and does not hold for `etag`."""
    given = request.headers.get("If-Match")
    # What only the tokens of pictures have changed since is no reason to refuse a change.
    conditions = Preconditions(if_match=given and _WINDOW.sub('"', given))
    if evaluate(request.method, conditions, Validators(etag)) is Evaluation.FAILED:
        raise FailedPrecondition(f"If-Match: {given} is not the present version, {etag}")


async def _receive(call: Call) -> VideoRow:
    """Take in the file; it lies in the store before the row that names it is written.

    Until that row is committed the claim tells the clean-up that the file is not rubbish; after a
    failure it is. Whether a commit whose answer was lost took place, only the rows can tell: then
    the file stays, for the clean-up to judge.
    """
    services = call.services
    upload_id = new_id()
    key = f"uploads/{upload_id}/source"
    with services.scratch.claim(upload_id) as folder:
        received = await receive_upload(call.request, folder / "source", _limits(call))
        video_id = new_id()
        access = services.protector().admit(video_id, received.policy, received.protection)
        with disk_faults():
            await services.store.adopt(folder / "source", key)
        return await services.repository.add_video(
            NewVideo(
                id=video_id,
                playback_id=access.playback_id,
                title=received.title or default_title(received.filename),
                upload_key=key,
                filename=received.filename,
                size_bytes=received.size_bytes,
                protection=access.protection,
                keys=access.keys,
            )
        )


def _limits(call: Call) -> UploadLimits:
    settings = call.services.settings
    return UploadLimits(settings.upload_limit_bytes, settings.upload_stall_s)


def _known(row: VideoRow | None, video_id: str) -> VideoRow:
    if row is None:
        raise VideoUnknown(video_id)
    return row


def _video_reply(call: Call, row: VideoRow) -> Reply:
    links = call.services.links(call.request)
    etag = row.etag
    has_pictures = row.poster_key is not None or row.has_storyboard
    if has_pictures and policy_of(row.playback_id) is PlaybackPolicy.SIGNED:
        etag = f'{etag[:-1]}.{links.signer.picture_window}"'  # the token in their URLs
    return Reply(video_document(row, links), {"ETag": etag})


def _scope(query: ListVideos) -> str:
    """What a cursor is bound to: the page's length may change on the way, nothing else."""
    return f"/videos?{urlencode({'sort': query.sort, 'q': query.q or ''})}"


def _next_query(query: ListVideos, cursor: str) -> str:
    pairs: dict[str, str | int] = {"limit": query.limit, "sort": query.sort}
    if query.q is not None:
        pairs["q"] = query.q
    return urlencode({**pairs, "cursor": cursor})
