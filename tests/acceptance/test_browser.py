"""A person with a browser: upload on the page, watch through the edge, seek."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fixtures.chromium import Chromium, Page, chromium
from tests.fixtures.eventually import until
from tests.fixtures.product import Product

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

VIDEO = "document.querySelector('video')"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Chromium]:
    """A headless Chromium that may start playing without a click."""
    async with chromium("--autoplay-policy=no-user-gesture-required") as started:
        yield started


async def watch(browser: Chromium, product: Product, video_id: str, *, phone: bool = False) -> Page:
    """A page that has begun to play the video."""
    width, height = (390, 844) if phone else (1440, 900)
    page = await browser.page(width=width, height=height, phone=phone)
    await page.navigate(f"{product.api}/watch/{video_id}")
    await page.wait_for(f"{VIDEO} && {VIDEO}.readyState >= 2")
    await page.evaluate(f"{VIDEO}.play()")
    return page


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_a_film_plays_with_picture_and_sound(
    product: Product, browser: Chromium, film: Path, *, phone: bool
) -> None:
    video_id = await product.upload(film)
    await product.settled(video_id)
    page = await watch(browser, product, video_id, phone=phone)
    await page.wait_for(f"{VIDEO}.currentTime > 1")
    assert await page.evaluate(f"{VIDEO}.getVideoPlaybackQuality().totalVideoFrames") > 0
    assert await page.evaluate(f"{VIDEO}.webkitAudioDecodedByteCount") > 0
    assert await page.evaluate(f"{VIDEO}.error") is None
    assert abs(await page.evaluate(f"{VIDEO}.duration") - 12.012) < 0.1
    edges = [each.url for each in page.requests.values() if "/media/" in each.url]
    assert edges
    assert all(url.startswith(product.edge) for url in edges)
    assert (page.console_errors, page.failed_requests) == ([], [])


async def test_seeking_forth_and_back_goes_on_playing(
    product: Product, browser: Chromium, film: Path
) -> None:
    video_id = await product.upload(film)
    await product.settled(video_id)
    page = await watch(browser, product, video_id)
    for target in (9, 2):
        await page.evaluate(f"{VIDEO}.currentTime = {target}")
        await page.wait_for(f"!{VIDEO}.seeking && {VIDEO}.currentTime > {target} + 0.3")
    assert (page.console_errors, page.failed_requests) == ([], [])


async def test_a_film_begins_by_itself_once_it_can_play(
    product: Product, browser: Chromium, slow_source: Path
) -> None:
    video_id = await product.upload(slow_source)
    page = await browser.page()
    await page.navigate(f"{product.api}/watch/{video_id}")
    await page.wait_for(f"{VIDEO} && {VIDEO}.readyState >= 2", 90)
    await page.evaluate(f"{VIDEO}.play()")
    await page.wait_for(f"{VIDEO}.currentTime > 0.5")
    assert page.console_errors == []
    await product.settled(video_id)


async def test_a_file_put_into_the_form_appears_and_becomes_ready(
    product: Product, browser: Chromium, film: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "Über den Wolken.mp4"
    shutil.copy(film, mine)
    page = await browser.page()
    await page.navigate(product.api)
    await page.upload("input[type=file]", mine)
    await page.wait_for(f"document.querySelector('main').innerText.includes('{mine.stem}')")

    async def listed() -> bool:
        return any(video.title == mine.stem for video in await product.videos())

    await until(listed, f"{mine.stem} in the library")
    (video,) = [video for video in await product.videos() if video.title == mine.stem]
    assert (await product.settled(video.id)).status == "ready"
    assert (page.console_errors, page.failed_requests) == ([], [])
