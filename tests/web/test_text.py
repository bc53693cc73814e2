"""Subtitles, sound and chapters on the watch page, in a real browser."""

import pytest

from server.caption_documents import ChapterSpan
from tests.fixtures.chromium import Page
from tests.web.stand_in import StandIn

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="package")]

VIDEO = "document.querySelector('video')"
POSITION = f"{VIDEO}.currentTime"
PLAYS = f"({POSITION} > 0.5 && !{VIDEO}.paused)"
CUE = "document.querySelector('.cue')?.textContent"
PANEL = "document.querySelector('.settings[aria-label^=Subtitles]')"
CHAPTERS = [
    ChapterSpan(0, 10_000, "The beginning"),
    ChapterSpan(10_000, 20_000, "The middle, with a rather long name that does not fit anywhere"),
    ChapterSpan(20_000, 30_000, "The end"),
]


def shown_now(name: str) -> str:
    """JavaScript that says whether the cue of the present second of a track is shown."""
    return f"{CUE} === {name!r} + ' ' + Math.floor({POSITION})"


def choice(name: str, column: str = "Subtitles") -> str:
    """JavaScript that finds a choice in the panel."""
    buttons = f"{PANEL}.querySelectorAll('[aria-label={column}] button')"
    return f"[...{buttons}].find(b => b.innerText.replace(/\\s+/g, ' ').trim() === {name!r})"


async def watch_playing(page: Page, library: StandIn, *, chapters: bool = False) -> str:
    video_id = library.add("Stalker")
    if chapters:
        library.change(video_id, chapters=CHAPTERS)
    await page.navigate(f"{library.url}/watch/{video_id}")
    await page.wait_for(PLAYS)
    return video_id


async def choose(page: Page, name: str, column: str = "Subtitles") -> None:
    await page.wait_for(choice(name, column))
    await page.evaluate(f"{choice(name, column)}.click()")
    await page.wait_for(f"{choice(name, column)}?.ariaChecked === 'true'")


async def test_subtitles_are_off_until_they_are_chosen_and_then_remembered(
    page: Page, library: StandIn
) -> None:
    video_id = await watch_playing(page, library)
    assert await page.evaluate(CUE) is None
    await page.press("a")
    names = f"[...{PANEL}.querySelectorAll('[aria-label=Subtitles] span')].map(e => e.textContent)"
    await page.wait_for(f"{names}.length === 5")
    assert await page.evaluate(names) == ["Off", "English", "Deutsch", "English", "German"]
    await choose(page, "Deutsch")
    await page.wait_for(shown_now("Deutsch"))
    await page.navigate(f"{library.url}/watch/{video_id}")
    await page.wait_for(PLAYS)
    await page.wait_for(shown_now("Deutsch"))
    await page.press("a")
    await choose(page, "Off")
    await page.wait_for(f"{CUE} === undefined")
    await page.navigate(f"{library.url}/watch/{video_id}")
    await page.wait_for(PLAYS)
    await page.press("a")
    await page.wait_for(f"{choice('Off')}?.ariaChecked === 'true'")


async def test_a_key_turns_subtitles_on_and_off(page: Page, library: StandIn) -> None:
    await watch_playing(page, library)
    await page.press("c")
    await page.wait_for(shown_now("en"))
    await page.press("c")
    await page.wait_for(f"{CUE} === undefined")
    await page.press("a")
    await choose(page, "English SDH")
    await page.press("Escape")
    await page.wait_for(shown_now("en (SDH)"))
    await page.press("c")
    await page.wait_for(f"{CUE} === undefined")
    await page.press("c")
    await page.wait_for(shown_now("en (SDH)"))


async def test_cues_follow_a_seek_and_lie_where_they_say(page: Page, library: StandIn) -> None:
    await watch_playing(page, library)
    await page.press("c")
    await page.evaluate(f"{VIDEO}.pause(), {POSITION} = 19.5")
    await page.wait_for(f"{CUE} === 'en 19'")
    place = "document.querySelector('.cue').closest('.cues').className"
    assert await page.evaluate(place) == "cues top"
    await page.evaluate(f"{POSITION} = 20.5")
    await page.wait_for(f"{CUE} === 'en 20'")
    assert await page.evaluate(place) == "cues bottom"
    assert await page.evaluate("document.querySelector('.cue i').textContent") == "en"


