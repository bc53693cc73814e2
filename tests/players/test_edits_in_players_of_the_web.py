"""hls.js, shaka-player and dash.js on clips and joints: from point to point, across the joint."""

import pytest

from tests.fixtures.chromium import Chromium, Page
from tests.players.edits import EDITS, Edited
from tests.players.web import VIDEO, opened, seek

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
    pytest.mark.chromium,
]

WAYS = [("hls.js", "hls"), ("shaka", "hls"), ("shaka", "dash"), ("dash.js", "dash")]
NEARLY_S = 0.1
SPARE_HOLES = """window.trouble.push = (...said) => Array.prototype.push.apply(
  window.trouble, said.filter((each) => !each.includes('bufferSeekOverHole'))); 1"""
"""hls.js says so where it leaves out a hole in the sound, and goes on."""
ENDS = {"shaka": "window.player.seekRange().end", "dash.js": f"{VIDEO}.duration"}
"""Where a player of DASH has it end.

Shaka fills the element's buffer 0.1 s beyond each Period (`APPEND_WINDOW_END_FUDGE_` in its
streaming_engine.js, against shaka-player #1597), and with it grows the element's duration.
"""


async def over(page: Page, place_s: float) -> None:
    """Play from a little before a place until a little after it."""
    await page.evaluate(f"{VIDEO}.currentTime = {place_s - 0.5}; {VIDEO}.play(); 1")
    await page.wait_for(
        f"window.trouble.length || (!{VIDEO}.seeking && {VIDEO}.currentTime > {place_s + 0.4})"
    )
    assert await page.evaluate("window.trouble") == []


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize(("library", "protocol"), WAYS)
async def test_an_edit_plays_across_its_joint_and_to_its_end(
    browser: Chromium, pages: str, edited: dict[str, Edited], name: str, library: str, protocol: str
) -> None:
    """HLS begins where EXT-X-START says; DASH has no such thing, and ends to the millisecond."""
    made = edited[name]
    page = await opened(browser, pages, library, getattr(made, protocol))
    if name == "sound that ends early":
        await page.evaluate(SPARE_HOLES)
    begins_s = made.begins_s if protocol == "hls" else 0.0
    await page.wait_for(f"Math.abs({VIDEO}.currentTime - {begins_s}) < {NEARLY_S}")
    duration_s = await page.evaluate(f"{VIDEO}.duration")
    if protocol == "dash":
        assert abs(await page.evaluate(ENDS[library]) - made.ends_s) < NEARLY_S
    else:
        assert duration_s > made.ends_s - NEARLY_S
    await over(page, made.edit.joint_s)
    for target_s in (1.0, made.edit.joint_s + 0.7, made.edit.joint_s - 0.3, 0.2):
        await seek(page, target_s)
    await seek(page, duration_s - 1)
    await page.wait_for("window.trouble.length || window.ended")
    assert await page.evaluate("window.trouble") == []
    assert await page.evaluate(f"{VIDEO}.error") is None
    assert (page.console_errors, page.failed_requests) == ([], [])
    await page.close()
