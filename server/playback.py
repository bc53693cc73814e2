"""Starting a playback: the manifests, where to begin, or why it cannot be."""

from http import HTTPStatus
from typing import Final

from server.accept import preferred
from server.documents import Playback, PlayRequest, VideoStatus
from server.endpoint import JSON, Answer, Call, Reply, endpoint
from server.faults import (
    NeverPlayable,
    NothingLeft,
    NotOffered,
    NotPlayableYet,
    OutsideVideo,
    SigningUnavailable,
    UnusableFilter,
    VideoUnknown,
)
from server.identifiers import VideoId
from server.playback_view import seen_part, seen_whole, view_of
from server.repository import PlaybackRow
from server.views import playback_document

HLS: Final = "application/vnd.apple.mpegurl"
DASH: Final = "application/dash+xml"
_PRIVATE: Final = {"Cache-Control": "private, no-store", "Vary": "Accept"}


@endpoint(
    "GET",
    "/videos/{video_id}/play",
    tag="playback",
    answer=Answer(
        Playback,
        also={HTTPStatus.FOUND: f"To the manifest, where `Accept` prefers `{HLS}` or `{DASH}`."},
    ),
    faults=(
        VideoUnknown,
        NotPlayableYet,
        NeverPlayable,
        NotOffered,
        SigningUnavailable,
        UnusableFilter,
        OutsideVideo,
        NothingLeft,
    ),
    headers={"Accept": f"`{JSON}` (the default), `{HLS}` or `{DASH}`."},
)
async def play_video(call: Call, video_id: VideoId, query: PlayRequest) -> Reply:
    """Start a playback.

    Answers the URLs of the manifests on the edge and, for a user with a history, where to resume.
    With `Accept: application/vnd.apple.mpegurl` or `application/dash+xml` the answer is a redirect,
    so that this URL itself can be given to a player.

    The URLs of a signed video hold a token, which ends two hours after the film would, begun now.
    That of licences (`drm`) is among them, and HLS playlists name keys beside them: who may play
    gets the keys. It opens what the parameters leave of the video, and nothing else.
    """
    repository = call.services.repository
    row = await repository.get_playback(video_id, query.user)
    if row is None:
        raise VideoUnknown(video_id)
    require_playable(row)
    view = view_of(query)
    if row.is_edit or not view.is_whole:
        found = await repository.ingredients([video_id])
        if video_id not in found:
            raise VideoUnknown(video_id)
        seen = seen_part(found[video_id], view)
    else:
        seen = seen_whole(row.duration_ms, row.protection)
    playback = playback_document(row, seen, call.services.links(call.request))
    match preferred(call.request.headers.get("Accept"), (JSON, HLS, DASH)):
        case "application/vnd.apple.mpegurl":
            return Reply(None, {**_PRIVATE, "Location": playback.hls}, HTTPStatus.FOUND)
        case "application/dash+xml":
            if playback.dash is None:
                raise NotOffered(f"{row.title!r} is under {seen.protection}, which DASH lacks")
            return Reply(None, {**_PRIVATE, "Location": playback.dash}, HTTPStatus.FOUND)
        case _:
            return Reply(playback, _PRIVATE)


def require_playable(row: PlaybackRow) -> None:
    """Raise `NotPlayableYet` or `NeverPlayable` where there is nothing to play."""
    match row.status:
        case VideoStatus.PLAYABLE | VideoStatus.READY:
            return
        case VideoStatus.ERRORED:
            reason = row.error_message or "the reason is not known"
            raise NeverPlayable(f"{row.title!r} could not be prepared: {reason}")
        case VideoStatus.WAITING | VideoStatus.PREPARING:
            raise NotPlayableYet(f"{row.title!r} is still being prepared; try again in a moment")
