"""Clips, joined videos and filtered playbacks in the whole product: in players, and by force."""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio

from tests.fixtures.bare_players import at
from tests.fixtures.chromium import Chromium, Page, chromium
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.product import Product

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

PLAYERS = Path(__file__).resolve().parents[2] / "server/web/node_modules"
MPD = {"": "urn:mpeg:dash:schema:mpd:2011"}
VIDEO = "document.querySelector('video')"
DEADLINE_S = 60
FIRST_S = 4.004
"""The first part of the joined video is the film's second segment; the other film follows."""
WHOLE_S = FIRST_S + 3
BEYOND_S = 0.15
"""What a player may show beyond the end that it was told: shaka-player's append windows end 0.1 s
later than the Period, and a frame of sound is not cut in two."""
SAID_FIRST = "00:05.500 --> 00:07.000\nFirst"
SAID_THEN = "00:01.000 --> 00:02.500\nThen"
LIBRARIES = {
    "hls.js": (
        PLAYERS / "hls.js/dist/hls.min.js",
        "hls",
        """(() => {
          const player = new Hls();
          player.on(Hls.Events.ERROR, (_, data) => {
            // It tells of loads that it has given up itself, as when text is chosen.
            if (data.fatal || !['bufferStalledError', 'aborted'].includes(data.details))
              trouble.push(`${data.details} ${data.reason ?? ''}`);
          });
          const choose = () => { player.subtitleTrack = 0; };
          player.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, () => setTimeout(choose, 0));
          player.loadSource(ADDRESS);
          player.attachMedia(VIDEO);
        })()""",
    ),
    "shaka": (
        PLAYERS / "shaka-player/dist/shaka-player.compiled-es2021.js",
        "dash",
        """void (async () => {
          const player = new shaka.Player();
          player.configure('streaming.segmentPrefetchLimit', 0);  // or a seek may hang: players.md
          player.addEventListener('error', (event) => trouble.push(`shaka ${event.detail}`));
          await player.attach(VIDEO);
          await player.load(ADDRESS);
          player.selectTextTrack(player.getTextTracks()[0]);
        })().catch((error) => trouble.push(String(error)))""",
    ),
    "dash.js": (
        PLAYERS / "dashjs/dist/modern/umd/dash.all.min.js",
        "dash",
        """(() => {
          const player = dashjs.MediaPlayer().create();
          player.on('error', ({ error }) => trouble.push(`dash.js ${error.code} ${error.message}`));
          // At the end it may pause a little before it, where the element does not end.
          player.on('playbackEnded', ({ isLast }) => { window.over = Boolean(isLast); });
          player.initialize(VIDEO, ADDRESS, false);
        })()""",
    ),
}


@dataclass(frozen=True)
class Made:
    """Two signed films and what was made of them, by id."""

    film: str
    other: str
    clip: str
    joined: str


async def made_of(product: Product, path: str, body: dict[str, Any]) -> str:
    async with product.http.post(f"{product.api}{path}", json=body) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["id"])


async def say(product: Product, video_id: str, cue: str) -> None:
    """Add subtitles that say one thing."""
    path = f"{product.api}/videos/{video_id}/captions?language=en"
    headers = {"Content-Type": "text/vtt"}
    async with product.http.post(path, data=f"WEBVTT\n\n{cue}\n", headers=headers) as answer:
        assert answer.status == 201, await answer.text()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def made(product: Product, film: Path, films: Path) -> Made:
    """The film of 12 s, one of another shape and rate, a clip, and a stretch of each in a row."""
    square = Picture(count=150, width=240, height=240, gop=50)
    sound = Sound(samples=5 * 48000, language="deu")
    other_file = make_clip(films / "square.mp4", square, sound)
    ids = [await product.upload(each, policy="signed") for each in (film, other_file)]
    for each, cue in zip(ids, (SAID_FIRST, SAID_THEN), strict=True):
        assert (await product.settled(each)).status == "ready"
        await say(product, each, cue)
    one, two = ids
    clip = await made_of(product, f"/videos/{one}/clips", {"start_ms": 5000, "end_ms": 7500})
    parts = [
        {"video_id": one, "start_ms": 5000, "end_ms": 7500},
        {"video_id": two, "end_ms": 3000},
    ]
    return Made(one, two, clip, await made_of(product, "/videos", {"input": {"parts": parts}}))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Chromium]:
    """A headless Chromium that may start playing without a click."""
    async with chromium("--autoplay-policy=no-user-gesture-required") as started:
        yield started


