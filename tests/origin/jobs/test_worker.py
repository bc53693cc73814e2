"""From an upload to something that plays, through a real worker, Postgres and FFmpeg."""

import asyncio
import re
from fractions import Fraction
from pathlib import Path

import pytest

from runtime.postgres import connection
from tests.fixtures.catalogue import queue_rows, work_rows
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.origin import Library, running_origin, running_worker, worker_process
from tests.fixtures.undecodable import with_undecodable_sound

pytestmark = pytest.mark.postgres


async def test_an_upload_that_can_be_played_as_it_is_becomes_ready_without_encoding(
    library: Library, playable_clip: Path
) -> None:
    video_id = await library.upload(playable_clip)
    async with running_worker(library.worker_settings()):
        video = await library.all_is_done(video_id)
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
        "storyboard": "done",
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


async def test_a_film_plays_without_an_encoding_that_fails(
    library: Library, tmp_path: Path
) -> None:
    foreign = Picture(codec="mpeg2video", width=160, height=120)  # which is to be encoded first
    plain = make_clip(tmp_path / "plain.mkv", foreign, Sound(codec="flac"))
    video_id = await library.upload(with_undecodable_sound(plain, tmp_path / "film.mkv"))
    async with running_worker(library.worker_settings()):
        video = await library.all_is_done(video_id)
    assert video["status"] == "ready"
    assert {track["codec"][:4] for track in await library.tracks(video_id)} == {"avc1", "fLaC"}
    assert (await work_rows(library.pool, video_id))["sound:1"]["state"] == "failed"
    assert video["error_code"] == "source.corrupt"


async def test_what_can_be_played_as_it_is_does_not_wait_behind_an_encoding(
    library: Library, foreign_clip: Path, playable_clip: Path
) -> None:
    slow = [await library.upload(foreign_clip) for _ in range(2)]
    async with running_worker(library.worker_settings(concurrency=1)):
        await library.status_becomes(slow[0], ("preparing",))
        quick = await library.upload(playable_clip)
        assert (await library.status_becomes(quick))["status"] == "ready"
        assert (await library.video(slow[1]))["status"] == "preparing"
        for video_id in slow:
            assert (await library.status_becomes(video_id))["status"] == "ready"


async def test_sound_alone_becomes_ready_without_a_poster(library: Library, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "song.m4a", None, Sound(samples=480_000))
    video_id = await library.upload(clip)
    async with running_worker(library.worker_settings()):
        video = await library.status_becomes(video_id)
    assert (video["status"], video["poster_key"]) == ("ready", None)
    assert [track["kind"] for track in await library.tracks(video_id)] == ["a"]


async def test_sound_that_ends_before_the_first_picture_is_left_out(
    library: Library, tmp_path: Path
) -> None:
    picture = Picture(times=range(125, 175), time_base=Fraction(1, 25))
    clip = make_clip(tmp_path / "unheard.mkv", picture, Sound())
    video_id = await library.upload(clip)
    async with running_worker(library.worker_settings()):
        video = await library.status_becomes(video_id)
    assert (video["status"], video["error_code"]) == ("ready", None)
    assert [track["kind"] for track in await library.tracks(video_id)] == ["v"]


async def test_every_rung_is_cut_at_the_same_places(library: Library, foreign_clip: Path) -> None:
    video_id = await library.upload(foreign_clip)
    async with running_worker(library.worker_settings()):
        await library.status_becomes(video_id)
    async with running_origin(library.origin_settings()) as origin:
        master = (await origin.get(video_id, "master.m3u8")).decode()
        playlists = {
            (await origin.get(video_id, path)).decode()
            for path in re.findall(r"v/\S+/index\.m3u8", master)
        }
    durations = {tuple(re.findall(r"#EXTINF:([\d.]+)", playlist)) for playlist in playlists}
    assert len(re.findall(r"v/\S+/index\.m3u8", master)) >= 3
    assert len(durations) == 1


async def test_a_worker_that_loses_its_identity_gives_its_jobs_back_and_ends(
    library: Library, foreign_clip: Path
) -> None:
    video_id = await library.upload(foreign_clip)
    async with worker_process(library) as worker:
        await library.status_becomes(video_id, ("preparing",))
        async with connection(library.pool) as session:
            await session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = $1",
                "sluice worker identity",
            )
        assert await asyncio.wait_for(worker.process.wait(), 30) == 1
    work = await work_rows(library.pool, video_id)
    assert {row["state"] for row in work.values()} <= {"queued", "done"}
    assert {row["picks"] for row in work.values() if row["state"] == "queued"} <= {0}
