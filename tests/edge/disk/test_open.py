"""A slice's file can be had open, to be sent from as it is."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from core.cache.purging import EVERYTHING
from tests.edge.disk.conftest import Opens
from tests.fixtures.disk import NOW_S, Opened, body, put

if TYPE_CHECKING:
    from core.http.cache_key import CacheKey


def stored_file(folder: Path) -> Path:
    (path,) = (path for path in (folder / "bodies").rglob("*") if path.is_file())
    return path


def content(descriptor: int) -> bytes:
    return os.pread(descriptor, 1 << 20, 0)


async def test_it_is_told_of_and_opened(opened: Opened) -> None:
    told: list[tuple[CacheKey, int, int]] = []
    opened.tier.tell(lambda *filed: told.append(filed))
    key = put(opened.tier, "/a", slices=2)
    await opened.settled()
    assert told == [(key, 1, 0), (key, 1, 1)]
    file = await opened.tier.open(key, 1, 1)
    assert file is not None
    assert content(file.descriptor) == body("/a", 1, 1)


async def test_one_that_is_gone_or_of_another_version_is_not_opened(opened: Opened) -> None:
    key = put(opened.tier, "/a")
    await opened.settled()
    assert await opened.tier.open(key, 2, 0) is None
    assert await opened.tier.open(key, 1, 1) is None
    await opened.tier.purge(EVERYTHING, NOW_S)
    assert await opened.tier.open(key, 1, 0) is None


async def test_an_open_file_outlives_its_purge(opened: Opened, folder: Path) -> None:
    key = put(opened.tier, "/a")
    await opened.settled()
    file = await opened.tier.open(key, 1, 0)
    await opened.tier.purge(EVERYTHING, NOW_S)
    await opened.settled()
    assert not [path for path in (folder / "bodies").rglob("*") if path.is_file()]
    assert file is not None
    assert content(file.descriptor) == body("/a", 1, 0)


async def test_after_a_restart_it_is_checked_before_it_is_opened(
    opens: Opens, folder: Path
) -> None:
    async with opens() as opened:
        key = put(opened.tier, "/a")
    path = stored_file(folder)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    async with opens() as opened:
        assert await opened.tier.open(key, 1, 0) is None
        assert opened.count("corrupt_total") == 1
        assert not opened.tier.holds("/a")


async def test_a_file_that_lost_bytes_in_this_process_is_not_opened(
    opened: Opened, folder: Path
) -> None:
    key = put(opened.tier, "/a")
    await opened.settled()
    os.truncate(stored_file(folder), 5)
    assert await opened.tier.open(key, 1, 0) is None
    assert opened.count("corrupt_total") == 1