async def play(product: Product, video_id: str, query: str = "") -> Any:
    async with product.http.get(f"{product.api}/videos/{video_id}/play{query}") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def says(page: Page, words: str, start_s: float) -> None:
    """Wait until the player has that subtitle at that time, and at no other."""
    cues = (
        f"[...{VIDEO}.textTracks].flatMap((track) => [...(track.cues ?? [])])"
        f".filter((cue) => cue.text.includes({words!r})).map((cue) => cue.startTime)"
    )
    await page.wait_for(f"trouble.length || {cues}.length", DEADLINE_S)
    assert await page.evaluate(cues) == pytest.approx([start_s], abs=0.02)


@pytest.mark.parametrize("library", LIBRARIES)
async def test_players_go_over_the_joint_of_two_films(
    browser: Chromium, product: Product, made: Made, library: str
) -> None:
    """From the exact beginning, over the joint, back and forth across it, to the end."""
    script, form, begin = LIBRARIES[library]
    playback = await play(product, made.joined)
    page = await browser.page(width=400, height=300)
    with page.forgiving("favicon.ico"):  # a bare page has none
        await page.navigate(f"{product.api}/healthz")
    await page.evaluate(
        "document.body.append(document.createElement('video')); "
        "window.trouble = []; window.told = [];"
        f"{VIDEO}.muted = true; {VIDEO}.onended = () => {{ window.over = true; }};"
        f"{VIDEO}.ondurationchange = () => {{ told.push({VIDEO}.duration); }}; 1"
    )
    await page.evaluate(f"{script.read_text()}\n;1")
    await page.evaluate(begin.replace("ADDRESS", repr(playback[form])).replace("VIDEO", VIDEO))
    begins_s = 0.996 if form == "hls" else 0.0
    await page.wait_for(f"trouble.length || {VIDEO}.readyState >= 2", DEADLINE_S)
    await at(page, begins_s - 0.05, begins_s + 0.1)
    lasts_s = FIRST_S + 4 if form == "hls" else WHOLE_S  # HLS knows whole segments alone
    # The first is what the manifest says. It grows with what is appended beyond it, which is cut
    # off again at the end of the stream (Media Source Extensions, coded frame processing).
    assert abs(await page.evaluate("told[0]") - lasts_s) < 0.1
    await page.evaluate(f"{VIDEO}.currentTime = {FIRST_S - 0.6}; {VIDEO}.play(); 1")
    await at(page, FIRST_S + 0.3, FIRST_S + 2)
    assert await page.evaluate(f"{VIDEO}.videoWidth") == 240
    tells = library != "dash.js"  # which counts a whole text from the first Period's beginning
    if tells:
        await says(page, "Then", FIRST_S + 1)
    await page.evaluate(f"{VIDEO}.currentTime = 1.5; 1")
    await at(page, 1.6, FIRST_S)
    assert await page.evaluate(f"{VIDEO}.videoWidth") == 320
    if tells:
        await says(page, "First", 5.5 - FIRST_S)
    await page.evaluate(f"{VIDEO}.currentTime = {WHOLE_S - 0.8}; 1")
    await page.wait_for("trouble.length || window.over", DEADLINE_S)
    assert await page.evaluate("trouble") == []
    assert abs(await page.evaluate(f"{VIDEO}.duration") - lasts_s) < BEYOND_S
    assert await page.evaluate(f"{VIDEO}.error") is None
    assert page.failed_requests == []
    await page.close()


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_the_watch_page_plays_a_clip_from_its_point_to_its_point(
    browser: Chromium, product: Product, made: Made, *, phone: bool
) -> None:
    width, height = (390, 844) if phone else (1280, 800)
    page = await browser.page(width=width, height=height, phone=phone)
    await page.navigate(f"{product.api}/watch/{made.clip}")
    await page.wait_for(f"{VIDEO} && {VIDEO}.readyState >= 2 && !{VIDEO}.seeking", DEADLINE_S)
    assert await page.evaluate(f"{VIDEO}.currentTime") > 0.95
    assert await page.evaluate("document.querySelector('.seek').ariaValueMax") == "2"
    await page.evaluate(f"{VIDEO}.play()")
    await page.wait_for(f"{VIDEO}.paused && !{VIDEO}.seeking", DEADLINE_S)
    assert 3.4 < await page.evaluate(f"{VIDEO}.currentTime") < 3.5
    assert (page.console_errors, page.failed_requests) == ([], [])
    await page.close()


