"""From an upload to something that plays, through a real worker, Postgres and FFmpeg."""

from pathlib import Path

import pytest

from tests.fixtures.catalogue import queue_rows, work_rows
from tests.fixtures.origin import Library, running_worker

pytestmark = pytest.mark.postgres


async def test_an_upload_that_can_be_played_as_it_is_becomes_ready_without_encoding(
    library: Library, playable_clip: Path
) -> None:
    video_id = await library.upload(playable_clip)
    async with running_worker(library.worker_settings()):
        video = await library.status_becomes(video_id)
    assert video["status"] == "ready"
    assert video["error_code"] is None
    assert video["duration_ms"] == pytest.approx(10_000, abs=50)
    assert video["progress"] == 1
    assert [track["kind"] for track in await library.tracks(video_id)] == ["v", "a"]
    assert {
        step: row["state"] for step, row in (await work_rows(library.pool, video_id)).items()
    } == {
        "ingest": "done",
        "poster": "done",
    }
    assert await queue_rows(library.pool) == []


async def test_an_upload_that_has_to_be_encoded_plays_at_the_lowest_rung_then_gets_the_others(
    library: Library, foreign_clip: Path
) -> None:
    video_id = await library.upload(foreign_clip)
    async with running_worker(library.worker_settings()):
        await library.status_becomes(video_id, ("playable", "ready", "errored"))
        first = await library.tracks(video_id)
        video = await library.status_becomes(video_id)
    tracks = await library.tracks(video_id)
    assert video["status"] == "ready", video["error_message"]
    assert [(track["kind"], track["name"]) for track in first][:1] == [("v", tracks[0]["name"])]
    assert len([track for track in tracks if track["kind"] == "v"]) == 3
    assert len([track for track in tracks if track["kind"] == "a"]) == 1
    assert video["poster_key"] in library.files("posters")
