"""Subtitles from a film and from a file beside it, in a browser: every cue at its time."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.fixtures.bare_players import DASH, SHAKA, quoted, with_player
from tests.fixtures.chromium import Chromium, Page, chromium
from tests.fixtures.eventually import until
from tests.fixtures.players import decode
from tests.fixtures.product import Product, running
from tests.fixtures.text import SUBRIP
from tests.fixtures.texted import add_pictures_of_text, add_text

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
]

VIDEO = "document.querySelector('video')"
FORCED = "1\n00:00:03,500 --> 00:00:04,500\nAusgang\n\n2\n00:00:07,000 --> 00:00:09,000\nEnde\n"
TRACKS = {"en", "de", "de-forced"}
CUES = [[1.0, 2.5, "<i>Hello</i> &amp; <b>you</b>"], [3.2, 5.0, "Top\nline"], [4.0, 6.0, "overlap"]]


@pytest.fixture(scope="module")
def texted(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of film with English subtitles in it, and two German ones beside it."""
    folder = tmp_path_factory.mktemp("texted")
    (folder / "film.de.srt").write_text(SUBRIP.replace("overlap", "Überlappung"), encoding="cp1252")
    (folder / "film.de.forced.srt").write_text(FORCED, encoding="utf-16")
    (folder / "film.fr.srt").write_text("1\n00:00:01,000 --> soon\nOui\n")
    return add_text(film, folder / "film.mp4", {"mov_text": "eng"}, text=SUBRIP,
                    chapters=((0, "One"), (6000, "Two")))  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory, texted: Path) -> AsyncIterator[Product]:
    """`sluice up film.mp4`, which takes along what lies beside the film."""
    data = tmp_path_factory.mktemp("product") / "data"
    async with running(data, files=(texted,)) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Chromium]:
    async with chromium("--autoplay-policy=no-user-gesture-required") as started:
        yield started


async def document(product: Product, path: str) -> Any:
    async with product.http.get(f"{product.api}{path}") as response:
        assert response.status == 200
        return msgspec.json.decode(await response.read())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video_id(product: Product) -> str:
    """The film, once all of it is there."""

    async def has_all() -> bool:
        videos = await product.videos()
        if not videos or videos[0].status != "ready":
            return False
        listed = await document(product, f"/videos/{videos[0].id}/captions")
        return {each["id"] for each in listed["data"]} == TRACKS

    await until(has_all, "the film has all subtitles", deadline_s=90)
    return (await product.videos())[0].id


async def test_subtitles_beside_the_film_are_told_of(product: Product, video_id: str) -> None:
    play = await document(product, f"/videos/{video_id}/play")
    assert {each["id"] for each in play["subtitles"]} == TRACKS
    for each in play["subtitles"]:
        async with product.http.get(each["url"]) as response:
            assert response.status == 200
            assert (await response.text()).startswith("WEBVTT\n")

    async def said() -> bool:
        log = product.log()
        return (
            "read as windows-1252, a guess" in log and "without film.fr.srt: /file: line 2" in log
        )

    await until(said, "the guess and the refusal are told")


