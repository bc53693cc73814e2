"""An edge whose disk never answers: hits from memory and misses are as if there was none."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.hanging_disk import FREEZES, file_system, frozen, hanging
from tests.fixtures.upstream import Reply, ScriptedUpstream

FRESH = {"Cache-Control": "max-age=600", "ETag": '"v1"'}
# One that is sent from memory, one that is sent from its file once it has one.
SIZES = [5_000, 300_000]
COUNT = 12


def film(name: str, number: int) -> str:
    return f"/media/p_{name}/{number}.m4s"


def body(number: int) -> bytes:
    return bytes([number]) * SIZES[number % len(SIZES)]


def offer(upstream: ScriptedUpstream, *names: str) -> None:
    for name in names:
        for number in range(COUNT):
            upstream.on(film(name, number), Reply(200, FRESH, body(number)))


async def ask_all(edge: RunningEdge, name: str) -> set[str]:
    """Ask for each of these at the same time; the words of what the edge says it did."""
    answers = await asyncio.gather(*(edge.get(film(name, number)) for number in range(COUNT)))
    assert [answer.body for answer in answers] == [body(number) for number in range(COUNT)]
    return {answer["Cache-Status"].split(";")[1].strip() for answer in answers}


async def on_disk(edge: RunningEdge, objects: int) -> None:
    await edge.until_metric("sluice_edge_disk_objects", objects)
    await edge.until_metric("sluice_edge_disk_queued_bytes", 0)
    await edge.until_metric("sluice_edge_disk_writes_total", objects)


@asynccontextmanager
async def edge_with_stuck_files(
    start_edge: StartEdge, upstream: ScriptedUpstream, cache: Path, **config: object
) -> AsyncIterator[RunningEdge]:
    """An edge that has some in memory, and others in files that hang whoever reads them."""
    settings = {"cache_dir": cache, "disk_reserve_bytes": 0, **config}
    offer(upstream, "stuck", "well", "new")
    async with start_edge(upstream.url, **settings) as edge:
        await ask_all(edge, "stuck")
        await on_disk(edge, COUNT)
    async with start_edge(upstream.url, **settings) as edge:
        files = [path for path in (cache / "bodies").rglob("*") if path.is_file()]
        assert len(files) == COUNT
        await ask_all(edge, "well")
        with hanging(*files):
            yield edge


async def test_while_every_read_hangs_hits_and_misses_are_answered(
    start_edge: StartEdge, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with edge_with_stuck_files(
        start_edge, upstream, tmp_path / "cache", disk_timeout_s=100
    ) as edge:
        waiting = asyncio.create_task(ask_all(edge, "stuck"))
        await edge.until_metric("sluice_edge_active_requests", COUNT)
        for _ in range(5):
            assert await ask_all(edge, "well") == {"hit"}
        assert await ask_all(edge, "new") == {"fwd=uri-miss"}
        assert await ask_all(edge, "new") == {"hit"}
        assert not waiting.done(), "they were answered while the disk was waited for"
        assert (await edge.admin("/healthz")).status == 200
        waiting.cancel()


async def test_what_the_disk_does_not_give_in_time_is_fetched(
    start_edge: StartEdge, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with edge_with_stuck_files(
        start_edge, upstream, tmp_path / "cache", disk_timeout_s=0.3
    ) as edge:
        await ask_all(edge, "stuck")
        assert await edge.metric("sluice_edge_disk_late_total") > 0
        assert all(upstream.count(film("stuck", number)) == 2 for number in range(COUNT))
        assert await ask_all(edge, "stuck") == {"hit"}


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    with file_system(tmp_path) as place:
        yield place


@pytest.mark.skipif(not FREEZES, reason="only root freezes a file system")
async def test_while_the_disk_takes_nothing_hits_and_misses_are_answered(
    start_edge: StartEdge, upstream: ScriptedUpstream, device: Path
) -> None:
    offer(upstream, "well", "new", "late")
    settings = {"cache_dir": device / "cache", "disk_reserve_bytes": 0}
    async with start_edge(upstream.url, **settings) as edge:
        await ask_all(edge, "well")
        await on_disk(edge, COUNT)
        with frozen(device):
            for _ in range(5):
                assert await ask_all(edge, "well") == {"hit"}
            assert await ask_all(edge, "new") == {"fwd=uri-miss"}
            assert await ask_all(edge, "new") == {"hit"}
            assert await edge.metric("sluice_edge_disk_queued_bytes") > 0, "the disk takes nothing"
            ready = json.loads((await edge.admin("/readyz")).body)
            assert ready["status"] == "ready"
        await on_disk(edge, 2 * COUNT)
        assert await ask_all(edge, "late") == {"fwd=uri-miss"}
        await on_disk(edge, 3 * COUNT)
