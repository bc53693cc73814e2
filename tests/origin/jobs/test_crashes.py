"""Processes that die, stop or are told to stop, at the worst moment."""

import asyncio
import json
import os
import signal
from fractions import Fraction
from pathlib import Path

import pytest

from origin.housekeeping import Housekeeper
from origin.repository import Repository
from runtime.jobs import cancel_video
from runtime.postgres import transaction
from runtime.storage import LocalStore
from tests.fixtures.catalogue import queue_rows, video_row, work_rows
from tests.fixtures.eventually import until
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.origin import (
    Library,
    WorkerProcess,
    running_origin,
    segments_of,
    variant_folders,
    worker_process,
)

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that takes a while to encode."""
    path = tmp_path_factory.mktemp("clips") / "long.mkv"
    picture = Picture(codec="mpeg2video", count=300, width=640, height=360)
    return make_clip(path, picture, Sound(codec="mp2", samples=96_000))


async def until_encoding(library: Library, video_id: str) -> None:
    """Wait until the picture of a video is being encoded, with bytes on the disk."""

    async def encoding() -> bool:
        files = library.files(f"builds/{video_id}")
        return any(name.endswith("track.flat") and "/v-" in name for name in files)

    await until(encoding, f"{video_id} is being encoded")


async def clean_up(library: Library) -> None:
    """One clean-up pass, as a worker makes when it starts."""
    store = LocalStore(library.store)
    housekeeper = Housekeeper(Repository(library.pool), store, library.data / "scratch")
    await housekeeper.clean_up()


async def published_files(library: Library, video_id: str) -> set[str]:
    """What the rows say there should be."""
    video = await library.video(video_id)
    tracks = await library.tracks(video_id)
    builds = {
        f"{track['store_prefix']}/{name}"
        for track in tracks
        for name in ("track.flat", "track.idx")
    }
    previews = library.files(json.loads(video["storyboard"])["prefix"])
    return builds | previews | {video["upload_key"], video["poster_key"]}


async def test_a_killed_worker_leaves_nothing_and_its_successor_finishes(
    library: Library, long_clip: Path
) -> None:
    video_id = await library.upload(long_clip)
    async with worker_process(library) as worker:
        await until_encoding(library, video_id)
        await worker.kill()
    assert await library.tracks(video_id) == []
    async with worker_process(library):
        video = await library.all_is_done(video_id)
    assert video["status"] == "ready", video["error_message"]
    await clean_up(library)
    assert library.files() == await published_files(library, video_id)
    assert not any((library.data / "scratch").iterdir())


async def test_one_pass_after_a_kill_removes_what_the_dead_had_begun(
    library: Library, long_clip: Path
) -> None:
    video_id = await library.upload(long_clip)
    async with worker_process(library) as worker:
        await until_encoding(library, video_id)
        await worker.kill()
    await clean_up(library)
    assert library.files() == {f"uploads/{video_id}/source"}
    assert not any((library.data / "scratch").iterdir())


async def test_a_pass_leaves_alone_what_the_living_are_writing(
    library: Library, long_clip: Path
) -> None:
    video_id = await library.upload(long_clip)
    async with worker_process(library):
        await until_encoding(library, video_id)
        await clean_up(library)
        assert any("/v-" in name for name in library.files(f"builds/{video_id}"))
        assert (await library.status_becomes(video_id))["status"] == "ready"


async def test_a_media_process_that_is_killed_is_replaced(
    library: Library, long_clip: Path
) -> None:
    video_id = await library.upload(long_clip)
    async with worker_process(library) as worker:
        await until_encoding(library, video_id)
        for child in worker.children():
            os.kill(child, signal.SIGKILL)
        video = await library.all_is_done(video_id)
        assert worker.process.returncode is None
    assert video["status"] == "ready", video["error_message"]
    assert (await work_rows(library.pool, video_id))["encode"]["picks"] == 2


async def test_a_stopped_worker_that_wakes_up_after_its_successor_is_fenced(
    library: Library, long_clip: Path
) -> None:
    video_id = await library.upload(long_clip)
    async with worker_process(library) as stopped:
        await until_encoding(library, video_id)
        group = [stopped.pid, *stopped.children()]
        for pid in group:
            os.kill(pid, signal.SIGSTOP)
        async with worker_process(library):
            video = await library.all_is_done(video_id)
            assert video["status"] == "ready", video["error_message"]
            tracks = await library.tracks(video_id)
            for pid in reversed(group):
                os.kill(pid, signal.SIGCONT)
            await until(lambda: _is_idle(stopped), "the stopped worker gives up", deadline_s=60)
            assert await library.tracks(video_id) == tracks
            assert await library.video(video_id) == video
            await clean_up(library)
            assert library.files() == await published_files(library, video_id)
        assert stopped.process.returncode is None


async def test_a_worker_that_is_told_to_stop_gives_its_job_back_unharmed(
    library: Library, long_clip: Path
) -> None:
    video_id = await library.upload(long_clip)
    async with worker_process(library) as worker:
        await until_encoding(library, video_id)
        worker.send(signal.SIGTERM)
        assert await asyncio.wait_for(worker.process.wait(), 60) == 0
    work = (await work_rows(library.pool, video_id))["encode"]
    assert (work["state"], work["picks"]) == ("queued", 0)
    assert [job["status"] for job in await queue_rows(library.pool)] == ["queued"]
    assert not library.files(f"builds/{video_id}")


async def test_deleting_a_video_ends_its_encoding_and_removes_every_file(
    library: Library, long_clip: Path
) -> None:
    video_id = await library.upload(long_clip)
    async with worker_process(library) as worker:
        await until_encoding(library, video_id)
        working = worker.children()
        async with transaction(library.pool) as session:
            await cancel_video(session, video_id)
            await session.execute("DELETE FROM videos WHERE id = $1", video_id)

        async def gone() -> bool:
            return not library.files()

        await until(gone, "every file is removed")
        await until(lambda: _is_idle(worker), "its media process has ended")
        assert working
        await until(lambda: _is_queue_empty(library), "the queue has signed it off")
        assert worker.process.returncode is None
    assert await video_row(library.pool, video_id) is None


async def test_cancelling_ends_the_encoding_and_says_so(library: Library, long_clip: Path) -> None:
    video_id = await library.upload(long_clip)
    async with worker_process(library) as worker:
        await until_encoding(library, video_id)
        async with transaction(library.pool) as session:
            await cancel_video(session, video_id)
        await until(lambda: _is_idle(worker), "its media process has ended")
        await until(lambda: _nothing_built(library, video_id), "its output is removed")
        video = await library.video(video_id)
    assert (video["status"], video["error_code"]) == ("errored", "ingest.cancelled")


async def test_a_file_that_crashes_its_process_three_times_is_given_up(
    library: Library, long_clip: Path
) -> None:
    video_id = await library.upload(long_clip)
    async with worker_process(library) as worker:
        for pick in (1, 2, 3):
            await until_encoding(library, video_id)
            assert (await work_rows(library.pool, video_id))["encode"]["picks"] == pick
            for child in worker.children():
                os.kill(child, signal.SIGSEGV)
            await until(lambda: _nothing_built(library, video_id), "its output is removed")
        video = await library.all_is_done(video_id)
        await until(lambda: _is_queue_empty(library), "the queue has signed it off")
        assert worker.process.returncode is None
    assert (video["status"], video["error_code"]) == ("errored", "source.poison")
    assert "crashed 3 times" in video["error_message"]
    assert (await work_rows(library.pool, video_id))["encode"]["state"] == "parked"


async def test_a_file_that_takes_its_worker_with_it_three_times_is_given_up(
    library: Library, long_clip: Path
) -> None:
    video_id = await library.upload(long_clip)
    for _ in range(3):
        async with worker_process(library) as worker:
            await until_encoding(library, video_id)
            await worker.kill()
        await clean_up(library)
    async with worker_process(library):
        video = await library.all_is_done(video_id)
    assert (video["status"], video["error_code"]) == ("errored", "source.poison")
    assert (await work_rows(library.pool, video_id))["encode"]["state"] == "parked"
    await clean_up(library)
    assert library.files() == {f"uploads/{video_id}/source"}


async def _nothing_built(library: Library, video_id: str) -> bool:
    return not library.files(f"builds/{video_id}")


async def _is_queue_empty(library: Library) -> bool:
    return await queue_rows(library.pool) == []


async def _is_idle(worker: WorkerProcess) -> bool:
    """Whether a worker has at most its reserve process, which does nothing."""
    children = worker.children()
    return len(children) <= 1 and not any(map(_is_busy, children))


def _is_busy(pid: int) -> bool:
    try:
        links = list(Path(f"/proc/{pid}/fd").iterdir())
        return any("track." in str(link.readlink()) for link in links)
    except FileNotFoundError:
        return False


async def test_a_kill_amid_the_storyboard_leaves_the_film_playing_and_no_half_of_it(
    library: Library, tmp_path: Path
) -> None:
    slides = Picture(count=240, width=384, height=216, rate=Fraction(1, 2), gop=1, b_frames=0)
    video_id = await library.upload(make_clip(tmp_path / "slides.mp4", slides))
    half = f"storyboards/{video_id}"
    async with worker_process(library) as worker:
        await until(lambda: _has_files(library, half), "the storyboard is begun")
        await worker.kill()
    assert (await library.video(video_id))["storyboard"] is None
    begun = library.files(half)
    async with running_origin(library.origin_settings()) as delivery:
        master = (await delivery.get(video_id, "master.m3u8")).decode()
        assert "mjpg" not in master
        for folder in await variant_folders(delivery, video_id):
            for name in ("init.mp4", *await segments_of(delivery, video_id, folder)):
                assert await delivery.get(video_id, f"{folder}/{name}")
        for path in ("storyboard.vtt", "storyboard.json"):
            async with delivery.client.get(delivery.media(video_id, path)) as answer:
                assert answer.status == 404
        async with worker_process(library):
            assert (await library.status_becomes(video_id))["status"] == "ready"
            await until(lambda: _has_storyboard(library, video_id), "the storyboard is there")
        await clean_up(library)
        assert library.files() == await published_files(library, video_id)
        assert not begun & library.files(half)
        board = json.loads(await delivery.get(video_id, "storyboard.json"))
        assert [tile["start"] for tile in board["tiles"]] == [2.0 * each for each in range(240)]
        for sprite in board["sprites"]:
            assert (await delivery.get(video_id, sprite)).endswith(b"\xff\xd9")


async def _has_files(library: Library, prefix: str) -> bool:
    return bool(library.files(prefix))


async def _has_storyboard(library: Library, video_id: str) -> bool:
    return (await library.video(video_id))["storyboard"] is not None
