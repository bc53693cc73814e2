"""hls.js, shaka-player and dash.js in Chromium: each plays, seeks and ends without a complaint."""

import pytest

from tests.fixtures.chromium import Chromium
from tests.players.films import FILMS, Shown
from tests.players.web import opened, play_and_seek

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
    pytest.mark.chromium,
]

WAYS = [
    ("hls.js", "hls"),
    ("shaka", "hls"),
    ("shaka", "dash"),
    ("shaka", "on_demand"),
    ("dash.js", "dash"),
    ("dash.js", "on_demand"),
]


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize(("library", "protocol"), WAYS)
async def test_it_plays_seeks_and_ends(
    browser: Chromium, pages: str, shown: dict[str, Shown], name: str, library: str, protocol: str
) -> None:
    page = await opened(browser, pages, library, getattr(shown[name], protocol))
    await play_and_seek(page, float(FILMS[name].seconds))
