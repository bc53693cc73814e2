"""Where users are in what they watch."""

from http import HTTPStatus

from core.errors import Fault
from server.documents import (
    HistoryPage,
    HistoryReport,
    HistoryReports,
    ListHistory,
)
from server.endpoint import Answer, Call, Reply, endpoint
from server.faults import HistoryUnknown, InvalidBody, InvalidCursor, VideoUnknown
from server.identifiers import UserId, VideoId
from server.views import history_document

_PRIVATE = {"Cache-Control": "private, no-store"}


@endpoint(
    "POST",
    "/users/{user_id}/history",
    tag="history",
    answer=Answer(None, HTTPStatus.NO_CONTENT),
    faults=(VideoUnknown,),
)
async def report_history(
    call: Call, user_id: UserId, body: HistoryReport | HistoryReports
) -> Reply:
    """Report where a user is in a video, or up to 100 such reports at once.

    Reports may come late and in any order: of all that concern one video, the one with the last
    `client_ts` counts. Several are kept together or not at all.
    """
    reports = [body] if isinstance(body, HistoryReport) else body
    unknown = await call.services.repository.report_positions(user_id, reports)
    if unknown:
        raise _unknown_videos(body, unknown)
    return Reply()


@endpoint(
    "GET",
    "/users/{user_id}/history",
    tag="history",
    answer=Answer(HistoryPage),
    faults=(InvalidCursor,),
)
async def list_history(call: Call, user_id: UserId, query: ListHistory) -> Reply:
    """List what a user has watched, the last first, with the positions."""
    cursors = call.services.cursors
    scope = f"/users/{user_id}/history"
    after = cursors.open(scope, query.cursor) if query.cursor is not None else None
    rows, last = await call.services.repository.list_history(
        user_id, after=after, limit=query.limit
    )
    links = call.services.links(call.request)
    page = HistoryPage(
        data=[history_document(row, links) for row in rows],
        next_cursor=cursors.seal(scope, last) if last else None,
        has_more=last is not None,
    )
    return Reply(page, _PRIVATE)


@endpoint(
    "DELETE",
    "/users/{user_id}/history/{video_id}",
    tag="history",
    answer=Answer(None, HTTPStatus.NO_CONTENT),
    faults=(HistoryUnknown,),
)
async def forget_history(call: Call, user_id: UserId, video_id: VideoId) -> Reply:
    """Forget that a user has watched a video."""
    if not await call.services.repository.forget_history(user_id, video_id):
        raise HistoryUnknown(f"user {user_id!r} has no history of video {video_id!r}")
    return Reply()


def _unknown_videos(body: HistoryReport | list[HistoryReport], unknown: frozenset[str]) -> Fault:
    """For one report the video is what was asked for; of many, the wrong ones are pointed out."""
    if isinstance(body, HistoryReport):
        return VideoUnknown(body.video_id)
    errors = [
        {
            "in": "body",
            "pointer": f"/{at}/video_id",
            "detail": f"there is no video {each.video_id!r}",
        }
        for at, each in enumerate(body)
        if each.video_id in unknown
    ]
    return InvalidBody("some of the videos are unknown; nothing was kept", errors=errors)
