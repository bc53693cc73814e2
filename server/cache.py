"""Purging the edges by hand."""

from http import HTTPStatus

from server.documents import PurgeAccepted, PurgeRequest
from server.endpoint import Answer, Call, Reply, endpoint


@endpoint(
    "POST",
    "/cache/purge",
    tag="cache",
    answer=Answer(PurgeAccepted, HTTPStatus.ACCEPTED),
)
async def purge_cache(call: Call, body: PurgeRequest) -> Reply:
    """Make the edges forget what carries one of these surrogate keys or has one of these URLs.

    A video's media carry `video:{id}` and `playback:{playback_id}`. The purge is written down
    before this is answered, and is delivered to each edge until it acknowledges, and with Redis to
    every edge. Deleting a video purges it by itself.
    """
    token = await call.services.repository.owe_purge(
        body.keys, body.urls, soft=body.soft, everything=body.all
    )
    call.services.purges.announce()
    return Reply(PurgeAccepted(token))