@dataclass(frozen=True)
class Signed:
    """A signed folder: its token, what it is of, and everything that its manifests name."""

    root: str
    token: str
    name: str
    paths: tuple[str, ...]

    def url(self, path: str, *, token: str | None = None, name: str | None = None) -> str:
        return f"{self.root}/media/~{token or self.token}/{name or self.name}/{path}"


async def signed(product: Product, hls: str) -> Signed:
    """Follow the manifests of a playback to everything they name."""
    _, _, token, name, _ = urlsplit(hls).path.split("/")
    folder = hls.removesuffix("master.m3u8")
    found = {"master.m3u8", "manifest.mpd", "storyboard.json"}
    for playlist in [each async for each in _uris(product, hls)]:
        found.add(playlist.removeprefix(folder))
        if playlist.endswith(".m3u8"):
            found |= {each.removeprefix(folder) async for each in _uris(product, playlist)}
    return Signed(product.edge, token.removeprefix("~"), name, tuple(sorted(found)))


async def _uris(product: Product, url: str) -> AsyncIterator[str]:
    async with product.http.get(url) as answer:
        assert answer.status == 200, url
        text = await answer.text()
    for uri in re.findall(r'URI="([^"]+)"|^([^#\n]+)$', text, re.MULTILINE):
        yield urljoin(url, "".join(uri))


async def refused(product: Product, url: str, *statuses: int) -> None:
    """It is refused, twice, as a problem, and nothing that a cache holds is given out."""
    for _ in range(2):
        async with product.http.get(url) as answer:
            body = await answer.read()
            assert answer.status in statuses, (answer.status, url)
            assert answer.content_type == "application/problem+json"
            assert len(body) < 2000
            if answer.status == 403:
                assert "hit" not in answer.headers.get("Cache-Status", "")


def tampered(name: str) -> Iterator[str]:
    """What somebody would write who was given a stretch below 180 lines in English."""
    yield name.partition("-")[0]
    yield name.replace("-b5000", "-b1")
    yield name.replace("-b5000", "")
    yield name.replace("-e7500", "-e12000")
    yield name.replace("-h180", "-h1080")
    yield name.replace("-aund", "-aen")
    yield name.replace("-h180", "")
    yield name.replace("-b5000-e7500", "-e7500-b5000")
    yield f"{name}-p"


async def test_nothing_beyond_a_signed_view_is_had_by_changing_its_urls(
    product: Product, made: Made
) -> None:
    """Although the edge has all of it: a session for the whole film has watched it before."""
    whole = await signed(product, (await play(product, made.film))["hls"])
    for path in whole.paths:
        async with product.http.get(whole.url(path)) as answer:
            await answer.read()
            assert answer.status == 200, path
    query = "?start_ms=5000&end_ms=7500&max_height=180&audio=und"
    view = await signed(product, (await play(product, made.film, query))["hls"])
    assert view.name.endswith("-b5000-e7500-h180-aund")
    for path in view.paths:
        for name in tampered(view.name):
            await refused(product, view.url(path, name=name), 403)
        await refused(product, view.url(path, token=whole.token), 403)
        await refused(product, whole.url(path, token=view.token), 403)
        await refused(product, view.url(path).replace(f"/~{view.token}", ""), 403)
    # Within what is signed: whatever else the film has is not there.
    beyond = [path for path in whole.paths if path not in view.paths]
    assert any(path.endswith("/0.m4s") for path in beyond)
    assert any(path.startswith("sb/") for path in beyond)
    for path in (*beyond, "ondemand.mpd"):
        await refused(product, view.url(path), 404)
    for path in {path.rpartition("/")[0] + "/track.mp4" for path in view.paths if path[:2] == "v/"}:
        await refused(product, view.url(path.replace("/iframe/", "/")), 404)


