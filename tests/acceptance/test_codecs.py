"""Films in codecs that not every player has: browsers play what they can, or what is beside it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fixtures.chromium import Chromium, chromium
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.product import Product

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

VIDEO = "document.querySelector('video')"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Chromium]:
    """A headless Chromium that may start playing without a click; it has neither HEVC nor AC-3."""
    async with chromium("--autoplay-policy=no-user-gesture-required") as started:
        yield started


@pytest.fixture(scope="session")
def open_film(films: Path) -> Path:
    """Six seconds in codecs that browsers have: VP9 and Opus, in WebM."""
    picture = Picture(codec="libvpx-vp9", count=150, width=160, height=120, gop=25, b_frames=0)
    return make_clip(films / "open.webm", picture, Sound(codec="libopus", samples=6 * 48_000))


async def test_where_hevc_is_missing_the_web_player_takes_h264(
    product: Product, browser: Chromium, foreign_film: Path
) -> None:
    video_id = await product.upload(foreign_film)
    await product.settled(video_id)
    page = await browser.page()
    assert not await page.evaluate(
        """MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L90.90"')"""
    )
    await page.navigate(f"{product.api}/watch/{video_id}")
    await page.wait_for(f"{VIDEO} && {VIDEO}.readyState >= 2")
    await page.evaluate(f"{VIDEO}.play()")
    await page.wait_for(f"{VIDEO}.currentTime > 1")
    assert await page.evaluate(f"{VIDEO}.webkitAudioDecodedByteCount") > 0
    assert await page.evaluate(f"{VIDEO}.error") is None
    segments = [each.url for each in page.requests.values() if each.url.endswith(".m4s")]
    assert segments
    assert not [url for url in segments if "-hevc/" in url or "-ac3/" in url]
    assert (page.console_errors, page.failed_requests) == ([], [])


async def test_vp9_and_opus_play_as_they_are_and_their_companions_join(
    product: Product, browser: Chromium, open_film: Path
) -> None:
    video_id = await product.upload(open_film)
    video = await product.settled(video_id)
    assert (video.status, video.errors) == ("ready", [])
    codecs = {str(rendition["codec"]).partition(".")[0] for rendition in video.renditions}
    assert codecs == {"vp09", "avc1", "opus", "mp4a"}
    page = await browser.page()
    await page.navigate(f"{product.api}/watch/{video_id}")
    await page.wait_for(f"{VIDEO} && {VIDEO}.readyState >= 2")
    await page.evaluate(f"{VIDEO}.play()")
    await page.wait_for(f"{VIDEO}.currentTime > 2")
    assert await page.evaluate(f"{VIDEO}.error") is None
    assert (page.console_errors, page.failed_requests) == ([], [])
