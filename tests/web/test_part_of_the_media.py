"""A clip in the player: its media begin before it and end after it, and nobody sees that."""

import asyncio

import pytest

from core.media.chapters import TimedChapter
from server.documents import EditPart
from tests.fixtures.chromium import Chromium, Page
from tests.web.stand_in import StandIn

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="package")]

VIDEO = "document.querySelector('video')"
POSITION = f"{VIDEO}.currentTime"
TOTAL = "document.querySelector('.times .total').textContent"
SEEK = "document.querySelector('.seek')"
LAST_PICTURE_S = 0.04
REPORT_DEADLINE_S = 30


async def watch_clip(page: Page, library: StandIn, query: str = "") -> str:
    """Open a clip from second 4.5 to second 7 of the media, and wait until it plays."""
    library.start_ms, library.end_ms = 4500, 7000
    video_id = library.add("Stalker (0:04)")
    if not query:
        library.change(video_id, parts=[EditPart("film", 4500, 7000)])
    await page.navigate(f"{library.url}/watch/{video_id}{query}")
    await page.wait_for(f"{VIDEO}.readyState >= 2 && !{VIDEO}.seeking")
    return video_id


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_a_clip_begins_and_ends_at_its_own_points(
    browser: Chromium, library: StandIn, *, phone: bool
) -> None:
    width, height = (390, 844) if phone else (1440, 900)
    page = await browser.page(width=width, height=height, phone=phone)
    await watch_clip(page, library)
    await page.evaluate(f"{VIDEO}.pause()")
    assert 4.45 < await page.evaluate(POSITION) < 6.5
    assert await page.evaluate(TOTAL) == "0:02"
    assert await page.evaluate(f"{SEEK}.ariaValueMax") == "2"
    await page.evaluate(f"{VIDEO}.play()")
    # It stops a moment after the end, and goes back to the last picture then.
    await page.wait_for(f"{VIDEO}.paused && !{VIDEO}.seeking && {POSITION} < 7")
    assert await page.evaluate(POSITION) >= 7 - LAST_PICTURE_S
    assert await page.evaluate("document.querySelector('.big').ariaLabel") == "Play again"
    assert float(await page.evaluate(f"{SEEK}.style.getPropertyValue('--at')")) > 0.99
    async with asyncio.timeout(REPORT_DEADLINE_S):
        while [report.event for _, report in library.reports][-1:] != ["ended"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert abs(library.reports[-1][1].position_ms - 2500) < 2
    await page.press("k")
    await page.wait_for(f"{POSITION} > 4.6 && {POSITION} < 6.5 && !{VIDEO}.paused")
    await page.close()
    assert (page.console_errors, page.failed_requests) == ([], [])


async def test_the_bar_and_the_keys_of_a_clip_stay_within_it(page: Page, library: StandIn) -> None:
    await watch_clip(page, library)
    await page.press("k")
    await page.click(".seek", across=0.6)
    await page.wait_for(f"Math.abs({POSITION} - 6) < 0.05")
    await page.press("j")
    await page.wait_for(f"Math.abs({POSITION} - 4.5) < 0.01")
    await page.press("5")
    await page.wait_for(f"Math.abs({POSITION} - 5.75) < 0.01")
    await page.press("l")
    await page.wait_for(f"Math.abs({POSITION} - 7) < {LAST_PICTURE_S} && {POSITION} < 7")
    await page.wait_for(f"{SEEK}.ariaValueNow === '2'")


async def test_pictures_and_chapters_over_the_bar_are_those_of_the_media(
    page: Page, library: StandIn
) -> None:
    """A second into the clip is second 5.5 of the media: the third picture, the second chapter."""
    library.chapters = [TimedChapter(4500, 5200, "One"), TimedChapter(5200, 7000, "Two")]
    await watch_clip(page, library)
    await page.wait_for("document.querySelectorAll('.seek .chapters span').length === 1")
    mark = await page.evaluate("document.querySelector('.seek .chapters span').style.left")
    assert mark == "28%"
    await page.wait_for("document.querySelector('.seek.previewing')")
    await page.point_at(".seek", across=0.4)
    picture = "document.querySelector('.seek .preview')"
    await page.wait_for(f"{picture}.matches('.filled')")
    assert await page.evaluate(f"{picture}.style.getPropertyValue('--x')") == str(2 * 284)
    assert await page.evaluate("document.querySelector('.seek .tip b').textContent") == "Two"


async def test_a_link_to_a_stretch_plays_it_and_leaves_no_position(
    page: Page, library: StandIn
) -> None:
    """What is asked for in the address goes to the server; positions in a part are none in all."""
    await watch_clip(page, library, "?start_ms=4500&end_ms=7000&surprise=1")
    assert library.plays[-1].keys() == {"user", "start_ms", "end_ms"}
    await page.press("k")
    await page.wait_for(f"{VIDEO}.paused")
    await page.navigate("about:blank")
    assert library.reports == []