async def test_the_urls_of_an_edit_lead_to_no_other_video(product: Product, made: Made) -> None:
    """Neither with another id, nor with the segments of another film, nor with another edit's."""
    clip, other, joined = [
        await signed(product, (await play(product, video_id))["hls"])
        for video_id in (made.clip, made.other, made.joined)
    ]
    for path in clip.paths:
        for name in (other.name, joined.name, made.film):
            await refused(product, clip.url(path, name=name), 403)
    for path in (each for each in other.paths if each[:2] in {"v/", "a/"}):
        await refused(product, clip.url(path), 404)
    # The joined video has the first segment of the other film, and not the second.
    segments = [path for path in other.paths if re.fullmatch(r"[va]/[^/]+/[^/]+/1\.m4s", path)]
    assert len(segments) == 2
    for path in segments:
        await refused(product, joined.url(path), 404)
        async with product.http.get(joined.url(path.replace("/1.m4s", "/0.m4s"))) as answer:
            assert answer.status == 200


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rich(product: Product, films: Path) -> str:
    """A signed film in VP9 and Opus, English and German, with H.264 and AAC beside them."""
    picture = Picture(codec="libvpx-vp9", count=50, width=640, height=360, gop=50, b_frames=0)
    sounds = [Sound(codec="libopus", samples=2 * 48000, language=each) for each in ("eng", "deu")]
    file = make_clip(films / "rich.webm", picture, *sounds)
    video_id = await product.upload(file, policy="signed")
    assert (await product.settled(video_id)).status == "ready"
    return video_id


FILTERS: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "max_height=240": lambda each: each["height"] is None or each["height"] <= 240,
    "max_height=360": lambda each: True,
    "codecs=avc1": lambda each: each["kind"] != "v" or each["codecs"].startswith("avc1"),
    "codecs=vp09,opus": lambda each: each["codecs"].split(".")[0].lower() in {"vp09", "opus"},
    "audio=de": lambda each: each["kind"] != "a" or each["lang"] == "de",
    "audio=en&codecs=mp4a": lambda each: (
        each["kind"] != "a" or (each["lang"] == "en" and each["codecs"].startswith("mp4a"))
    ),
    "hdr=0": lambda each: True,
}


async def offered(product: Product, dash: str) -> dict[str, dict[str, Any]]:
    """What an MPD offers, by the folder of its segments."""
    async with product.http.get(dash) as answer:
        assert answer.status == 200
        root = ET.fromstring(await answer.text())
    found = {}
    for adaptation in root.iterfind(".//AdaptationSet", MPD):
        kind = adaptation.get("contentType", "")
        if kind not in {"video", "audio"} or adaptation.find("EssentialProperty", MPD) is not None:
            continue
        for each in adaptation.iterfind("Representation", MPD):
            template = each.find("SegmentTemplate", MPD)
            assert template is not None
            folder = template.attrib["media"].rpartition("/")[0]
            found[folder] = {
                "kind": kind[0],
                "codecs": each.attrib["codecs"],
                "height": int(each.get("height", "0")) or None,
                "lang": adaptation.get("lang"),
            }
    return found


@pytest.mark.parametrize("query", FILTERS)
async def test_a_filter_leaves_what_it_says_and_hides_the_rest(
    product: Product, rich: str, query: str
) -> None:
    whole = await offered(product, (await play(product, rich))["dash"])
    assert {each["lang"] for each in whole.values()} == {None, "en", "de"}
    assert len({each["height"] for each in whole.values() if each["kind"] == "v"}) > 1
    playback = await play(product, rich, f"?{query}")
    wanted = {folder for folder, each in whole.items() if FILTERS[query](each)}
    assert wanted
    assert (await offered(product, playback["dash"])).keys() == wanted
    view = await signed(product, playback["hls"])
    listed = {path.removesuffix("/index.m3u8") for path in view.paths if "/index.m3u8" in path}
    assert {folder for folder in listed if folder[:2] != "t/"} == wanted
    for folder in whole:
        async with product.http.get(view.url(f"{folder}/0.m4s")) as answer:
            assert answer.status == (200 if folder in wanted else 404)


@pytest.mark.parametrize(
    ("query", "status", "name"),
    [
        ("max_height=16", 422, "max_height"),
        ("codecs=hvc1", 422, "codecs"),
        ("codecs=nosuch", 422, "codecs"),
        ("audio=fr", 422, "audio"),
        ("hdr=1", 422, "hdr"),
        ("start_ms=5&end_ms=4", 422, "end_ms"),
        ("start_ms=999999", 422, "start_ms"),
        ("max_height=tall", 400, "max_height"),
    ],
)
async def test_a_filter_that_leaves_nothing_is_refused_by_its_name(
    product: Product, rich: str, query: str, status: int, name: str
) -> None:
    async with product.http.get(f"{product.api}/videos/{rich}/play?{query}") as answer:
        problem = await answer.json()
    assert answer.status == status, problem
    assert [each["pointer"] for each in problem["errors"]] == [f"/{name}"]
