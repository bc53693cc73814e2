"""Subtitles from a film and from a file beside it, in a browser: every cue at its time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.fixtures.chromium import Chromium, chromium
from tests.fixtures.eventually import until
from tests.fixtures.product import Product, running
from tests.fixtures.text import SUBRIP
from tests.fixtures.texted import add_text

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
]

VIDEO = "document.querySelector('video')"
CUES = [[1.0, 2.5, "<i>Hello</i> &amp; <b>you</b>"], [3.2, 5.0, "Top\nline"], [4.0, 6.0, "overlap"]]


@pytest.fixture(scope="module")
def texted(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of film with English subtitles in it, and German ones beside it."""
    folder = tmp_path_factory.mktemp("texted")
    (folder / "film.de.srt").write_text(SUBRIP.replace("overlap", "Überlappung"), encoding="cp1252")
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

    async def has_both() -> bool:
        videos = await product.videos()
        if not videos or videos[0].status != "ready":
            return False
        listed = await document(product, f"/videos/{videos[0].id}/captions")
        return {each["id"] for each in listed["data"]} == {"en", "de"}

    await until(has_both, "the film has both subtitles", deadline_s=90)
    return (await product.videos())[0].id


async def test_subtitles_beside_the_film_are_told_of(product: Product, video_id: str) -> None:
    play = await document(product, f"/videos/{video_id}/play")
    assert {each["id"] for each in play["subtitles"]} == {"en", "de"}
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
        track = f"[...{VIDEO}.textTracks].find(t => t.language === {language!r})"
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


async def subtitles(product: Product, video_id: str, name: str) -> dict[str, Any]:
    play = await document(product, f"/videos/{video_id}/play")
    (found,) = (each for each in play["subtitles"] if each["id"] == name)
    return dict(found)
