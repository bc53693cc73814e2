"""Files that were damaged after publication: refused one by one, never served wrong."""

import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from runtime.listen import HostPort
from runtime.settings import OriginSettings
from tests.fixtures.origin import Delivery, Prepared, running_origin

pytestmark = pytest.mark.postgres


@pytest.fixture
def copied(prepared: Prepared, tmp_path: Path) -> Path:
    """A copy of the prepared data folder, to be damaged."""
    shutil.copytree(prepared.data, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
async def origin(prepared: Prepared, copied: Path) -> AsyncIterator[Delivery]:
    settings = OriginSettings(
        database_url=prepared.database_url, data=copied, listen=HostPort("127.0.0.1", 0)
    )
    async with running_origin(settings) as delivery:
        yield delivery


def the_file(data: Path, pattern: str) -> Path:
    (path,) = (data / "store" / "builds").glob(f"*/*/{pattern}")
    return path


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


async def folders(origin: Delivery, video_id: str) -> set[str]:
    master = (await origin.get(video_id, "master.m3u8")).decode()
    return set(re.findall(r"([va]/[^/\s\"]+/[0-9a-f]+)/index\.m3u8", master))


DAMAGES = [
    ("a-*/track.idx", flip_a_bit),
    ("a-*/track.idx", shorten),
    ("a-*/track.idx", empty),
    ("a-*/track.idx", remove),
    ("a-*/track.flat", shorten),
    ("a-*/track.flat", lengthen),
    ("a-*/track.flat", remove),
]


@pytest.mark.parametrize(
    ("pattern", "damage"), DAMAGES, ids=lambda part: getattr(part, "__name__", part)
)
async def test_a_damaged_track_is_refused_and_the_others_play_on(
    prepared: Prepared,
    copied: Path,
    origin: Delivery,
    pattern: str,
    damage: Callable[[Path], None],
) -> None:
    before = await _published(prepared)
    damage(the_file(copied, pattern))
    for folder in before:
        async with origin.client.get(origin.media(prepared.video_id, f"{folder}/0.m4s")) as answer:
            if folder.startswith("a/"):
                assert answer.status == 500
                assert (await answer.json())["code"] == "media.damaged"
            else:
                assert answer.status == 200
    left = await folders(origin, prepared.video_id)
    assert left == {folder for folder in before if folder.startswith("v/")}


async def test_a_manifest_without_a_damaged_track_is_not_kept_for_long(
    prepared: Prepared, copied: Path, origin: Delivery
) -> None:
    remove(the_file(copied, "a-*/track.idx"))
    async with origin.client.get(origin.media(prepared.video_id, "master.m3u8")) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=2"


async def test_a_film_whose_only_picture_is_damaged_is_not_served_as_sound(
    prepared: Prepared, copied: Path, origin: Delivery
) -> None:
    shorten(the_file(copied, "v-*/track.flat"))
    async with origin.client.get(origin.media(prepared.video_id, "master.m3u8")) as answer:
        assert answer.status == 500
        assert (await answer.json())["code"] == "media.damaged"


async def _published(prepared: Prepared) -> set[str]:
    settings = OriginSettings(
        database_url=prepared.database_url, data=prepared.data, listen=HostPort("127.0.0.1", 0)
    )
    async with running_origin(settings) as whole:
        return await folders(whole, prepared.video_id)
