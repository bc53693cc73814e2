"""Memory in front of a disk: slices go down as they come, and up as they are asked for."""

import asyncio
from pathlib import Path

import pytest

from tests.fixtures.edge import RunningEdge, StartEdge
from tests.fixtures.film_upstream import FILM, MIB, film_bytes, film_upstream
from tests.fixtures.raw_client import Answer

LENGTH = 5 * MIB + 1000


def of_film(answer: Answer, start: int, stop: int) -> bool:
    return answer.whole and answer.body == film_bytes(start, stop)


async def until_written(edge: RunningEdge, slices: int) -> None:
    await edge.until_metric("sluice_edge_disk_writes_total", slices)


async def test_after_a_restart_what_is_on_disk_is_served_without_the_upstream(
    start_edge: StartEdge, tmp_path: Path
) -> None:
    async with film_upstream(LENGTH) as upstream:
        async with start_edge(upstream.url, cache_dir=tmp_path) as edge:
            assert of_film(await edge.get(FILM), 0, LENGTH)
            await until_written(edge, 6)
        nobody = "http://127.0.0.1:1"
        async with start_edge(nobody, cache_dir=tmp_path) as edge:
            part = await edge.get(FILM, {"Range": f"bytes={2 * MIB}-{2 * MIB + 9}"})
            assert of_film(part, 2 * MIB, 2 * MIB + 10)
            assert "; hit; " in part["Cache-Status"]
            whole = await edge.get(FILM)
            assert of_film(whole, 0, LENGTH)
            assert "; hit; " in whole["Cache-Status"]
            assert (await edge.get(FILM, {"If-None-Match": '"v1"'})).status == 304
            assert (await edge.get(FILM, method="HEAD"))["Content-Length"] == str(LENGTH)
        assert upstream.ranges == [None]


async def test_a_film_larger_than_memory_is_stored_on_disk(
    start_edge: StartEdge, tmp_path: Path
) -> None:
    length = 24 * MIB
    async with (
        film_upstream(length) as upstream,
        start_edge(upstream.url, memory_bytes=4 * MIB, cache_dir=tmp_path) as edge,
    ):
        assert of_film(await edge.get(FILM), 0, length)
        await until_written(edge, 24)
        again = await edge.get(FILM)
        assert of_film(again, 0, length)
        assert "; hit; " in again["Cache-Status"]
        assert upstream.ranges == [None]
        assert await edge.metric("sluice_edge_stored_bytes") <= 4 * MIB


async def test_slices_that_are_nowhere_are_asked_for_and_those_on_disk_are_not(
    start_edge: StartEdge, tmp_path: Path
) -> None:
    async with film_upstream(LENGTH) as upstream:
        async with start_edge(upstream.url, cache_dir=tmp_path) as edge:
            await edge.get(FILM, {"Range": f"bytes={2 * MIB}-{3 * MIB - 1}"})
            await until_written(edge, 1)
        async with start_edge(upstream.url, cache_dir=tmp_path) as edge:
            answer = await edge.get(FILM)
            assert of_film(answer, 0, LENGTH)
            assert "fwd=partial" in answer["Cache-Status"]
        assert upstream.ranges[1:] == [f"bytes=0-{2 * MIB - 1}", f"bytes={3 * MIB}-{LENGTH - 1}"]


@pytest.mark.parametrize("soft", [False, True])
async def test_a_purge_reaches_what_is_on_disk_alone(
    start_edge: StartEdge, tmp_path: Path, soft: bool
) -> None:
    async with film_upstream(LENGTH, more={"Surrogate-Key": "film"}) as upstream:
        async with start_edge(upstream.url, cache_dir=tmp_path) as edge:
            await edge.get(FILM)
            await until_written(edge, 6)
        async with start_edge(upstream.url, cache_dir=tmp_path) as edge:
            await edge.purge(keys=["film"], soft=soft)
        upstream.etag, upstream.salt = '"v2"', 77
        async with start_edge(upstream.url, cache_dir=tmp_path) as edge:
            assert (await edge.get(FILM)).body == film_bytes(0, LENGTH, 77)
        asked = upstream.asked[-1].fields
        assert asked.get("if-none-match") == ('"v1"' if soft else None)


async def test_a_stale_film_on_disk_is_confirmed_and_served(
    start_edge: StartEdge, tmp_path: Path
) -> None:
    async with film_upstream(LENGTH, cache_control="max-age=1, stale-if-error=600") as upstream:
        async with start_edge(upstream.url, cache_dir=tmp_path) as edge:
            await edge.get(FILM)
            await until_written(edge, 6)
        await asyncio.sleep(1.1)
        async with start_edge("http://127.0.0.1:1", cache_dir=tmp_path) as edge:
            answer = await edge.get(FILM)
            assert of_film(answer, 0, LENGTH)
            assert "stale-if-error" in answer["Cache-Status"]


async def test_another_film_under_the_same_name_takes_its_place_on_disk(
    start_edge: StartEdge, tmp_path: Path
) -> None:
    async with film_upstream(LENGTH, cache_control="max-age=0") as upstream:
        async with start_edge(upstream.url, cache_dir=tmp_path) as edge:
            await edge.get(FILM)
            await until_written(edge, 6)
            upstream.etag, upstream.salt, upstream.cache_control = '"v2"', 77, "max-age=600"
            await edge.get(FILM)
            await until_written(edge, 12)
        async with start_edge("http://127.0.0.1:1", cache_dir=tmp_path) as edge:
            assert (await edge.get(FILM)).body == film_bytes(0, LENGTH, 77)
