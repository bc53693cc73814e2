"""With a disk, long slices are sent from their files, and memory keeps no copy of them."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.processes import until
from tests.fixtures.upstream import Reply, ScriptedUpstream

FILM = "/media/p_1/film.m4s"
SLICE = 1 << 20
SIZE = 3 * SLICE + 200_000
FIELDS = {"Cache-Control": "max-age=600", "ETag": '"a"', "Content-Type": "video/iso.segment"}


@pytest.fixture
def film(upstream: ScriptedUpstream) -> bytes:
    body = os.urandom(SIZE)
    upstream.on(FILM, Reply(200, FIELDS, body))
    return body


def open_files(folder: Path) -> list[Path]:
    """The files of slices that this process has open."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            path = each.readlink()
        except FileNotFoundError:
            continue
        if path.is_relative_to(folder / "bodies"):
            found.append(path)
    return found


async def filed(folder: Path, count: int) -> None:
    """Wait until that many slices are sent from their files."""
    await until(lambda: len(open_files(folder)) == count)


def forget_pages(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


async def hits(edge: RunningEdge) -> float:
    return await edge.metric("sluice_edge_requests_total", result="hit")


async def test_what_is_on_disk_is_sent_from_its_file(
    start_edge: StartEdge, upstream: ScriptedUpstream, tmp_path: Path, film: bytes
) -> None:
    async with start_edge(upstream.url, cache_dir=tmp_path / "cache") as edge:
        assert (await edge.get(FILM)).body == film
        await filed(tmp_path / "cache", 4)
        assert (await edge.get(FILM)).body == film
        part = await edge.get(FILM, {"Range": "bytes=1000001-2100000"})
        assert part.body == film[1_000_001:2_100_001]
        assert await hits(edge) == 2
        assert await edge.metric("sluice_edge_disk_waits_total") == 0
        for path in open_files(tmp_path / "cache"):
            forget_pages(path)
        assert (await edge.get(FILM)).body == film
        assert await edge.metric("sluice_edge_disk_waits_total") > 0
    assert len(upstream.requests) == 1


async def test_after_a_restart_it_is_sent_from_its_file_again(
    start_edge: StartEdge, upstream: ScriptedUpstream, tmp_path: Path, film: bytes
) -> None:
    async with start_edge(upstream.url, cache_dir=tmp_path / "cache") as edge:
        await edge.get(FILM)
        await filed(tmp_path / "cache", 4)
    async with start_edge(upstream.url, cache_dir=tmp_path / "cache") as edge:
        assert (await edge.get(FILM)).body == film
        for path in {*open_files(tmp_path / "cache")}:
            forget_pages(path)
        assert (await edge.get(FILM)).body == film
        assert await edge.metric("sluice_edge_disk_waits_total") > 0
    assert len(upstream.requests) == 1


async def test_a_purge_closes_the_files(
    start_edge: StartEdge, upstream: ScriptedUpstream, tmp_path: Path, film: bytes
) -> None:
    async with start_edge(upstream.url, cache_dir=tmp_path / "cache") as edge:
        await edge.get(FILM)
        await filed(tmp_path / "cache", 4)
        await edge.purge(urls=[FILM])
        await filed(tmp_path / "cache", 0)
        assert (await edge.get(FILM)).body == film
    assert len(upstream.requests) == 2


async def test_a_file_that_fails_is_fetched_anew(
    start_edge: StartEdge, upstream: ScriptedUpstream, tmp_path: Path, film: bytes
) -> None:
    async with start_edge(upstream.url, cache_dir=tmp_path / "cache") as edge:
        await edge.get(FILM)
        await filed(tmp_path / "cache", 4)
        for path in open_files(tmp_path / "cache"):
            os.truncate(path, 0)
        with pytest.raises(ConnectionResetError):
            await edge.get(FILM)
        assert await _fetched_anew(edge) == film
        assert await edge.metric("sluice_edge_disk_failures_total") > 0


async def _fetched_anew(edge: RunningEdge) -> bytes:
    """The body, once no slice is left that is still taken for good."""
    for _ in range(5):
        with suppress(ConnectionResetError):
            if len(body := (await edge.get(FILM)).body) == SIZE:
                return body
    raise AssertionError("every answer was broken off")
