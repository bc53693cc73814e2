"""A protected film through the whole product: players with its keys, and nobody else, play it."""

import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import pytest_asyncio

from tests.fixtures.chromium import Chromium, Page, chromium
from tests.fixtures.players import decode
from tests.fixtures.product import Product

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

PLAYERS = Path(__file__).resolve().parents[2] / "server/web/node_modules"
VIDEO = "document.querySelector('video')"
SHAKA = PLAYERS / "shaka-player/dist/shaka-player.compiled-es2021.js"
DASH = PLAYERS / "dashjs/dist/modern/umd/dash.all.min.js"
HLS = PLAYERS / "hls.js/dist/hls.min.js"
BEGIN_SHAKA = """void (async () => {
  const player = new shaka.Player();
  await player.attach(document.querySelector('video'));
  player.configure({drm: {servers: LICENCE ? {'org.w3.clearkey': LICENCE} : {}}});
  await player.load(ADDRESS);
})()"""
BEGIN_DASH = """(() => {
  const player = dashjs.MediaPlayer().create();
  player.initialize(document.querySelector('video'), null, true);
  player.setProtectionData({'org.w3.clearkey': {serverURL: LICENCE}});
  player.attachSource(ADDRESS);
})()"""
BEGIN_HLS = """(() => {
  const player = new Hls();
  player.loadSource(ADDRESS);
  player.attachMedia(document.querySelector('video'));
})()"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Chromium]:
    """A headless Chromium that may start playing without a click."""
    async with chromium("--autoplay-policy=no-user-gesture-required") as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def protected(product: Product, film: Path) -> dict[str, str]:
    """A film under each protection."""
    ids = {}
    for protection in ("aes-128+cenc", "cenc", "cbcs"):
        video_id = await product.upload(film)
        video = await product.settled(video_id)
        assert (video.status, video.errors) == ("ready", [])
        async with product.http.patch(
            f"{product.api}/videos/{video_id}",
            json={"protection": protection},
            headers={"If-Match": "*"},
        ) as answer:
            assert answer.status == 200, await answer.text()
        ids[protection] = video_id
    return ids


async def play(product: Product, video_id: str) -> Any:
    """What `/play` says, all of it."""
    async with product.http.get(f"{product.api}/videos/{video_id}/play") as answer:
        assert answer.status == 200
        return await answer.json()


async def with_player(browser: Chromium, product: Product, library: Path, begin: str) -> Page:
    """A bare page with a player that has begun to play."""
    page = await browser.page()
    await page.navigate(f"{product.api}/healthz")
    await page.evaluate("document.body.append(document.createElement('video')); 1")
    await page.evaluate(f"{VIDEO}.muted = true")
    await page.evaluate(f"{library.read_text()}\n;1")
    await page.evaluate(begin)
    await page.evaluate(f"void {VIDEO}.play().catch(() => null)")
    return page


async def plays_and_seeks(page: Page) -> None:
    await page.wait_for(f"{VIDEO}.currentTime > 0.5 && {VIDEO}.videoWidth > 0", 60)
    await page.evaluate(f"{VIDEO}.currentTime = 7")
    await page.wait_for(f"!{VIDEO}.seeking && {VIDEO}.currentTime > 7.3", 60)
    assert await page.evaluate(f"{VIDEO}.getVideoPlaybackQuality().totalVideoFrames") > 0
    assert await page.evaluate(f"{VIDEO}.error") is None


def filled(script: str, url: str, licence: str | None) -> str:
    return script.replace("LICENCE", json.dumps(licence)).replace("ADDRESS", json.dumps(url))


@pytest.mark.parametrize(
    ("library", "script", "protection", "address"),
    [
        (HLS, BEGIN_HLS, "aes-128+cenc", "hls"),
        (SHAKA, BEGIN_SHAKA, "aes-128+cenc", "dash"),
        (SHAKA, BEGIN_SHAKA, "cbcs", "dash"),
        (SHAKA, BEGIN_SHAKA, "cbcs", "hls"),
        (DASH, BEGIN_DASH, "aes-128+cenc", "dash"),
        (DASH, BEGIN_DASH, "cbcs", "dash"),
    ],
    ids=["hls.js aes-128", "shaka cenc", "shaka cbcs", "shaka cbcs in hls", "dash.js cenc",
         "dash.js cbcs"],
)  # fmt: skip
async def test_a_player_plays_and_seeks(
    browser: Chromium,
    product: Product,
    protected: dict[str, str],
    library: Path,
    script: str,
    protection: str,
    address: str,
) -> None:
    playback = await play(product, protected[protection])
    licence = playback["drm"]["clearkey"]["license_url"]
    page = await with_player(browser, product, library, filled(script, playback[address], licence))
    await plays_and_seeks(page)
    await page.close()


@pytest.mark.parametrize("protection", ["aes-128+cenc", "cbcs"])
async def test_the_watch_page_plays_it(
    browser: Chromium, product: Product, protected: dict[str, str], protection: str
) -> None:
    page = await browser.page(width=1280, height=800)
    await page.navigate(f"{product.api}/watch/{protected[protection]}")
    await page.wait_for(f"{VIDEO} && {VIDEO}.readyState >= 2", 60)
    await page.evaluate(f"{VIDEO}.play()")
    await plays_and_seeks(page)
    assert page.failed_requests == []
    await page.close()


async def test_ffmpeg_plays_encrypted_hls_to_the_last_frame(
    product: Product, film: Path, protected: dict[str, str]
) -> None:
    playback = await play(product, protected["aes-128+cenc"])
    source = [frame.digest for frame in await decode(str(film), "v:0")]
    assert [frame.digest for frame in await decode(playback["hls"], "v:0")] == source


async def test_keys_are_given_to_who_has_the_token_and_kept_by_no_edge(
    product: Product, protected: dict[str, str]
) -> None:
    playback = await play(product, protected["aes-128+cenc"])
    other = await play(product, protected["cbcs"])
    async with product.http.get(playback["hls"]) as answer:
        (address, *_) = re.findall(r'#EXT-X-SESSION-KEY:.*URI="([^"]+)"', await answer.text())
    url = urljoin(playback["hls"], address)
    seen = set()
    for _ in range(3):
        async with product.http.get(url) as answer:
            assert answer.status == 200
            seen.add(await answer.read())
            assert answer.headers["Cache-Control"] == "private, no-store"
            cache = answer.headers["Cache-Status"]
            assert "hit" not in cache
            assert "stored" not in cache
    assert [len(key) for key in seen] == [16]
    bare = url.replace(f"~{playback['token']}/", "")
    foreign = url.replace(playback["token"], other["token"])
    another = "B" if playback["token"][0] == "A" else "A"
    forged = url.replace(playback["token"], another + playback["token"][1:])
    for refused in (bare, foreign, forged):
        for method in ("GET", "HEAD"):
            async with product.http.request(method, refused) as answer:
                assert answer.status == 403, refused
    cached = [path for path in product.data.joinpath("edge-cache").rglob("*") if path.is_file()]
    (key,) = seen
    assert not any(key in path.read_bytes() for path in cached)


async def test_licences_are_given_to_who_has_the_token(
    product: Product, protected: dict[str, str]
) -> None:
    playback = await play(product, protected["cenc"])
    other = await play(product, protected["cbcs"])
    url = playback["drm"]["clearkey"]["license_url"]
    async with product.http.get(playback["dash"]) as answer:
        kids = re.findall(r'default_KID="([0-9a-f-]+)"', await answer.text())
    named = [
        base64.urlsafe_b64encode(bytes.fromhex(kid.replace("-", ""))).rstrip(b"=").decode()
        for kid in dict.fromkeys(kids)
    ]
    body = {"kids": named, "type": "temporary"}
    async with product.http.post(url, json=body) as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        keys = (await answer.json())["keys"]
    assert sorted(key["kid"] for key in keys) == sorted(named)
    bare = url.replace(f"~{playback['token']}/", "")
    foreign = url.replace(playback["token"], other["token"])
    for refused in (bare, foreign):
        async with product.http.post(refused, json=body) as answer:
            assert answer.status == 403
    async with product.http.post(other["drm"]["clearkey"]["license_url"], json=body) as answer:
        assert (answer.status, (await answer.json())["code"]) == (403, "licence.not_entitled")
    async with product.http.options(
        url, headers={"Origin": "http://elsewhere", "Access-Control-Request-Method": "POST"}
    ) as answer:
        assert answer.status == 204
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    async with product.http.post(playback["hls"], data=b"x") as answer:
        assert answer.status == 405
