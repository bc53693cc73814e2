"""Driving the page that plays one address with one of the players of the web."""

import re
from urllib.parse import urlencode

from tests.fixtures.chromium import Chromium, Page

VIDEO = "document.querySelector('video')"


async def opened(
    browser: Chromium, pages: str, library: str, address: str, *, licence: str = ""
) -> Page:
    """A page whose player has the first picture; `licence` gives the keys of an encrypted film."""
    page = await browser.page(width=400, height=300)
    query = {"library": library, "address": address, "licence": licence}
    await page.navigate(f"{pages}?{urlencode(query)}")
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


async def play_and_seek(page: Page, seconds: float, *, overlooked: str = "(?!)") -> None:
    """Play a film that lasts so long, go to and fro, and reach its end; close the page.

    What the player says on the console is overlooked where it is of that pattern.
    """
    assert abs(await page.evaluate(f"{VIDEO}.duration") - seconds) < 0.1
    await page.evaluate(f"{VIDEO}.play()")
    await page.wait_for(f"window.trouble.length || {VIDEO}.currentTime > 0.5")
    for target_s in (5.0, 1.0, 3.5):
        await seek(page, target_s)
    await seek(page, seconds - 1.2)
    await page.wait_for("window.trouble.length || window.ended")
    assert await page.evaluate("window.trouble") == []
    assert await page.evaluate(f"{VIDEO}.getVideoPlaybackQuality().totalVideoFrames") > 20
    assert await page.evaluate(f"{VIDEO}.error") is None
    said = [line for line in page.console_errors if not re.search(overlooked, line)]
    assert (said, page.failed_requests) == ([], [])
    await page.close()
