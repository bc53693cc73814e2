"""Damage on the disk costs what it hits, and is never served."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge.disk.index import NAME
from tests.edge.disk.conftest import Opens
from tests.fixtures.disk import NOW_S, body, put
from tests.fixtures.disk_child import purge


def files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "bodies").rglob("*") if path.is_file())


async def stored(opens: Opens, count: int = 1, slices: int = 1) -> None:
    async with opens() as opened:
        for number in range(count):
            put(opened.tier, f"/{number}", slices=slices)


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("spoil", [flip, shorten, lengthen, empty, remove])
@pytest.mark.parametrize("running", [False, True])
async def test_a_damaged_body_is_dropped_counted_and_not_served(
    opens: Opens, folder: Path, spoil: Callable[[Path], None], running: bool
) -> None:
    await stored(opens, slices=2)
    if not running:
        spoil(files(folder)[0])
    async with opens() as opened:
        (found,) = await opened.tier.recall("/0")
        if running:
            spoil(files(folder)[0])
        read = [await opened.tier.read(found.key, found.version, number) for number in range(2)]
        assert read == [None, body("/0", 1, 1)]
        assert opened.count("corrupt_total") == 1
        (left,) = await opened.tier.recall("/0")
        assert left.slices == {1}
    async with opens() as opened:
        (left,) = await opened.tier.recall("/0")
        assert left.slices == {1}
    assert len(files(folder)) == 1


async def test_one_body_in_the_place_of_another_is_damage(opens: Opens, folder: Path) -> None:
    async with opens() as opened:
        put(opened.tier, "/a")
        put(opened.tier, "/b")
    first, second = files(folder)
    spare = folder / "spare"
    first.rename(spare)
    second.rename(first)
    spare.rename(second)
    async with opens() as opened:
        for resource in ("/a", "/b"):
            (found,) = await opened.tier.recall(resource)
            assert await opened.tier.read(found.key, found.version, 0) is None
        assert opened.count("corrupt_total") == 2


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(100_000))


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE objects (id INTEGER PRIMARY KEY)")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as index:
        index.execute("PRAGMA user_version=2")


def older(path: Path) -> None:
    with closing(sqlite3.connect(path)) as index:
        index.execute("PRAGMA user_version=0")


def without_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as index:
        index.execute("DROP TABLE slices")


@pytest.mark.parametrize("spoil", [garbage, foreign, truncated, newer, older, without_a_table])
async def test_an_index_that_is_no_good_means_an_empty_cache_that_works(
    opens: Opens, folder: Path, spoil: Callable[[Path], None]
) -> None:
    await stored(opens, 50)
    spoil(folder / NAME)
    async with opens() as opened:
        assert len(opened.tier) == 0
        assert opened.count("emptied_total", reason="unusable") == 1
        put(opened.tier, "/again")
        await opened.settled()
    async with opens() as opened:
        assert list(await opened.bodies("/again"))
        assert opened.count("emptied_total", reason="unusable") == 0
    assert len(files(folder)) == 1, "what the lost index named is swept"


async def test_an_index_that_is_gone_means_an_empty_cache(opens: Opens, folder: Path) -> None:
    await stored(opens, 3)
    (folder / NAME).unlink()
    async with opens() as opened:
        assert len(opened.tier) == 0
        await opened.settled()
    assert files(folder) == []


async def test_what_is_not_ours_is_left_alone(opens: Opens, folder: Path) -> None:
    strangers = [folder / "films.txt", folder / "bodies" / "aa" / "notes", folder / "bodies" / "x"]
    for path in strangers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    await stored(opens)
    async with opens() as opened:
        await opened.settled()
    assert all(path.read_text() == "mine" for path in strangers)


async def test_an_index_with_wrong_bytes_never_makes_anything_wrong_to_be_served(
    opens: Opens, folder: Path
) -> None:
    """A flipped bit drops a row or the whole index, and is never believed."""
    async with opens() as opened:
        for number in range(30):
            put(opened.tier, f"/{number}", slices=2, size=500)
        await opened.tier.purge(purge("soft", "url", "/7"), NOW_S)
        whole = {f"/{number}": await opened.tier.recall(f"/{number}") for number in range(30)}
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    chance = random.Random(7)
    served = 0
    for _ in range(60):
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
        raw = bytearray((folder / NAME).read_bytes())
        for _ in range(chance.choice([1, 3, 100])):
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        (folder / NAME).write_bytes(raw)
        async with opens() as opened:
            for resource, expected in whole.items():
                for found in await opened.tier.recall(resource):
                    assert (found.key, found.head) == (expected[0].key, expected[0].head)
                    for number in found.slices:
                        data = await opened.tier.read(found.key, found.version, number)
                        assert data in {None, body(resource, 1, number, 500)}
                        served += data is not None
    assert served > 500, "nothing was left to compare"


async def test_an_index_that_fails_while_it_is_used_is_begun_anew(
    opens: Opens, folder: Path
) -> None:
    async with opens() as opened:
        for number in range(200):
            put(opened.tier, f"/{number}", slices=2)
        await opened.settled()
        index = opened.tier._index._index
        assert index is not None
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with (folder / NAME).open("r+b") as file:
            file.seek(4096)
            file.write(random.Random(3).randbytes(100 * 4096))
        index.execute("PRAGMA shrink_memory")
        await opened.tier.purge(purge("hard", "url", "/1"), NOW_S)
        await opened.settled()
        assert opened.count("emptied_total", reason="failed") == 1
        assert len(opened.tier) == 0
        key = put(opened.tier, "/again")
        await opened.settled()
        assert await opened.bodies("/again") == {key: {0: body("/again", 1, 0)}}
    async with opens() as opened:
        assert len(opened.tier) == 1
        assert await opened.bodies("/again") == {key: {0: body("/again", 1, 0)}}
    assert len(files(folder)) == 1
