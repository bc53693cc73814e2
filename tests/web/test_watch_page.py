"""The watch page in a real browser, playing for real."""

import asyncio
from contextlib import suppress

import pytest

from server.documents import VideoStatus
from tests.fixtures.chromium import BrowserError, Page
from tests.web.stand_in import StandIn, picture

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="package")]

VIDEO = "document.querySelector('video')"
POSITION = f"{VIDEO}.currentTime"
DOUBLE_TAPS = 5
"""On a busy machine the second tap of two may come too late to be one of a pair."""
PLAYS = f"({POSITION} > 0.5 && !{VIDEO}.paused)"


def shows(text: str) -> str:
    """JavaScript that says whether a person sees this text."""
    return f"document.body.innerText.includes({text!r})"


async def watch(page: Page, library: StandIn, video_id: str) -> None:
    await page.navigate(f"{library.url}/watch/{video_id}")


async def watch_playing(page: Page, library: StandIn) -> str:
    """Open a ready video and wait until the picture moves."""
    video_id = library.add("Stalker")
    await watch(page, library, video_id)
    await page.wait_for(PLAYS)
    return video_id


async def test_picture_and_sound_are_decoded_and_time_goes_on(page: Page, library: StandIn) -> None:
    await watch_playing(page, library)
    before = await page.evaluate(f"{VIDEO}.getVideoPlaybackQuality().totalVideoFrames")
    position = await page.evaluate(POSITION)
    await page.wait_for(f"{POSITION} > {position} + 1")
    after = await page.evaluate(f"{VIDEO}.getVideoPlaybackQuality().totalVideoFrames")
    assert after - before >= 10
    assert await page.evaluate(f"{VIDEO}.webkitAudioDecodedByteCount") > 0
    assert await page.evaluate("window.sluice.player.errorCount") == 0
    assert await page.evaluate("document.title") == "Stalker · Sluice"


PREVIEW = "document.querySelector('.seek .preview')"


async def test_pointing_at_the_bar_shows_the_picture_of_that_moment(
    page: Page, library: StandIn
) -> None:
    await watch_playing(page, library)
    await page.wait_for("document.querySelector('.seek.previewing')")
    await page.point_at(".seek", across=0.5)
    await page.wait_for("document.querySelector('.seek.pointing .preview.filled')")
    # Second 15 is on the tile from 14 to 16: the eighth of the first row.
    place = f"[{PREVIEW}.style.getPropertyValue('--x'), {PREVIEW}.style.getPropertyValue('--y')]"
    assert await page.evaluate(place) == [str(7 * 284), "0"]
    await page.point_at(".seek", across=0.99)
    await page.wait_for(f"{PREVIEW}.style.getPropertyValue('--y') === '160'")
    assert await page.evaluate(place) == [str(4 * 284), "160"]


@pytest.mark.parametrize("across", [0.001, 0.999])
async def test_a_preview_stays_within_the_bar(page: Page, library: StandIn, across: float) -> None:
    await watch_playing(page, library)
    await page.wait_for("document.querySelector('.seek.previewing')")
    await page.point_at(".seek", across=across)
    await page.wait_for("document.querySelector('.preview.filled')")
    inside = (
        "(() => { const box = document.querySelector('.preview').getBoundingClientRect();"
        " const bar = document.querySelector('.seek').getBoundingClientRect();"
        " return box.left >= bar.left - 1 && box.right <= bar.right + 1; })()"
    )
    assert await page.evaluate(inside)


async def test_a_finger_on_the_bar_sees_where_it_goes(phone: Page, library: StandIn) -> None:
    await watch_playing(phone, library)
    await phone.wait_for("document.querySelector('.seek.previewing')")
    await phone.drag(".seek", (0.2, 0.6))
    await phone.wait_for("document.querySelector('.seek.dragging .preview.filled')")
    assert await phone.evaluate(f"{PREVIEW}.offsetWidth") < 200
    await phone.let_go()
    await phone.wait_for(f"{POSITION} > 17 && {POSITION} < 20")


