"""What the schema itself promises, whoever writes to it."""

import pytest

from runtime.postgres import Connection, Pool, connection

pytestmark = pytest.mark.postgres

ADD_VIDEO = """
INSERT INTO videos (id, playback_id, title, status, upload_key, source_filename, source_bytes)
VALUES ($1, 'p_' || $1, 'Title', 'waiting', 'uploads/' || $1 || '/source', 'a.mp4', 1)
"""
ADD_TRACK = """
INSERT INTO tracks (video_id, kind, name, build_hash, store_prefix, codec, timescale, duration,
                    bandwidth, average_bandwidth, size_bytes)
VALUES ($1, 'v', '720p', 'b', 'builds/x', 'avc1.64001f', 90000, 90000, 1000, 900, 100)
"""


async def version(session: Connection, video_id: str) -> int:
    found: int = await session.fetchval("SELECT version FROM videos WHERE id = $1", video_id)
    return found


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE videos SET progress = 0.5 WHERE id = 'one'",
        "UPDATE tracks SET bandwidth = 2000 WHERE video_id = 'one'",
        "DELETE FROM tracks WHERE video_id = 'one'",
        "UPDATE videos SET version = 1 WHERE id = 'one'",
    ],
)
async def test_any_change_of_a_video_or_its_tracks_moves_its_version(
    pool: Pool, change: str
) -> None:
    async with connection(pool) as session:
        await session.execute(ADD_VIDEO, "one")
        await session.execute(ADD_TRACK, "one")
        before = await version(session, "one")
        await session.execute(change)
        assert await version(session, "one") > before


async def test_a_new_track_moves_the_version_of_its_video_and_of_no_other(pool: Pool) -> None:
    async with connection(pool) as session:
        await session.execute(ADD_VIDEO, "one")
        await session.execute(ADD_VIDEO, "two")
        await session.execute(ADD_TRACK, "one")
        assert (await version(session, "one"), await version(session, "two")) == (2, 1)


async def test_a_deleted_video_takes_everything_with_it(pool: Pool) -> None:
    async with connection(pool) as session:
        await session.execute(ADD_VIDEO, "one")
        await session.execute(ADD_TRACK, "one")
        await session.execute("INSERT INTO work (video_id, step) VALUES ('one', 'ingest')")
        await session.execute(
            "INSERT INTO history (user_id, video_id, position_ms, client_ts) "
            "VALUES ('ada', 'one', 0, now())"
        )
        await session.execute("DELETE FROM videos WHERE id = 'one'")
        for table in ("tracks", "work", "history"):
            assert await session.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE videos SET title = ''",
        "UPDATE videos SET status = 'odd'",
        "UPDATE videos SET status = 'errored'",
        "UPDATE videos SET progress = 1.5",
        "UPDATE videos SET plan_timescale = 90000",
        "UPDATE videos SET error_code = 'a'",
    ],
)
async def test_a_video_that_contradicts_itself_is_refused(pool: Pool, change: str) -> None:
    async with connection(pool) as session:
        await session.execute(ADD_VIDEO, "one")
        with pytest.raises(Exception, match="violates check constraint"):
            await session.execute(change)


async def test_titles_are_searched_by_index(pool: Pool) -> None:
    async with connection(pool) as session:
        await session.execute("SET enable_seqscan = off")
        plan = await session.fetch("EXPLAIN SELECT id FROM videos WHERE title ILIKE '%bunny%'")
    assert "videos_by_trigram" in "\n".join(row[0] for row in plan)
