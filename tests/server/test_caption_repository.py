"""Changes of text tracks and chapters as the database sees them: whole, and told to the edges."""

import pytest

from core.media.chapters import Chapter
from core.media.roles import TrackRole
from runtime.postgres import Pool, connection
from server.caption_repository import MOST_TEXT_TRACKS, CaptionRepository, NewCaption
from server.faults import CaptionUnknown, TooManyCaptions, VideoUnknown
from tests.fixtures.catalogue import add_video, playback_id_of

pytestmark = pytest.mark.postgres

CAPTION = NewCaption(
    build_hash="0123456789abcdef0123",
    store_prefix="builds/v/b/text",
    language="en",
    label=None,
    roles=frozenset({TrackRole.FORCED}),
    is_default=False,
    end_ms=1000,
    bandwidth=10,
    average_bandwidth=5,
    size_bytes=40,
)


@pytest.fixture
def captions(pool: Pool) -> CaptionRepository:
    return CaptionRepository(pool)


async def owed(pool: Pool) -> list[tuple[list[str], bool]]:
    async with connection(pool) as session:
        rows = await session.fetch("SELECT keys, soft FROM purge_outbox ORDER BY id")
    return [(row["keys"], row["soft"]) for row in rows]


async def test_every_change_has_the_edges_look_at_the_manifest_again(
    pool: Pool, captions: CaptionRepository
) -> None:
    video = await add_video(pool, enqueued=False)
    manifest = ([f"manifest:{playback_id_of(video)}"], True)
    assert (await captions.add(video, CAPTION)).name == "en-forced"
    assert await owed(pool) == [manifest]
    async with captions.chapters(video) as change:
        await change.replace([Chapter(0, "One")])
    assert await owed(pool) == [manifest, manifest]
    assert await captions.delete(video, "en-forced") == "builds/v/b/text"
    # What is deleted goes from caches, too, though its URLs never change.
    gone = (["text:0123456789abcdef0123"], False)
    assert await owed(pool) == [manifest, manifest, gone, manifest]


async def test_what_is_refused_changes_nothing(pool: Pool, captions: CaptionRepository) -> None:
    video = await add_video(pool, enqueued=False)
    with pytest.raises(CaptionUnknown):
        await captions.delete(video, "en")
    with pytest.raises(VideoUnknown):
        await captions.add("nosuchvideo", CAPTION)
    assert await owed(pool) == []


async def test_there_is_an_end_to_the_number_of_tracks(
    pool: Pool, captions: CaptionRepository
) -> None:
    video = await add_video(pool, enqueued=False)
    names = {(await captions.add(video, CAPTION)).name for _ in range(MOST_TEXT_TRACKS)}
    assert len(names) == MOST_TEXT_TRACKS
    with pytest.raises(TooManyCaptions):
        await captions.add(video, CAPTION)