async def test_a_film_without_small_pictures_shows_the_time_alone(
    page: Page, library: StandIn
) -> None:
    library.storyboard_name = ""
    await watch_playing(page, library)
    await page.point_at(".seek", across=0.5)
    await page.wait_for("document.querySelector('.seek.pointing .tip-time').textContent === '0:15'")
    assert await page.evaluate(f"getComputedStyle({PREVIEW}).display") == "none"


async def test_a_storyboard_that_cannot_be_read_costs_nothing_but_the_pictures(
    page: Page, library: StandIn
) -> None:
    library.storyboard_name = "nothing.json"
    with page.forgiving("nothing.json"):
        await watch_playing(page, library)
        await page.point_at(".seek", across=0.5)
        await page.wait_for("document.querySelector('.seek.pointing')")
    assert not await page.evaluate("document.querySelector('.seek').matches('.previewing')")


async def test_the_film_seeks_where_the_bar_is_clicked(page: Page, library: StandIn) -> None:
    await watch_playing(page, library)
    await page.click(".seek", across=0.8)
    await page.wait_for(f"{POSITION} > 23.5 && {POSITION} < 27 && !{VIDEO}.seeking")
    position = await page.evaluate(POSITION)
    await page.wait_for(f"{POSITION} > {position} + 0.3")
    assert await page.evaluate("document.querySelector('.seek').ariaValueNow") in {"23", "24", "25"}


async def test_keys_do_what_people_know(page: Page, library: StandIn) -> None:
    await watch_playing(page, library)
    await page.press("k")
    await page.wait_for(f"{VIDEO}.paused")
    await page.press("5")
    await page.wait_for(f"Math.abs({POSITION} - 15) < 0.1")
    await page.press("l")
    await page.wait_for(f"Math.abs({POSITION} - 25) < 0.1")
    await page.press("j")
    await page.press("ArrowLeft")
    await page.wait_for(f"Math.abs({POSITION} - 10) < 0.1")
    await page.press("m")
    assert await page.evaluate(f"{VIDEO}.muted")
    await page.press("ArrowUp")
    assert await page.evaluate(f"[{VIDEO}.muted, {VIDEO}.volume]") == [False, 0.05]
    await page.press(">")
    assert await page.evaluate(f"{VIDEO}.playbackRate") == 1.25
    await page.press("<")
    assert await page.evaluate(f"{VIDEO}.playbackRate") == 1
    await page.press("f")
    await page.wait_for("document.fullscreenElement?.id === 'stage'")
    await page.press("f")
    await page.wait_for("document.fullscreenElement === null")
    await page.press("?")
    await page.wait_for("document.querySelector('.help').open")
    await page.press("Escape")
    await page.wait_for("!document.querySelector('.help').open")
    await page.press(" ")
    await page.wait_for(f"!{VIDEO}.paused")


async def test_every_control_has_a_name_and_is_reached_with_the_tab_key(
    page: Page, library: StandIn
) -> None:
    await watch_playing(page, library)
    await page.press("k")
    await page.wait_for("document.querySelector('.row .control').ariaLabel === 'Play'")
    unnamed = (
        "[...document.querySelectorAll('#stage button, #stage [role=slider], #stage input')]"
        ".filter(e => e.checkVisibility() && !(e.ariaLabel || e.textContent.trim())).length"
    )
    assert await page.evaluate(unnamed) == 0
    await page.evaluate("document.querySelector('#stage').focus()")
    seen = set()
    for _ in range(10):
        await page.press("Tab")
        seen.add(await page.evaluate("document.activeElement.ariaLabel"))
    assert {"Position", "Play", "Mute", "Volume", "Full screen"} <= seen
    assert {"Quality and speed", "Subtitles and sound"} <= seen