async def test_cues_are_shown_at_their_times_and_chapters_on_the_bar(
    product: Product, browser: Chromium, video_id: str
) -> None:
    page = await browser.page()
    await page.navigate(f"{product.api}/watch/{video_id}")
    await page.wait_for(f"{VIDEO} && {VIDEO}.readyState >= 2")
    await page.press("c")
    for language, last in (("en", "overlap"), ("de", "Überlappung")):
        if language == "de":
            await page.press("a")
            choices = "[...document.querySelectorAll('.settings button')]"
            german = f"{choices}.find(b => b.innerText.trim() === 'German')"
            await page.wait_for(german)
            await page.evaluate(f"{german}.click()")
            await page.press("Escape")
        chosen = f"t.language === {language!r} && t.mode !== 'disabled'"
        track = f"[...{VIDEO}.textTracks].find(t => {chosen})"
        cues = f"[...({track}?.cues ?? [])].map(c => [c.startTime, c.endTime, c.text])"
        await page.evaluate(f"{VIDEO}.pause(), {VIDEO}.currentTime = 5.5")
        await page.wait_for(f"document.querySelector('.cue')?.textContent === {last!r}")
        await page.evaluate(f"{VIDEO}.currentTime = 2.4")
        await page.wait_for(
            "document.querySelector('.cue')?.innerHTML === '<i>Hello</i> &amp; <b>you</b>'"
        )
        await page.wait_for(f"{cues}.length >= 3")
        # tx3g holds one cue at a time: ffmpeg ends the second for the third.
        second_end = 4.0 if language == "en" else 5.0
        expected = [CUES[0], [3.2, second_end, "Top\nline"], [4.0, 6.0, last]]
        assert sorted(await page.evaluate(cues)) == expected
        await page.evaluate(f"{VIDEO}.currentTime = 2.6")
        await page.wait_for("document.querySelector('.cue') === null")
    await page.wait_for("document.querySelectorAll('.chapters span').length === 1")
    assert (page.console_errors, page.failed_requests) == ([], [])


def in_shaka(address: str) -> str:
    """JavaScript that plays with shaka-player.

    It shows text of HLS only that was chosen before the last of the picture was appended, which is
    soon with a short film: so it begins anew with each track.
    """
    return f"""void (async () => {{
      const player = new shaka.Player();
      player.addEventListener('error', (event) => window.trouble.push(String(event.detail)));
      await player.attach({VIDEO});
      await player.load({quoted(address)});
      window.tracks = player.getTextTracks().map((track) => [track.language, track.forced]);
      window.choose = async (language, forced) => {{
        player.configure({{ preferredText: [{{ language, forced }}] }});
        await player.load({quoted(address)});
        const wanted = (track) => track.language === language && track.forced === forced;
        player.selectTextTrack(player.getTextTracks().find(wanted));
      }};
    }})()"""


def in_dash_js(address: str) -> str:
    """The same with dash.js, which takes in the cues of a track while it plays."""
    return f"""(() => {{
      const player = dashjs.MediaPlayer().create();
      player.on('error', (event) => window.trouble.push(event.error.message));
      player.on('streamInitialized', () => {{
        const isForced = (track) => track.roles.some((role) => role.value.includes('forced'));
        window.tracks = player.getTracksFor('text').map((track) => [track.lang, isForced(track)]);
        window.choose = (language, forced) => player.setTextTrack(
          window.tracks.findIndex((track) => track[0] === language && track[1] === forced));
      }});
      player.initialize({VIDEO}, {quoted(address)}, true);
      player.enableText(true);
    }})()"""


CHOSEN = f"[...{VIDEO}.textTracks].filter((track) => track.mode === 'showing')"
SHOWN = f"""{CHOSEN}.flatMap((track) => [...(track.activeCues ?? [])]).map((cue) => cue.text)"""
# What is to be seen at a moment of each track.
EXPECTED = {
    ("en", False): {2.4: ["Hello & you"], 3.6: ["Top\nline"], 5.5: ["overlap"], 10.0: []},
    ("de", False): {2.4: ["Hello & you"], 4.4: ["Top\nline", "Überlappung"], 10.0: []},
    ("de", True): {2.4: [], 3.6: ["Ausgang"], 8.0: ["Ende"], 10.0: []},
}
PLAIN = "(text) => new DOMParser().parseFromString(text, 'text/html').body.textContent"