async def test_forced_subtitles_of_the_language_that_is_heard_show_while_others_are_off(
    page: Page, library: StandIn
) -> None:
    await watch_playing(page, library)
    await page.press("a")
    await choose(page, "Deutsch", "Sound")
    await page.wait_for(shown_now("de (forced)"))
    assert await page.evaluate(f"{choice('Off')}.ariaChecked") == "true"
    await choose(page, "English", "Sound")
    await page.wait_for(f"{CUE} === undefined")


async def test_subtitles_stand_above_the_controls(page: Page, library: StandIn) -> None:
    await watch_playing(page, library)
    await page.press("c")
    await page.press("k")
    await page.wait_for(CUE)
    await page.wait_for(
        "document.querySelector('.cues.bottom').getAnimations().length === 0 &&"
        "document.querySelector('.cue').getBoundingClientRect().bottom <"
        " document.querySelector('.seek').getBoundingClientRect().top"
    )


async def test_chapters_are_marked_named_and_stepped_through(page: Page, library: StandIn) -> None:
    await watch_playing(page, library, chapters=True)
    marks = "[...document.querySelectorAll('.chapters span')].map(e => parseFloat(e.style.left))"
    await page.wait_for(f"{marks}.length === 2")
    first, second = await page.evaluate(marks)
    assert (round(first), round(second)) == (33, 67)
    await page.point_at(".seek", across=0.9)
    await page.wait_for("document.querySelector('.tip b').textContent === 'The end'")
    await page.press("k")
    await page.press("]")
    await page.wait_for(f"Math.abs({POSITION} - 10) < 0.1")
    spoken = "document.querySelector('.seek').getAttribute('aria-valuetext')"
    await page.wait_for(
        f"{spoken}.endsWith('The middle, with a rather long name that does not fit anywhere')"
    )
    await page.press("]")
    await page.wait_for(f"Math.abs({POSITION} - 20) < 0.1")
    await page.press("[")
    await page.wait_for(f"Math.abs({POSITION} - 10) < 0.1")


async def test_a_phone_shows_the_whole_panel_and_cues_that_can_be_read(
    phone: Page, library: StandIn
) -> None:
    await watch_playing(phone, library, chapters=True)
    await phone.evaluate("document.querySelector('.row [aria-label^=Subtitles]').click()")
    await choose(phone, "Deutsch")
    await phone.wait_for(shown_now("Deutsch"))
    await phone.wait_for(f"{PANEL}.getAnimations().length === 0")
    box = f"(b => [b.left, b.right, b.bottom])({PANEL}.getBoundingClientRect())"
    assert await phone.evaluate(box) == [0, 390, 844]
    size = "parseFloat(getComputedStyle(document.querySelector('.cue')).fontSize)"
    assert await phone.evaluate(size) >= 15


async def test_on_a_phone_nothing_covers_what_is_said_while_the_film_stands_still(
    phone: Page, library: StandIn
) -> None:
    await watch_playing(phone, library)
    await phone.evaluate("document.querySelector('.row [aria-label^=Subtitles]').click()")
    await choose(phone, "Deutsch")
    await phone.wait_for(shown_now("Deutsch"))
    await phone.press("Escape")
    await phone.evaluate(f"{VIDEO}.pause(), {POSITION} = 20.5")
    await phone.wait_for(f"{VIDEO}.paused && {CUE} === 'Deutsch 20'")
    await phone.wait_for(
        "document.querySelector('.middle').checkVisibility() &&"
        " document.querySelector('.cues.bottom').getAnimations().length === 0"
    )
    apart = """(() => {
      const box = (each) => each.getBoundingClientRect();
      const cue = box(document.querySelector('.cue'));
      return [...document.querySelectorAll('.middle .control, .seek, .row .control')].every(
        (each) => box(each).top >= cue.bottom || box(each).bottom <= cue.top
      );
    })()"""
    assert await phone.evaluate(apart)