async def test_a_fixed_quality_is_kept_and_automatic_comes_back(
    page: Page, library: StandIn
) -> None:
    await watch_playing(page, library)
    await page.press("s")
    await page.wait_for("document.activeElement.textContent.startsWith('Auto')")
    await page.press("End")
    await page.press("Enter")
    await page.wait_for(f"{VIDEO}.videoHeight === 180")
    chosen = "document.querySelector('.column [aria-checked=true] span').textContent"
    assert await page.evaluate(chosen) == "180p"
    await page.press("Home")
    await page.press("Enter")
    assert await page.evaluate(chosen) == "Auto"
    await page.press("Escape")
    await page.wait_for("document.querySelector('.settings').hidden")


async def test_another_language_is_heard_without_losing_the_place(
    page: Page, library: StandIn
) -> None:
    await watch_playing(page, library)
    await page.press("a")
    sounds = "document.querySelectorAll('.column[aria-label=Sound] button')"
    german = f"[...{sounds}].find(b => b.innerText == 'Deutsch')"
    await page.wait_for(german)
    await page.evaluate(f"{german}.click()")
    await page.wait_for(f"{german}?.ariaChecked === 'true'")
    position = await page.evaluate(POSITION)
    await page.wait_for(f"{POSITION} > {position} + 1")
    assert any("/a-de/" in request.url for request in page.requests.values())


async def test_controls_and_cursor_go_while_the_film_runs_and_come_with_the_mouse(
    page: Page, library: StandIn
) -> None:
    await watch_playing(page, library)
    await page.point_at("#stage")
    await page.wait_for("document.querySelector('#stage').classList.contains('idle')")
    assert (
        await page.evaluate("getComputedStyle(document.querySelector('#stage')).cursor") == "none"
    )
    await page.point_at("#stage", across=0.4)
    await page.wait_for("!document.querySelector('#stage').classList.contains('idle')")


async def test_a_video_in_preparation_starts_by_itself(page: Page, library: StandIn) -> None:
    video_id = library.add("Ran", VideoStatus.PREPARING, progress=0.43, stage="Encoding 720p")
    await watch(page, library, video_id)
    await page.wait_for(shows("43 %"))
    assert await page.evaluate(shows("It starts by itself"))
    library.finish(video_id)
    await page.wait_for(PLAYS)


async def test_qualities_that_join_later_are_offered(page: Page, library: StandIn) -> None:
    video_id = library.add("Yi Yi", VideoStatus.PLAYABLE, progress=0.5)
    await watch(page, library, video_id)
    await page.wait_for(PLAYS)
    more = [*library.videos[video_id].renditions, picture(720, 3_000_000)]
    library.change(video_id, status=VideoStatus.READY, progress=1.0, renditions=more)
    await page.wait_for(shows("720p is ready now"))
    position = await page.evaluate(POSITION)
    await page.click(".notice .link")
    await page.wait_for(f"{POSITION} >= {position} && !{VIDEO}.paused && !{VIDEO}.seeking")


async def test_the_film_goes_on_where_this_browser_left_it(page: Page, library: StandIn) -> None:
    video_id = await watch_playing(page, library)
    await page.press("4")
    await page.wait_for(f"{POSITION} > 12")
    await page.press("k")
    await page.wait_for(
        "performance.getEntriesByName(location.origin + '/users/'"
        " + localStorage.getItem('sluice.user') + '/history').length > 0"
    )
    await watch(page, library, video_id)
    await page.wait_for(f"{POSITION} > 12.2 && !{VIDEO}.paused")
    assert await page.evaluate(shows("Resumed at 0:12"))
    user, report = library.reports[0]
    assert user == await page.evaluate("localStorage.getItem('sluice.user')")
    assert report.event == "pause"
    assert report.position_ms >= 12_000
    await page.click(".notice .link")
    await page.wait_for(f"{POSITION} < 3")


async def test_leaving_the_page_reports_the_position(page: Page, library: StandIn) -> None:
    await watch_playing(page, library)
    await page.navigate(library.url)
    await page.wait_for("document.querySelectorAll('.card').length === 1")
    assert [report.event for _, report in library.reports] == ["leave"]
    await page.wait_for("!document.querySelector('.watched').hidden")


