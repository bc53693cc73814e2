"""Clips, joined videos and filtered sessions of protected films, through the whole product."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.fixtures.bare_players import DASH, HLS, SHAKA, at, with_player
from tests.fixtures.chromium import Chromium, Page, chromium
from tests.fixtures.eventually import until
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.players import decode
from tests.fixtures.product import Product
from tests.fixtures.protected_players import Viewer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

VIDEO = "document.querySelector('video')"
DEADLINE_S = 60
FIRST_S = 4.004
"""The film's second segment, which comes first; four seconds of the other film follow."""
WHOLE_S = FIRST_S + 3
LATE_MS, LINE_BYTES_PER_S = 800, 1 << 24
PROTECTIONS = ("aes-128+cenc", "cbcs")
BEGIN_HLS = """(() => {
  window.trouble = [];
  const player = new Hls();
  player.on(Hls.Events.ERROR, (_, data) => {
    if (data.fatal || data.details !== 'bufferStalledError') trouble.push(data.details);
  });
  player.loadSource(ADDRESS);
  player.attachMedia(document.querySelector('video'));
})()"""
BEGIN_SHAKA = """void (async () => {
  window.trouble = [];
  window.isLoaded = false;
  const player = new shaka.Player();
  player.addEventListener('error', ({ detail }) => trouble.push(`shaka ${detail.code}`));
  await player.attach(document.querySelector('video'));
  player.configure({drm: {servers: {'org.w3.clearkey': LICENCE}}});
  player.configure('streaming.segmentPrefetchLimit', 0);  // or a seek may hang: players.md
  await player.load(ADDRESS);
  window.isLoaded = true;
})().catch((error) => trouble.push(`${error.code} ${error.message}`))"""
BEGIN_DASH = """(() => {
  window.trouble = [];
  const player = dashjs.MediaPlayer().create();
  player.on('error', ({ error }) => trouble.push(`dash.js ${error.code} ${error.message}`));
  // At the end it may pause a little before it, where the element does not end.
  player.on('playbackEnded', ({ isLast }) => { window.over = Boolean(isLast); });
  player.initialize(document.querySelector('video'), null, true);  // or it stops where keys begin
  player.setProtectionData({'org.w3.clearkey': {serverURL: LICENCE}});
  player.attachSource(ADDRESS);
})()"""
PLAYERS = {
    "hls.js aes-128": (HLS, BEGIN_HLS, "aes-128+cenc", "hls"),
    "shaka cenc": (SHAKA, BEGIN_SHAKA, "aes-128+cenc", "dash"),
    "shaka cbcs": (SHAKA, BEGIN_SHAKA, "cbcs", "dash"),
    "shaka cbcs in hls": (SHAKA, BEGIN_SHAKA, "cbcs", "hls"),
    "dash.js cenc": (DASH, BEGIN_DASH, "aes-128+cenc", "dash"),
    "dash.js cbcs": (DASH, BEGIN_DASH, "cbcs", "dash"),
}
JOINTS = ("both", "protected first", "clear first")


@dataclass(frozen=True)
class Made:
    """Two films of different shape, by what they are under, and what was made of them."""

    films: dict[str, tuple[str, str]]
    clips: dict[str, str]
    joints: dict[tuple[str, str], str]


async def made_of(product: Product, path: str, body: dict[str, Any]) -> str:
    async with product.http.post(f"{product.api}{path}", json=body) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["id"])


async def protect(product: Product, video_id: str, protection: str) -> None:
    async with product.http.patch(
        f"{product.api}/videos/{video_id}",
        json={"protection": protection},
        headers={"If-Match": "*"},
    ) as answer:
        assert answer.status == 200, await answer.text()


