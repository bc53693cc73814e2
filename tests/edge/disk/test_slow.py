"""A disk that hangs: nobody waits for it for long, and what memory has is there all the while."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.http.cache_key import CacheKey
from edge.disk.faults import PurgeNotDurable
from tests.edge.disk.conftest import Opens
from tests.fixtures.disk import NOW_S, Opened, body, put
from tests.fixtures.disk_child import purge
from tests.fixtures.hanging_disk import FREEZES, file_system, frozen, hanging


def path_of(opened: Opened, key: CacheKey) -> Path:
    held = opened.tier._directory.get(key)
    assert held is not None
    return opened.tier._machinery.bodies.path(held.pieces[0].id)


async def longest_pause(stop: asyncio.Event) -> float:
    """How long the loop has not turned, at most."""
    longest_s = 0.0
    while not stop.is_set():
        before_s = time.monotonic()
        await asyncio.sleep(0)
        longest_s = max(longest_s, time.monotonic() - before_s)
    return longest_s


async def test_who_waits_for_a_file_that_hangs_gives_up_and_others_read_on(opens: Opens) -> None:
    async with opens(read_deadline_s=3) as opened:
        stuck, well = put(opened.tier, "/stuck"), put(opened.tier, "/well")
        await opened.settled()
        with hanging(path_of(opened, stuck)):
            waiting = [asyncio.create_task(opened.tier.read(stuck, 1, 0)) for _ in range(3)]
            await asyncio.sleep(0.05)
            for _ in range(50):
                assert await opened.tier.read(well, 1, 0) == body("/well", 1, 0)
            assert not any(task.done() for task in waiting)
            assert await asyncio.gather(*waiting) == [None, None, None]
        assert opened.count("late_total") == 3
        assert opened.tier.holds("/stuck"), "slow is not damaged"


async def test_once_every_reader_hangs_nobody_waits_any_more_until_one_is_back(
    opens: Opens,
) -> None:
    async with opens(read_deadline_s=0.3) as opened:
        stuck, well = put(opened.tier, "/stuck"), put(opened.tier, "/well")
        await opened.settled()
        with hanging(path_of(opened, stuck)):
            reads = [opened.tier.read(stuck, 1, 0) for _ in range(4)]
            assert await asyncio.gather(*reads) == [None] * 4
            async with asyncio.timeout(10):  # and not the 30 s of a hundred deadlines
                for _ in range(100):
                    assert await opened.tier.read(well, 1, 0) is None
            assert opened.count("late_total") == 104
        async with asyncio.timeout(20):
            while await opened.tier.read(well, 1, 0) != body("/well", 1, 0):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    with file_system(tmp_path) as place:
        yield place


@pytest.mark.skipif(
    not FREEZES, reason="only root freezes a file system; the named pipes cover reads"
)
async def test_a_device_that_takes_nothing_stops_neither_the_loop_nor_what_memory_has(
    opens: Opens, device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opens(folder=device / "cache", read_deadline_s=0.3) as opened:
        put(opened.tier, "/before", tags="t1")
        await opened.settled()
        with frozen(device):
            stop = asyncio.Event()
            turning = asyncio.create_task(longest_pause(stop))
            for number in range(2000):
                put(opened.tier, f"/{number}", size=100_000)
            assert opened.count("dropped_total", reason="busy") > 1000, "what waits is bounded"
            key = put(opened.tier, "/0", size=100_000)
            assert await opened.tier.read(key, 1, 0) == body("/0", 1, 0, 100_000)
            with monkeypatch.context() as hasty:
                hasty.setattr("edge.disk.holdings.PURGE_DEADLINE_S", 0.5)
                with pytest.raises(PurgeNotDurable):
                    await opened.tier.purge(purge("hard", "tag", "t1"), NOW_S)
            assert not opened.tier.holds("/before"), "for this process it is gone all the same"
            stop.set()
            assert await turning < 10, "the loop has turned"
        await opened.tier.purge(purge("hard", "tag", "t1"), NOW_S)
        await opened.settled()
        assert opened.tier.holds("/0")
    async with opens(folder=device / "cache") as opened:
        assert opened.tier.holds("/0")
        assert not opened.tier.holds("/before")
