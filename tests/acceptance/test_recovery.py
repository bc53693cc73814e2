"""kill -9 of any process or of all: nothing acknowledged is lost, nothing half-made is left."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from runtime.postgres import connect
from tests.fixtures.eventually import until
from tests.fixtures.folders import files_below
from tests.fixtures.players import decode
from tests.fixtures.product import Product, running

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def survivor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """A running product that loses one process after another, then all at once; it runs again."""
    async with running(tmp_path_factory.mktemp("survivor") / "data") as started:
        yield started


async def referenced_prefixes(product: Product) -> set[str]:
    """Every key of the store that a row of the database refers to."""
    async with connect(product.database_url()) as connection:
        rows = await connection.fetch(
            "SELECT upload_key AS key FROM videos UNION SELECT poster_key FROM videos"
            " WHERE poster_key IS NOT NULL UNION SELECT store_prefix FROM tracks"
            " UNION SELECT storyboard ->> 'prefix' FROM videos WHERE storyboard IS NOT NULL"
        )
    return {str(row["key"]).rstrip("/") for row in rows}


def files_of(store: Path) -> set[str]:
    """Every file below the store, as keys."""
    return {str(path.relative_to(store)) for path in files_below(store)}


async def orphans(product: Product) -> set[str]:
    """Files of the store under no key that the database knows."""
    known = await referenced_prefixes(product)
    return {
        file
        for file in files_of(product.data / "store")
        if not any(file == key or file.startswith(f"{key}/") for key in known)
    }


async def until_clean(product: Product) -> None:
    """Wait for the clean-up pass that a start makes; no file may be left that no row refers to."""

    async def clean() -> bool:
        return not await orphans(product)

    await until(clean, "a store without orphans")


@pytest.mark.parametrize("role", ["server", "origin", "worker", "edge"])
async def test_a_killed_process_comes_back_and_the_work_goes_on(
    survivor: Product, role: str, slow_source: Path
) -> None:
    video_id = await survivor.upload(slow_source)
    await survivor.settled(video_id, {"preparing", "playable", "ready"})
    before = survivor.pids()[role]
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    async def replaced() -> bool:
        after = survivor.pids().get(role, [])
        return bool(after) and not set(after) & set(before)

    await until(replaced, f"another {role}")
    await survivor.answers_again()
    video = await survivor.settled(video_id)
    assert video.status == "ready", video.errors
    play = await survivor.play(video_id)
    assert len(await decode(play.hls, "v:0")) == len(await decode(str(slow_source), "v:0"))


async def test_postgres_killed_comes_back_and_nothing_acknowledged_is_lost(
    survivor: Product, film: Path
) -> None:
    video_id = await survivor.upload(film)
    for pid in survivor.pids()["postgres"]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await survivor.answers_again()
    video = await survivor.settled(video_id)
    assert video.status == "ready", video.errors


@pytest.mark.parametrize("seed", range(3))
async def test_a_power_cut_at_any_moment_leaves_every_video_whole(
    survivor: Product, seed: int, film: Path, slow_source: Path
) -> None:
    """Cut at a random moment of the work, twice, then let it finish."""
    moments = random.Random(seed)
    acknowledged: list[str] = []
    for _ in range(2):
        acknowledged.append(await survivor.upload(film))
        acknowledged.append(await survivor.upload(slow_source))
        await asyncio.sleep(moments.uniform(0, 2.5))
        await survivor.kill_tree()
        await survivor.start()
    assert {video.id for video in await survivor.videos()} >= set(acknowledged)
    for video_id in acknowledged:
        video = await survivor.settled(video_id)
        assert video.status == "ready", video.errors
    await until_clean(survivor)
    for video_id, source in zip(acknowledged, [film, slow_source] * 2, strict=True):
        play = await survivor.play(video_id)
        assert len(await decode(play.hls, "v:0")) == len(await decode(str(source), "v:0"))


async def test_an_upload_cut_off_by_a_kill_leaves_nothing(survivor: Product) -> None:
    before = await survivor.videos()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(65536)
            await asyncio.sleep(0.001)

    form = aiohttp.FormData()
    form.add_field("file", endless(), filename="endless.mp4")
    sending = asyncio.create_task(_post(survivor, form))
    await asyncio.sleep(0.7)
    await survivor.kill_tree()
    with contextlib.suppress(aiohttp.ClientError):
        await sending
    await survivor.start()
    assert await survivor.videos() == before
    await until_clean(survivor)
    scratch = [
        path
        for path in (survivor.data / "scratch").rglob("*")
        if path.is_file() and path.name != ".lock"
    ]
    assert not scratch


async def _post(product: Product, form: aiohttp.FormData) -> int:
    async with product.http.post(f"{product.api}/videos", data=form) as response:
        return response.status