def parts_of(one: str, two: str) -> dict[str, Any]:
    first = {"video_id": one, "start_ms": 5000, "end_ms": 7500}
    return {"input": {"parts": [first, {"video_id": two, "end_ms": 3000}]}}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def made(product: Product, film: Path, films: Path) -> Made:
    """The film of 12 s and one of another shape and rate, under each protection and under none."""
    square = make_clip(
        films / "other square.mp4",
        Picture(count=150, width=240, height=240, gop=50),
        Sound(samples=6 * 48000),
    )
    found: dict[str, tuple[str, str]] = {}
    for protection in ("none", *PROTECTIONS):
        pair = [await product.upload(each, policy="signed") for each in (film, square)]
        for each in pair:
            assert (await product.settled(each)).status == "ready"
            if protection != "none":
                await protect(product, each, protection)
        found[protection] = pair[0], pair[1]
    clips, joints = {}, {}
    for protection in PROTECTIONS:
        one, two = found[protection]
        clear_one, clear_two = found["none"]
        clips[protection] = await made_of(
            product, f"/videos/{one}/clips", {"start_ms": 5000, "end_ms": 7500}
        )
        joined = (parts_of(one, two), parts_of(one, clear_two), parts_of(clear_one, two))
        for name, body in zip(JOINTS, joined, strict=True):
            joints[protection, name] = await made_of(product, "/videos", body)
    return Made(found, clips, joints)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Chromium]:
    """A headless Chromium that may start playing without a click."""
    async with chromium("--autoplay-policy=no-user-gesture-required") as started:
        yield started


async def play(product: Product, video_id: str, query: str = "") -> Any:
    async with product.http.get(f"{product.api}/videos/{video_id}/play{query}") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def started(browser: Chromium, product: Product, player: str, playback: Any) -> Page:
    """A page in which that player has the first picture of a playback."""
    library, script, _, form = PLAYERS[player]
    licence = playback["drm"]["clearkey"]["license_url"]
    begin = script.replace("LICENCE", json.dumps(licence))
    begin = begin.replace("ADDRESS", json.dumps(playback[form]))
    page = await with_player(browser, product.api, library, begin)
    await page.evaluate(f"{VIDEO}.onended = () => {{ window.over = true; }}; 1")
    await page.wait_for(
        f"trouble.length || (window.isLoaded !== false && {VIDEO}.readyState >= 2)", DEADLINE_S
    )
    assert await page.evaluate("trouble") == []
    return page


async def to_the_end(page: Page, from_s: float) -> None:
    await page.evaluate(f"{VIDEO}.currentTime = {from_s}; {VIDEO}.play(); 1")
    await page.wait_for("trouble.length || window.over", DEADLINE_S)
    assert await page.evaluate("trouble") == []
    assert await page.evaluate(f"{VIDEO}.error") is None
    assert await page.evaluate(f"{VIDEO}.getVideoPlaybackQuality().totalVideoFrames") > 0
    assert page.failed_requests == []


@pytest.mark.parametrize("player", PLAYERS)
async def test_a_player_plays_a_protected_clip(
    browser: Chromium, product: Product, made: Made, player: str
) -> None:
    form, protection = PLAYERS[player][3], PLAYERS[player][2]
    page = await started(browser, product, player, await play(product, made.clips[protection]))
    begins_s = 0.996 if form == "hls" else 0.0
    await page.evaluate(f"{VIDEO}.play(); 1")
    await at(page, begins_s - 0.05, begins_s + 1.5)
    assert await page.evaluate(f"{VIDEO}.videoWidth") == 320
    await to_the_end(page, 2.5)
    await page.close()


@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("player", PLAYERS)
async def test_a_player_goes_over_the_joint_of_protected_films(
    browser: Chromium, product: Product, made: Made, player: str, joint: str
) -> None:
    """Over it, back before it, and to the end: each time another key, or none, is in use."""
    playback = await play(product, made.joints[PLAYERS[player][2], joint])
    page = await started(browser, product, player, playback)
    await page.evaluate(f"{VIDEO}.currentTime = {FIRST_S - 0.6}; {VIDEO}.play(); 1")
    await at(page, FIRST_S + 0.3, FIRST_S + 2)
    assert await page.evaluate(f"{VIDEO}.videoWidth") == 240
    await page.evaluate(f"{VIDEO}.currentTime = 1.5; 1")
    await at(page, 1.6, FIRST_S)
    assert await page.evaluate(f"{VIDEO}.videoWidth") == 320
    await to_the_end(page, WHOLE_S - 0.8)
    await page.close()


