"""Uploads that cannot be played: a reason a person understands, and a worker that goes on."""

from pathlib import Path

import pytest

from tests.fixtures.catalogue import work_rows
from tests.fixtures.media import Picture, make_clip
from tests.fixtures.origin import Library, running_worker
from tests.fixtures.spliced import edited, splice

pytestmark = pytest.mark.postgres


async def test_a_worker_names_what_is_wrong_with_each_file_and_goes_on(
    library: Library, playable_clip: Path, tmp_path: Path
) -> None:
    film = playable_clip.read_bytes()
    tiny = make_clip(tmp_path / "tiny.mp4", Picture(count=5, width=2, height=2)).read_bytes()
    hostile = {
        "source.empty": b"",
        "source.unrecognised": b"This is a letter, not a film.\n" * 100,
        "source.truncated": film[: len(film) // 2],
        "source.dimensions": tiny,
    }
    videos = {code: await library.upload(data) for code, data in hostile.items()}
    healthy = await library.upload(playable_clip)
    async with running_worker(library.worker_settings()):
        for code, video_id in videos.items():
            video = await library.status_becomes(video_id)
            assert (video["status"], video["error_code"]) == ("errored", code)
            assert video["error_message"][0].isupper()
            assert video["error_message"].endswith(".")
            assert video["stage"] is None
        assert (await library.status_becomes(healthy))["status"] == "ready"
    for video_id in videos.values():
        assert (await work_rows(library.pool, video_id))["ingest"]["state"] == "failed"
        assert not library.files(f"builds/{video_id}")


async def test_a_broken_file_is_looked_at_once(library: Library) -> None:
    video_id = await library.upload(b"not a film")
    async with running_worker(library.worker_settings()):
        await library.status_becomes(video_id)
    assert (await work_rows(library.pool, video_id))["ingest"]["picks"] == 1


async def test_an_upload_that_vanished_is_reported_as_missing(library: Library) -> None:
    video_id = await library.upload(b"soon gone")
    (library.store / "uploads" / video_id / "source").unlink()
    async with running_worker(library.worker_settings()):
        video = await library.status_becomes(video_id)
    assert (video["status"], video["error_code"]) == ("errored", "storage.source_missing")


async def test_a_file_that_contradicts_itself_plays_and_its_record_says_so(
    library: Library, playable_clip: Path
) -> None:
    film = bytearray(playable_clip.read_bytes())
    at = film.index(b"stss") + 12
    film[at : at + 4] = (10_000).to_bytes(4)
    videos = [await library.upload(bytes(film)), await library.upload(playable_clip)]
    async with running_worker(library.worker_settings()):
        rows = [await library.status_becomes(video_id) for video_id in videos]
    assert [row["status"] for row in rows] == ["ready", "ready"]
    (repaired, sound) = (row["source_repaired"] for row in rows)
    assert repaired.startswith(f"moov/trak[1]/mdia/minf/stbl/stss at byte {at} speaks of sample")
    assert sound is None


async def test_what_had_to_be_made_plain_by_encoding_is_in_the_record(
    library: Library, tmp_path: Path
) -> None:
    first = make_clip(tmp_path / "1.mp4", Picture(count=20))
    second = make_clip(tmp_path / "2.mp4", Picture(count=20, first=20, colour=(6, 6, 6)))
    jumping = make_clip(tmp_path / "jump.mp4", Picture(b_frames=0, count=50))
    files = [splice(tmp_path / "a.mp4", first, second), edited(jumping, (500, 0), (500, 12800))]
    videos = [await library.upload(path) for path in files]
    async with running_worker(library.worker_settings()):
        rows = [await library.status_becomes(video_id) for video_id in videos]
    assert [row["status"] for row in rows] == ["ready", "ready"]
    (described, jumped) = (row["source_repaired"] for row in rows)
    assert described.startswith("moov/trak[1]/mdia/minf/stbl/stsd at byte ")
    assert described.endswith(" describes the samples in 2 ways")
    assert jumped.endswith(" jumps from 6400 to 12800")
