"""hls.js, shaka-player and dash.js in Chromium: each plays, seeks and ends without a complaint."""

from urllib.parse import urlencode

import pytest

from tests.fixtures.chromium import Chromium, Page
from tests.players.films import FILMS, Shown

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
    pytest.mark.chromium,
]

VIDEO = "document.querySelector('video')"
WAYS = [
    ("hls.js", "hls"),
    ("shaka", "hls"),
    ("shaka", "dash"),
    ("shaka", "on_demand"),
    ("dash.js", "dash"),
    ("dash.js", "on_demand"),
]


async def opened(browser: Chromium, pages: str, library: str, address: str) -> Page:
    """A page whose player has the first picture."""
    page = await browser.page(width=400, height=300)
    await page.navigate(f"{pages}?{urlencode({'library': library, 'address': address})}")
    await page.wait_for(f"window.trouble.length || {VIDEO}.readyState >= 2")
    assert await page.evaluate("window.trouble") == []
    return page


async def seek(page: Page, target_s: float) -> None:
    """Go there, and play on from there."""
    await page.evaluate(f"{VIDEO}.currentTime = {target_s}")
    await page.wait_for(
        f"window.trouble.length || (!{VIDEO}.seeking && {VIDEO}.currentTime > {target_s + 0.2})"
    )
    assert await page.evaluate("window.trouble") == []
    assert await page.evaluate(f"{VIDEO}.currentTime") < target_s + 5


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize(("library", "protocol"), WAYS)
async def test_it_plays_seeks_and_ends(
    browser: Chromium, pages: str, shown: dict[str, Shown], name: str, library: str, protocol: str
) -> None:
    film = FILMS[name]
    page = await opened(browser, pages, library, getattr(shown[name], protocol))
    assert abs(await page.evaluate(f"{VIDEO}.duration") - float(film.seconds)) < 0.1
    await page.evaluate(f"{VIDEO}.play()")
    await page.wait_for(f"window.trouble.length || {VIDEO}.currentTime > 0.5")
    for target_s in (5.0, 1.0, 3.5):
        await seek(page, target_s)
    await seek(page, float(film.seconds) - 1.2)
    await page.wait_for("window.trouble.length || window.ended")
    assert await page.evaluate("window.trouble") == []
    assert await page.evaluate(f"{VIDEO}.getVideoPlaybackQuality().totalVideoFrames") > 20
    assert await page.evaluate(f"{VIDEO}.error") is None
    assert (page.console_errors, page.failed_requests) == ([], [])
    await page.close()
