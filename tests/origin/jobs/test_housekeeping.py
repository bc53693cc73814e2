"""What a clean-up pass removes, and what it must not touch."""

from pathlib import Path

import pytest

from origin.housekeeping import Housekeeper
from origin.repository import Repository
from runtime.postgres import Pool, connection
from runtime.scratch import Scratch
from runtime.storage import LocalStore
from tests.fixtures.catalogue import add_video

pytestmark = pytest.mark.postgres

_ADD_TRACK = """
INSERT INTO tracks (
    video_id, kind, name, build_hash, store_prefix, codec, timescale, duration, bandwidth,
    average_bandwidth, size_bytes
)
VALUES ($1, 'v', '240p', 'hash', $2, 'avc1.64001f', 1000, 8000, 1, 1, 1)
"""


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "store")
    store.prepare()
    return store


@pytest.fixture
def housekeeper(pool: Pool, store: LocalStore, tmp_path: Path) -> Housekeeper:
    return Housekeeper(Repository(pool), store, tmp_path / "scratch")


def put(store: LocalStore, *keys: str) -> None:
    for key in keys:
        path = store.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"data")


def everything(store: LocalStore) -> set[str]:
    """Every file and folder of the store but the folders above what is kept."""
    return {
        str(path.relative_to(store.root))
        for path in store.root.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }


async def test_what_rows_refer_to_stays(
    pool: Pool, store: LocalStore, housekeeper: Housekeeper
) -> None:
    video_id = await add_video(pool)
    kept = {
        f"uploads/{video_id}/source",
        f"builds/{video_id}/one/v-240p/track.flat",
        f"builds/{video_id}/one/v-240p/track.idx",
        f"posters/{video_id}/two.jpg",
    }
    put(store, *kept)
    async with connection(pool) as session:
        await session.execute(_ADD_TRACK, video_id, f"builds/{video_id}/one/v-240p")
        await session.execute(
            "UPDATE videos SET poster_key = $2 WHERE id = $1",
            video_id,
            f"posters/{video_id}/two.jpg",
        )
    assert (await housekeeper.clean_up()).removed == ()
    assert everything(store) == kept


async def test_what_no_row_refers_to_goes_with_its_folders(
    pool: Pool, store: LocalStore, housekeeper: Housekeeper
) -> None:
    video_id = await add_video(pool)
    put(
        store,
        "uploads/nobody/source",
        "builds/nobody/one/v-240p/track.flat",
        f"builds/{video_id}/one/v-240p/track.flat",
        "posters/nobody/one.jpg",
        f"posters/{video_id}/old.jpg",
    )
    store.path("builds/nobody/empty").mkdir()
    await housekeeper.clean_up()
    assert everything(store) <= {"uploads", "builds", "posters"}


async def test_a_track_beside_a_published_one_goes_alone(
    pool: Pool, store: LocalStore, housekeeper: Housekeeper
) -> None:
    video_id = await add_video(pool)
    kept = f"builds/{video_id}/one/v-240p/track.flat"
    put(store, kept, f"builds/{video_id}/one/v-480p/track.flat")
    async with connection(pool) as session:
        await session.execute(_ADD_TRACK, video_id, f"builds/{video_id}/one/v-240p")
    await housekeeper.clean_up()
    assert {key for key in everything(store) if key.startswith("builds")} == {kept}


async def test_what_a_living_process_claims_stays_until_it_gives_it_back(
    store: LocalStore, housekeeper: Housekeeper, tmp_path: Path
) -> None:
    keys = {
        "uploads/coming/source",
        "builds/film/making/v-240p/track.flat",
        "posters/film/drawing.jpg",
    }
    put(store, *keys)
    with Scratch.open(tmp_path / "scratch", "worker") as scratch:
        with scratch.claim("coming"), scratch.claim("making"), scratch.claim("drawing"):
            await housekeeper.clean_up()
            assert everything(store) == keys
        await housekeeper.clean_up()
        assert everything(store) <= {"uploads", "builds", "posters"}


async def test_an_empty_library_is_clean(housekeeper: Housekeeper) -> None:
    assert (await housekeeper.clean_up()).removed == ()