@pytest.mark.parametrize("protection", PROTECTIONS)
async def test_the_watch_page_goes_over_the_joint_of_protected_films(
    browser: Chromium, product: Product, made: Made, protection: str
) -> None:
    page = await browser.page(width=1280, height=800)
    await page.navigate(f"{product.api}/watch/{made.joints[protection, 'both']}")
    await page.wait_for(f"{VIDEO} && {VIDEO}.readyState >= 2 && !{VIDEO}.seeking", DEADLINE_S)
    await page.evaluate(f"{VIDEO}.currentTime = {FIRST_S - 0.6}; {VIDEO}.play(); 1")
    await page.wait_for(f"{VIDEO}.currentTime > {FIRST_S + 0.5}", DEADLINE_S)
    assert await page.evaluate(f"{VIDEO}.videoWidth") == 240
    assert await page.evaluate(f"{VIDEO}.error") is None
    assert (page.console_errors, page.failed_requests) == ([], [])
    await page.close()


async def test_the_watch_page_goes_on_where_one_seeks_before_a_header_is_there(
    browser: Chromium, product: Product, made: Made
) -> None:
    """While the header of what follows is on its way: the seek breaks that off."""
    page = await browser.page(width=1280, height=800)
    await page.slow_down(LINE_BYTES_PER_S, latency_ms=LATE_MS)
    await page.navigate(f"{product.api}/watch/{made.joints['cbcs', 'both']}")

    async def asks_for_the_second_header() -> bool:
        headers = {
            each.url
            for each in page.requests.values()
            if "/v/" in each.url and each.url.endswith("/init.mp4")
        }
        return len(headers) > 1

    await until(asks_for_the_second_header, "the header of the second film")
    await page.evaluate(
        f"window.trouble = []; {VIDEO}.currentTime = {FIRST_S + 2.3}; {VIDEO}.play(); 1"
    )
    await at(page, FIRST_S + 2.3, WHOLE_S)
    assert (page.console_errors, page.failed_requests) == ([], [])
    await page.close()


@pytest.mark.parametrize("player", ["hls.js aes-128", "shaka cenc", "dash.js cbcs"])
async def test_a_player_plays_what_a_session_is_given_of_a_protected_film(
    browser: Chromium, product: Product, made: Made, player: str
) -> None:
    query = "?start_ms=5000&end_ms=7500&max_height=180&audio=und"
    playback = await play(product, made.films[PLAYERS[player][2]][0], query)
    page = await started(browser, product, player, playback)
    await to_the_end(page, 2.5)
    await page.close()


async def test_ffmpeg_plays_an_encrypted_clip_and_every_part_of_a_joint(
    product: Product, film: Path, films: Path, made: Made
) -> None:
    """The frames of the sources, of the segments that are played, and no others."""
    one, two = [
        [frame.digest for frame in await decode(str(each), "v:0")]
        for each in (film, films / "other square.mp4")
    ]
    clip = await play(product, made.clips["aes-128+cenc"])
    assert [frame.digest for frame in await decode(clip["hls"], "v:0")] == one[120:240]
    # FFmpeg's HLS takes no other configuration of a decoder behind a joint: each part by itself.
    edit = made.joints["aes-128+cenc", "both"]
    first, last = (
        await play(product, edit, "?end_ms=1000"),
        await play(product, edit, "?start_ms=4000"),
    )
    assert [frame.digest for frame in await decode(first["hls"], "v:0")] == one[120:240]
    assert [frame.digest for frame in await decode(last["hls"], "v:0")] == two[:100]


