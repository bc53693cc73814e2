"""A disk without room: what does not fit is dropped and counted, and the rest goes on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.disk.opening import RESERVE_BYTES
from tests.edge.disk.conftest import Opens
from tests.fixtures.disk import NOW_S, Opened, body, put
from tests.fixtures.disk_child import purge
from tests.fixtures.processes import until

REPOSITORY = Path(__file__).parents[3]

# Run in a process of its own, whose files may not be longer than three million bytes: what the
# kernel says then is what it says for a full disk, but for its number.
SHORT_FILES = """
import asyncio, resource, sys
from pathlib import Path
from edge.disk.metrics import DiskMetrics
from edge.disk.opening import DiskPlan, open_disk
from runtime.metrics import Metrics
from tests.fixtures.disk import Opened, body, put

async def main(folder):
    metrics = Metrics(process="test", with_process=False)
    plan = DiskPlan(Path(folder), 2**30, reserve_bytes=0)
    async with open_disk(plan, DiskMetrics(metrics)) as tier:
        opened = Opened(tier, metrics.registry)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
        put(tier, "/long", size=4_000_000)
        key = put(tier, "/short", size=100_000)
        await opened.settled()
        assert opened.count("dropped_total", reason="full") == 1
        assert not tier.holds("/long")
        assert await opened.bodies("/short") == {key: {0: body("/short", 1, 0, 100_000)}}
    left = [path.stat().st_size for path in Path(folder).glob("bodies/*/*")]
    assert left == [100_000], left

asyncio.run(main(sys.argv[1]))
"""


def test_a_file_that_may_not_be_written_is_dropped_and_leaves_nothing(folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", SHORT_FILES, str(folder)], cwd=REPOSITORY, check=True, timeout=60
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of eight megabytes, which takes root to mount."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


ROOT = os.geteuid() == 0


@pytest.mark.skipif(not ROOT, reason="only root mounts; the file size limit above covers the rest")
async def test_a_full_disk_drops_what_does_not_fit_and_keeps_the_rest(
    opens: Opens, small_disk: Path
) -> None:
    async with opens(folder=small_disk / "cache") as opened:
        for number in range(100):
            put(opened.tier, f"/{number}", size=100_000)
        await opened.settled()
        dropped = opened.count("dropped_total", reason="full")
        assert dropped > 20
        assert len(opened.tier) == 100 - dropped
        held = [f"/{number}" for number in range(100) if opened.tier.holds(f"/{number}")]
        for resource in held:
            ((read,),) = (each.values() for each in (await opened.bodies(resource)).values())
            assert read == body(resource, 1, 0, 100_000)
        # Purging makes room again.
        for resource in held[:30]:
            await opened.tier.purge(purge("hard", "url", resource), NOW_S)
        await until(lambda: again(opened))
    async with opens(folder=small_disk / "cache") as opened:
        assert {name for name in held if opened.tier.holds(name)} == set(held[30:])
        assert opened.count("emptied_total", reason="unusable") == 0


@pytest.mark.skipif(not ROOT, reason="only root mounts")
async def test_a_purge_is_durable_on_a_disk_that_others_filled_to_the_last_byte(
    opens: Opens, small_disk: Path
) -> None:
    async with opens(folder=small_disk / "cache") as opened:
        for number in range(20):
            put(opened.tier, f"/{number}", size=50_000)
        await opened.settled()
        fill(small_disk / "others")
        for number in range(0, 20, 2):
            await opened.tier.purge(purge("hard", "url", f"/{number}"), NOW_S)
        purged = [f"/{number}" for number in range(0, 20, 2)]
        assert not any(opened.tier.holds(resource) for resource in purged)
        await opened.settled()
        assert len(opened.tier) == 10
    async with opens(folder=small_disk / "cache") as opened:
        assert not any(opened.tier.holds(resource) for resource in purged)
        assert len(opened.tier) == 10


def again(opened: Opened) -> bool:
    """Whether there is room again; after the index had none, that takes a moment."""
    held = opened.tier._directory.get(put(opened.tier, "/again", size=50_000))
    return held is not None and held.pieces[0].is_filed


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (2**16, 2**12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


async def test_the_reserve_is_left_to_others(opens: Opens) -> None:
    async with opens(reserve_bytes=2**60) as opened:
        put(opened.tier, "/a")
        await opened.settled()
        assert not opened.tier.holds("/a")
        assert opened.count("dropped_total", reason="full") == 1
    assert RESERVE_BYTES == 2**30