@pytest.mark.parametrize(
    ("library", "begin", "form"),
    [
        pytest.param(SHAKA, in_shaka, "hls", id="shaka-hls"),
        pytest.param(SHAKA, in_shaka, "dash", id="shaka-dash"),
        pytest.param(DASH, in_dash_js, "dash", id="dash.js"),
    ],
)
async def test_other_players_show_each_track_at_its_times(
    product: Product, browser: Chromium, video_id: str, library: Path,
    begin: Callable[[str], str], form: str,
) -> None:  # fmt: skip
    play = await product.play(video_id)
    page = await with_player(
        browser, product.api, library, f"window.trouble = []; {begin(getattr(play, form))}"
    )
    await page.wait_for(f"window.choose && {VIDEO}.readyState >= 2")
    await page.evaluate(f"{VIDEO}.loop = true")
    tracks = [(language, forced) for language, forced in await page.evaluate("window.tracks")]
    assert sorted(tracks) == sorted(EXPECTED)
    for language, forced in tracks:
        # dash.js takes in what is chosen while it plays, and forgets what it fetches when it seeks.
        await page.evaluate(f"{VIDEO}.currentTime = 0, void {VIDEO}.play()")
        await page.wait_for(f"!{VIDEO}.seeking && {VIDEO}.currentTime > 0.1")
        await page.evaluate(f"window.choose({quoted(language)}, {str(forced).lower()})")
        await page.wait_for(f"{CHOSEN}.some((track) => track.cues?.length > 0)")
        await page.evaluate(f"{VIDEO}.pause()")
        for moment, texts in EXPECTED[language, forced].items():
            await page.evaluate(f"{VIDEO}.currentTime = {moment}")
            shown = f"JSON.stringify({SHOWN}.map({PLAIN}).sort())"
            wanted = msgspec.json.encode(sorted(texts)).decode()
            await page.wait_for(f"!{VIDEO}.seeking && {shown} === {quoted(wanted)}")
    assert await page.evaluate("window.trouble") == []
    assert page.failed_requests == []
    await page.close()


async def test_a_track_that_is_sent_later_joins_and_one_that_is_deleted_goes(
    product: Product, video_id: str
) -> None:
    play = await product.play(video_id)
    url = f"{product.api}/videos/{video_id}/captions"
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nCiao\n"
    kind = {"Content-Type": "text/vtt"}
    async with product.http.post(f"{url}?language=it", data=text, headers=kind) as response:
        assert response.status == 201

    async def names(tag: str) -> bool:
        async with product.http.get(play.hls) as response:
            return f'LANGUAGE="{tag}"' in await response.text()

    async with asyncio.timeout(60):
        await until(lambda: names("it"), "the manifest has the new track")
    async with product.http.get((await subtitles(product, video_id, "it"))["url"]) as response:
        assert (await response.text()) == "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nCiao\n"
        gone = str(response.url)
    async with product.http.delete(f"{url}/it") as response:
        assert response.status == 204

    async def is_gone() -> bool:
        async with product.http.get(gone) as response:
            return response.status == 404 and not await names("it")

    await until(is_gone, "the track is gone from the edge and from the manifest")


async def test_a_person_adds_replaces_and_deletes_subtitles(
    product: Product, browser: Chromium, video_id: str, tmp_path: Path
) -> None:
    page = await browser.page()
    await open_subtitles(page, product, video_id)
    rows = "[...document.querySelectorAll('.text-tracks b')].map((each) => each.textContent)"
    await page.wait_for(f"{rows}.sort().join() === 'English,German,German'")
    send = "document.querySelector('.add-text [type=submit]').click()"

    broken, whole, other = (tmp_path / name for name in ("a.fr.srt", "b.fr.sdh.srt", "c.vtt"))
    broken.write_text("1\n00:00:01,000 --> soon\nOui\n")
    whole.write_text("1\n00:00:01,000 --> 00:00:02,000\nOui\n")
    other.write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nNon\n")
    await page.upload(".add-text input[type=file]", broken)
    with page.forgiving("/captions"):
        await page.evaluate(send)
        problem = "document.querySelector('.problem')"
        await page.wait_for(f"!{problem}.hidden && {problem}.textContent.startsWith('Line 2: ')")
    await page.upload(".add-text input[type=file]", whole)
    chosen = "['language', 'kind'].map((name) => document.querySelector(`[name=${name}]`).value)"
    await page.wait_for(f"{chosen}.join() === 'fr,captions'")
    await page.evaluate("document.querySelector('[name=label]').value = 'Québec'")
    await page.evaluate(send)
    row = "document.querySelector('.text-tracks [data-id^=fr-captions]')"
    await page.wait_for(f"{row}?.querySelector('b').textContent === 'Québec'")
    assert await page.evaluate(f"{problem}.hidden")
    words = f"{row}.querySelector('small').textContent"
    assert await page.evaluate(words) == "French · SDH · sent"

    first = await page.evaluate(f"{row}.dataset.id")
    await page.upload(f".text-tracks [data-id={first}] input", other)
    await page.wait_for(f"{row} && {row}.dataset.id !== {first!r}")
    second = await page.evaluate(f"{row}.dataset.id")
    async with product.http.get((await subtitles(product, video_id, second))["url"]) as response:
        assert "Non" in await response.text()
    for _ in range(2):
        await page.evaluate(f"{row}.querySelector('.remove').click()")
    await page.wait_for(f"{rows}.sort().join() === 'English,German,German'")
    assert page.console_errors == []
    await page.close()