@dataclass(frozen=True)
class Session:
    """What a playback gave: the folder of its media, its token, and the ids of its keys."""

    folder: str
    token: str
    kids: tuple[str, ...]

    def url(self, path: str) -> str:
        return f"{self.folder}/{path}"


async def session(product: Product, video_id: str, query: str = "") -> Session:
    """Begin a playback, and find the keys that its MPD and its HLS playlists name."""
    playback = await play(product, video_id, query)
    folder = playback["hls"].removesuffix("/master.m3u8")
    texts = []
    for url in (playback["hls"], playback["dash"]):
        async with product.http.get(url) as answer:
            assert answer.status == 200
            texts.append(await answer.text())
    kids = re.findall(r'SESSION-KEY:.*URI="key/(\w+)"', texts[0])
    kids += [each.replace("-", "") for each in re.findall(r'default_KID="([\w-]+)"', texts[1])]
    return Session(folder, playback["token"], tuple(dict.fromkeys(kids)))


async def status(product: Product, url: str) -> int:
    async with product.http.get(url) as answer:
        await answer.read()
        return answer.status


async def test_keys_of_an_edit_are_those_of_its_parts_behind_its_own_token(
    product: Product, made: Made
) -> None:
    protection = "aes-128+cenc"
    viewer = Viewer(product.http)
    one, two = [await session(product, each) for each in made.films[protection]]
    clip = await session(product, made.clips[protection])
    both = await session(product, made.joints[protection, "both"])
    mixed = await session(product, made.joints[protection, "protected first"])
    half = await session(product, made.joints[protection, "both"], "?end_ms=1000")
    assert (len(one.kids), len(two.kids)) == (4, 4)
    assert set(one.kids) == set(clip.kids) == set(mixed.kids) == set(half.kids)
    assert set(both.kids) == {*one.kids, *two.kids}
    for given in (clip, both, mixed, half):
        for kid in (*one.kids, *two.kids):
            own = kid in given.kids
            assert await status(product, given.url(f"key/{kid}")) == (200 if own else 404)
            licence = await viewer.licence(given.url("license"), kid)
            assert licence.status == (200 if own else 403)
            for token in (one.token, half.token if given is both else both.token):
                foreign = given.url(f"key/{kid}").replace(given.token, token)
                assert await status(product, foreign) == 403
                forged = given.url("license").replace(given.token, token)
                assert (await viewer.licence(forged, kid)).status == 403


async def test_no_edit_leads_to_clear_bytes_of_a_protected_film(
    product: Product, made: Made
) -> None:
    """The builds' clear names are those of a twin that was never protected: the same file."""
    clear = await play(product, made.films["none"][0])
    async with product.http.get(clear["dash"]) as answer:
        media = re.findall(r'media="([va]/[^"]+/)\$Number\$', await answer.text())
    assert {each[0] for each in media} == {"v", "a"}
    folder = clear["hls"].removesuffix("/master.m3u8")
    for place in media:
        assert await status(product, f"{folder}/{place}1.m4s") == 200
    for protection in PROTECTIONS:
        for video_id in (
            made.films[protection][0],
            made.clips[protection],
            *(made.joints[protection, name] for name in ("both", "protected first")),
        ):
            for query in ("", "?start_ms=500&end_ms=1500"):
                given = await session(product, video_id, query)
                for place in media:
                    for name in ("init.mp4", "1.m4s", "track.mp4", "index.m3u8"):
                        assert await status(product, given.url(f"{place}{name}")) == 404


async def test_a_clip_of_a_protected_film_is_not_had_with_less(
    product: Product, made: Made
) -> None:
    for protection in PROTECTIONS:
        for video_id in (made.films[protection][0], made.clips[protection]):
            for policy in ("public", "signed"):
                path, body = f"/videos/{video_id}/clips", {"start_ms": 0, "policy": policy}
                async with product.http.post(f"{product.api}{path}", json=body) as answer:
                    assert answer.status == 422
                    assert (await answer.json())["code"] == "edit.protected"
