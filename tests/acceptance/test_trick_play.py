"""Winding and previews through the whole product, in the players that know of them."""

import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import pytest
import pytest_asyncio

from tests.fixtures.bare_players import DASH, HLS, SHAKA, quoted, with_player
from tests.fixtures.chromium import Chromium, chromium
from tests.fixtures.media import read_number
from tests.fixtures.product import Product

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

ELEMENTS = ("video", "video", "img")
VIDEO = "document.querySelector('video')"
DEADLINE_S = 60
NTSC = 30000 / 1001
# What is asked of hls.js before it is attached is lost where its playlist comes sooner than that.
WIND = """
  window.winder = hls.createIFramePlayer();
  winder.on(Hls.Events.MEDIA_ATTACHED, () => winder.loadMediaAt(7));
  winder.attachMedia(document.querySelectorAll('video')[1]);
  1
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Chromium]:
    """A headless Chromium that may start playing without a click."""
    async with chromium("--autoplay-policy=no-user-gesture-required") as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def playback(product: Product, film: Path) -> dict[str, Any]:
    """What `/play` says of a film of 12 s."""
    video_id = await product.upload(film)
    video = await product.settled(video_id)
    assert (video.status, video.errors) == ("ready", [])
    async with product.http.get(f"{product.api}/videos/{video_id}/play") as answer:
        found: dict[str, Any] = await answer.json()
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def joined(product: Product, film: Path) -> dict[str, Any]:
    """What `/play` says of the film's first third and its last, one after the other: 8.008 s."""
    video_id = await product.upload(film)
    video = await product.settled(video_id)
    assert video.status == "ready"
    parts = [{"video_id": video_id, "end_ms": 4000}, {"video_id": video_id, "start_ms": 9000}]
    made = {"title": "Joined", "input": {"parts": parts}}
    async with product.http.post(f"{product.api}/videos", json=made) as answer:
        edit_id = (await answer.json())["id"]
    async with product.http.get(f"{product.api}/videos/{edit_id}/play") as answer:
        found: dict[str, Any] = await answer.json()
    return found


@pytest.mark.parametrize("form", ["hls", "dash"])
async def test_shaka_finds_a_picture_of_every_moment(
    browser: Chromium, product: Product, playback: dict[str, Any], form: str
) -> None:
    begin = f"""void (async () => {{
      const player = new shaka.Player();
      await player.attach({VIDEO});
      await player.load({quoted(playback[form])});
      window.tracks = player.getImageTracks();
      window.shown = [];
      for (const track of window.tracks)
        window.shown.push(await player.getThumbnails(track.id, 7));
      window.done = true;
    }})()"""
    page = await with_player(browser, product.api, SHAKA, begin, ELEMENTS)
    await page.wait_for("window.done", DEADLINE_S)
    codecs = await page.evaluate("window.tracks.map((track) => track.codecs)")
    assert sorted(map(str, codecs)) == (["jpeg", "mjpg"] if form == "hls" else ["None"])
    for shown in await page.evaluate("window.shown"):
        assert 6 <= shown["startTime"] <= 7
        assert shown["duration"] == pytest.approx(2, abs=0.1)
        async with product.http.get(shown["uris"][0]) as answer:
            assert answer.status == 200


async def test_dash_js_finds_a_picture_of_every_moment(
    browser: Chromium, product: Product, playback: dict[str, Any]
) -> None:
    begin = f"""(() => {{
      const player = dashjs.MediaPlayer().create();
      player.initialize({VIDEO}, {quoted(playback["dash"])}, true);
      player.on('streamInitialized', () => setTimeout(() =>
        player.provideThumbnail(7, (found) => {{ window.shown = found; }}), 500));
    }})()"""
    page = await with_player(browser, product.api, DASH, begin, ELEMENTS)
    await page.wait_for("window.shown && window.shown.url", DEADLINE_S)
    shown = await page.evaluate("({...window.shown})")
    assert shown["x"] == 3 * shown["width"]
    async with product.http.get(shown["url"]) as answer:
        assert answer.content_type == "image/jpeg"
    await page.wait_for(f"{VIDEO}.currentTime > 0.3", DEADLINE_S)