async def test_an_edge_that_fails_is_explained_and_waited_for(page: Page, library: StandIn) -> None:
    video_id = library.add("Stalker")
    library.edge_status = 502
    with page.forgiving(library.edge):
        await watch(page, library, video_id)
        await page.wait_for(shows("Connection lost"))
        library.edge_status = None
        await page.wait_for(PLAYS)
    assert await page.evaluate("document.querySelector('.error-panel').hidden")


async def test_a_video_that_was_deleted_says_so(page: Page, library: StandIn) -> None:
    with page.forgiving("/videos/v999999"):
        await watch(page, library, "v999999")
        await page.wait_for(shows("This video is gone"))
    assert not await page.evaluate(shows("Try again"))


async def test_a_file_that_cannot_be_played_says_why(page: Page, library: StandIn) -> None:
    error = ("source.no_media", "the file holds neither pictures nor sound")
    await watch(page, library, library.add("Notes", VideoStatus.ERRORED, error=error))
    await page.wait_for(shows("The file holds neither pictures nor sound."))


async def test_a_film_that_plays_without_one_of_its_encodings_says_so(
    page: Page, library: StandIn
) -> None:
    error = ("source.corrupt", "none of the sound of this file can be decoded", "sound:1")
    await watch(page, library, library.add("Stalker", error=error))
    await page.wait_for(PLAYS)
    told = "Not all of it could be prepared. None of the sound of this file can be decoded."
    assert await page.evaluate(shows(told))


async def test_a_film_that_ended_starts_over_at_the_play_key(page: Page, library: StandIn) -> None:
    await watch_playing(page, library)
    await page.click(".seek", across=0.97)
    await page.wait_for(f"{VIDEO}.ended")
    assert await page.evaluate("document.querySelector('.row .control').ariaLabel") == "Play again"
    await page.press("k")
    await page.wait_for(f"{POSITION} > 0.3 && {POSITION} < 5 && !{VIDEO}.paused")


async def test_a_finger_wakes_the_controls_and_seeks_with_a_double_tap(
    phone: Page, library: StandIn
) -> None:
    await watch_playing(phone, library)
    await phone.wait_for("document.querySelector('#stage').classList.contains('idle')")
    await phone.tap(".surface", across=0.5, down=0.2)
    await phone.wait_for("!document.querySelector('#stage').classList.contains('idle')")
    await phone.tap(".middle .big")
    await phone.wait_for(f"{VIDEO}.paused")
    before = await phone.evaluate(POSITION)
    for _ in range(DOUBLE_TAPS):
        await phone.tap(".surface", across=0.9, down=0.2)
        await phone.tap(".surface", across=0.9, down=0.2)
        with suppress(BrowserError):
            await phone.wait_for(f"{POSITION} - {before} > 5", deadline_s=2)
            break
    await phone.wait_for(f"Math.abs({POSITION} - {before} - 10) < 0.2")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (844, 390)])
async def test_a_phone_shows_the_whole_picture_and_every_control(
    phone: Page, library: StandIn, width: int, height: int
) -> None:
    await phone.set_viewport(width, height, phone=True)
    await watch_playing(phone, library)
    assert await phone.evaluate("innerWidth") == width
    await phone.evaluate("document.querySelector('.row [aria-label^=Quality]').click()")
    await phone.wait_for("!document.querySelector('.settings').hidden")
    await phone.wait_for("document.querySelector('.settings').getAnimations().length === 0")
    outside = (
        "[...document.querySelectorAll('.stage, .row .control, .seek, .settings')]"
        ".filter(e => e.checkVisibility()).map(e => e.getBoundingClientRect())"
        ".filter(b => b.left < 0 || b.right > innerWidth || b.top < 0 || b.bottom > innerHeight)"
    )
    assert await phone.evaluate(outside) == []


async def test_less_motion_is_respected(page: Page, library: StandIn) -> None:
    await page.reduce_motion()
    video_id = library.add("Ran", VideoStatus.PREPARING, progress=0.4)
    await watch(page, library, video_id)
    await page.wait_for(shows("40 %"))
    await asyncio.sleep(0.2)
    running = "document.getAnimations().filter(a => a.playState === 'running').length"
    assert await page.evaluate(running) == 0