async def test_a_film_whose_subtitles_are_pictures_plays_and_says_that_they_are_left_out(
    product: Product, browser: Chromium, film: Path, tmp_path: Path
) -> None:
    codecs = ("copy", "dvdsub", "dvbsub")
    pictured = add_pictures_of_text(film, tmp_path / "b.mkv", language="ger", codecs=codecs)
    pictured_id = await product.upload(pictured)
    video = await product.settled(pictured_id)
    assert (video.status, video.errors) == ("ready", [])
    left = (await document(product, f"/videos/{pictured_id}"))["ignored_tracks"]
    assert [each["codec"] for each in left] == ["hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"]
    shown = await decode((await product.play(pictured_id)).hls, "v:0")
    assert len(shown) == len(await decode(str(film), "v:0"))
    page = await browser.page()
    await open_subtitles(page, product, pictured_id)
    rows = "[...document.querySelectorAll('.unsupported small')].map((each) => each.textContent)"
    await page.wait_for(f"{rows}.length === 3")
    assert (await page.evaluate(rows))[1] == (
        "Its subtitles are pictures (VobSub), which cannot be made into text."
    )
    await page.close()


async def test_manifests_follow_a_correction_of_what_a_text_is_said_to_be(
    product: Product, film: Path
) -> None:
    """The same file again, with another language: its bytes, and so its folder, are the same."""
    corrected = await product.upload(film)
    assert (await product.settled(corrected)).status == "ready"
    path = f"{product.api}/videos/{corrected}/captions"
    for language, before in (("en", ""), ("de", "en")):
        if before:
            async with product.http.delete(f"{path}/{before}") as answer:
                assert answer.status == 204
        query = {"language": language, "label": f"In {language}"}
        async with product.http.post(path, params=query, data=SUBRIP) as answer:
            assert answer.status == 201, await answer.text()
        play = await product.play(corrected)

        async def tells(url: str, wanted: str = language, gone: str = before) -> bool:
            async with product.http.get(url) as answer:
                text = await answer.text()
            folders = re.findall(r"t/(\w+)/[0-9a-f]{20}", text)
            return wanted in folders and gone not in folders and f"In {wanted}" in text

        for url in (play.hls, play.dash):
            await until(partial(tells, url), f"{language} in {url}")


async def open_subtitles(page: Page, product: Product, video_id: str) -> None:
    """The dialog with the text tracks of a video, from the library."""
    await page.navigate(f"{product.api}/")
    card = f"document.querySelector('[data-id=\"{video_id}\"] .more')"
    await page.wait_for(card)
    await page.evaluate(f"{card}.click()")
    await page.evaluate(
        "[...document.querySelectorAll('[role=menuitem]')]"
        ".find((item) => item.textContent === 'Subtitles').click()"
    )


async def subtitles(product: Product, video_id: str, name: str) -> dict[str, Any]:
    play = await document(product, f"/videos/{video_id}/play")
    (found,) = (each for each in play["subtitles"] if each["id"] == name)
    return dict(found)
