"""The chapters of a video: replace them."""

from collections.abc import Sequence
from http import HTTPStatus
from itertools import pairwise

from core.media.chapters import Chapter, chapter_ends
from server.caption_documents import ChapterChange, ChapterList, ChaptersChange, ChapterSpan
from server.endpoint import Answer, Call, Reply, endpoint
from server.faults import InvalidBody, VideoUnknown
from server.identifiers import VideoId


@endpoint(
    "POST",
    "/videos/{video_id}/chapters",
    tag="captions",
    answer=Answer(ChapterList, HTTPStatus.CREATED),
    faults=(VideoUnknown,),
)
async def set_chapters(call: Call, video_id: VideoId, body: ChaptersChange) -> Reply:
    """Replace the chapters of a video; an empty list removes them.

    They rise, and begin within the film. Set before the film is prepared, they go before those in
    its file.
    """
    chapters = [Chapter(each.start_ms, each.title.strip()) for each in body.chapters]
    _check_order(body.chapters)
    async with call.services.captions.chapters(video_id) as change:
        duration_ms = change.video.duration_ms
        if duration_ms is not None:
            _check_within(chapters, duration_ms)
        await change.replace(chapters)
    call.services.purges.announce()
    return Reply(ChapterList(chapter_spans(chapters, duration_ms)))


def chapter_spans(chapters: Sequence[Chapter], duration_ms: int | None) -> list[ChapterSpan]:
    """Give chapters with their ends, where the film's length is known."""
    if duration_ms is None:
        return [ChapterSpan(each.start_ms, None, each.title) for each in chapters]
    return [
        ChapterSpan(each.start_ms, end_ms, each.title)
        for each, end_ms in chapter_ends(chapters, duration_ms)
    ]


def _check_order(chapters: Sequence[ChapterChange]) -> None:
    for number, each in enumerate(chapters):
        if not each.title.strip():
            raise _invalid(number, "title", "it is blank")
    for number, (before, after) in enumerate(pairwise(chapters), start=1):
        if after.start_ms <= before.start_ms:
            raise _invalid(
                number, "start_ms", f"{after.start_ms} does not follow {before.start_ms}"
            )


def _check_within(chapters: Sequence[Chapter], duration_ms: int) -> None:
    for number, each in enumerate(chapters):
        if each.start_ms >= duration_ms:
            raise _invalid(
                number, "start_ms", f"{each.start_ms} is not within the film's {duration_ms} ms"
            )


def _invalid(number: int, name: str, detail: str) -> InvalidBody:
    pointer = f"/chapters/{number}/{name}"
    return InvalidBody(
        f"{pointer}: {detail}", errors=[{"in": "body", "pointer": pointer, "detail": detail}]
    )