async def test_hls_js_winds_by_i_frames_and_shows_those_of_jpeg(
    browser: Chromium, product: Product, playback: dict[str, Any]
) -> None:
    begin = f"""(() => {{
      window.hls = new Hls();
      hls.loadSource({quoted(playback["hls"])});
      hls.attachMedia({VIDEO});
    }})()"""
    page = await with_player(browser, product.api, HLS, begin, ELEMENTS)
    await page.wait_for("hls.iframeVariants?.length >= 2 && hls.levels.length", DEADLINE_S)
    await page.evaluate(
        "window.images = hls.createImageIFramePlayer();"
        "images.attachImage(document.querySelector('img')); images.loadMediaAt(7); 1"
    )
    await page.wait_for("document.querySelector('img').naturalWidth > 0", DEADLINE_S)
    await page.evaluate(WIND)
    await page.wait_for("document.querySelectorAll('video')[1].readyState >= 2", DEADLINE_S)
    assert await page.evaluate("document.querySelectorAll('video')[1].error") is None


async def test_shaka_finds_the_pictures_of_joined_parts(
    browser: Chromium, product: Product, joined: dict[str, Any]
) -> None:
    begin = f"""void (async () => {{
      const player = new shaka.Player();
      await player.attach({VIDEO});
      await player.load({quoted(joined["hls"])});
      window.shown = [];
      for (const track of player.getImageTracks())
        for (const moment of [1, 7])
          window.shown.push((await player.getThumbnails(track.id, moment)).uris[0]);
      window.done = true;
    }})()"""
    page = await with_player(browser, product.api, SHAKA, begin, ELEMENTS)
    await page.wait_for("window.done", DEADLINE_S)
    numbers = [
        int(re.findall(r"(\d+)\.(?:jpg|m4s)", uri)[0]) for uri in await page.evaluate("shown")
    ]
    # The tiles of 0 and of 10 s of the film, in both forms.
    assert numbers == [0, 5, 0, 5]


async def test_hls_js_winds_through_joined_parts(
    browser: Chromium, product: Product, joined: dict[str, Any]
) -> None:
    begin = f"""(() => {{
      window.hls = new Hls();
      hls.loadSource({quoted(joined["hls"])});
      hls.attachMedia({VIDEO});
    }})()"""
    page = await with_player(browser, product.api, HLS, begin, ELEMENTS)
    await page.wait_for("hls.iframeVariants?.length >= 2 && hls.levels.length", DEADLINE_S)
    await page.evaluate(
        "window.images = hls.createImageIFramePlayer();"
        "images.attachImage(document.querySelector('img')); images.loadMediaAt(7); 1"
    )
    await page.wait_for("document.querySelector('img').naturalWidth > 0", DEADLINE_S)
    await page.evaluate(WIND)
    await page.wait_for("document.querySelectorAll('video')[1].readyState >= 2", DEADLINE_S)
    assert await page.evaluate("document.querySelectorAll('video')[1].error") is None


async def test_the_picture_of_a_moment_is_kept_by_the_edge(
    product: Product, playback: dict[str, Any]
) -> None:
    url = f"{playback['hls'].rpartition('/')[0]}/thumb/7000-w320.webp"
    data = b""
    for kept in (False, True):
        async with product.http.get(url) as answer:
            assert (answer.status, answer.content_type) == (200, "image/webp")
            assert ("; hit" in answer.headers["Cache-Status"].rpartition(",")[2]) is kept
            data = await answer.read()
    with av.open(io.BytesIO(data), "r") as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (320, 180)
    assert read_number(frame) == int(7 * NTSC)
