"""Making clips under the picture, and joining videos from the library."""

import pytest

from server.faults import ProtectedEdit
from tests.fixtures.chromium import Chromium, Page
from tests.web.stand_in import StandIn

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="package")]

VIDEO = "document.querySelector('video')"
POSITION = f"{VIDEO}.currentTime"
FOCUSED = "document.activeElement"
SAVE = "document.querySelector('.clip-form .primary')"


def shows(text: str) -> str:
    """JavaScript that says whether a person sees this text."""
    return f"document.body.innerText.includes({text!r})"


async def watch(page: Page, library: StandIn) -> str:
    """Open a video that has its first picture, and stop it."""
    video_id = library.add("Stalker")
    await page.navigate(f"{library.url}/watch/{video_id}")
    await page.wait_for(f"{VIDEO}.readyState >= 2 && document.querySelector('.seek.previewing')")
    await page.evaluate(f"{VIDEO}.pause()")
    return video_id


async def go_to(page: Page, seconds: float) -> None:
    await page.evaluate(f"{POSITION} = {seconds}")
    await page.wait_for(f"!{VIDEO}.seeking && Math.abs({POSITION} - {seconds}) < 0.1")


async def test_a_clip_is_made_with_the_keyboard_alone(page: Page, library: StandIn) -> None:
    """I and O while the film plays, fine steps at the handles, a look at it, a title, Enter."""
    video_id = await watch(page, library)
    await go_to(page, 8)
    await page.press("i")
    await page.wait_for(f"{FOCUSED}.ariaLabel === 'Beginning'")
    await page.press("ArrowRight")
    await page.wait_for("document.querySelector('#clip-start').value === '0:09.0'")
    await page.wait_for(f"Math.abs({POSITION} - 9) < 0.1 && !{VIDEO}.seeking")
    await go_to(page, 10.5)
    await page.press("o")
    await page.wait_for("document.querySelector('#clip-end').value === '0:10.5'")
    assert (
        await page.evaluate("document.querySelector('.clip-length').textContent") == "0:01.5 long"
    )
    await page.evaluate("[...document.querySelectorAll('.clip-choices button')][0].click()")
    await page.wait_for(f"!{VIDEO}.paused")
    await page.wait_for(f"{VIDEO}.paused && !{VIDEO}.seeking")
    assert 10.4 < await page.evaluate(POSITION) < 10.5
    assert await page.evaluate("document.querySelector('#clip-title').placeholder") == (
        "Stalker (0:09)"
    )
    await page.evaluate("document.querySelector('#clip-title').focus()")
    await page.type("The room")
    await page.press("Enter")
    await page.wait_for(shows("“The room” is saved"))
    (made,) = [video for video in library.videos.values() if video.parts]
    assert [(part.video_id, part.start_ms, part.end_ms) for part in made.parts] == [
        (video_id, 9000, 10_500)
    ]
    assert await page.evaluate("document.querySelector('.clip-link').value") == (
        f"{library.url}/watch/{made.id}"
    )
    assert await page.evaluate(f"{FOCUSED}.textContent") == "Copy link"
    await page.press("Escape")
    assert await page.evaluate("document.querySelector('.clip').hidden")
    assert await page.evaluate(f"{FOCUSED}.textContent") == "Make a clip"


async def test_a_finger_drags_the_ends_and_a_refusal_is_told(phone: Page, library: StandIn) -> None:
    await watch(phone, library)
    await go_to(phone, 6)
    await phone.tap("#actions .button")
    await phone.wait_for("document.querySelector('#clip-end').value === '0:30.0'")
    await phone.drag(".clip-range .handle.start", (0.5, 6))
    await phone.let_go()
    start = "document.querySelector('#clip-start').value"
    await phone.wait_for(f"!['0:00.0', '0:06.0'].includes({start})")
    moved = await phone.evaluate(start)
    await phone.wait_for(f"{POSITION} > 6.5 && !{VIDEO}.seeking")  # the picture goes with it
    library.refusal = ProtectedEdit("videos under drm can be neither cut nor joined")
    with phone.forgiving("/clips"):
        await phone.evaluate(f"{SAVE}.click()")
        await phone.wait_for(shows("Videos under drm can be neither cut nor joined."))
    assert await phone.evaluate(start) == moved
    assert len(library.videos) == 1
    library.refusal = None
    await phone.evaluate(f"{SAVE}.click()")
    await phone.wait_for(shows("is saved"))
    assert await phone.evaluate("document.documentElement.scrollWidth") == 390


async def test_a_point_that_is_no_time_is_not_taken(page: Page, library: StandIn) -> None:
    await watch(page, library)
    await page.press("i")
    field = "document.querySelector('#clip-end')"
    for typed, shown in (("0:12,5", "0:12.5"), ("1:00", "0:30.0"), ("soon", "soon")):
        await page.evaluate(f"{field}.focus(), {field}.select()")
        await page.type(typed)
        await page.press("Enter")
        await page.wait_for(f"{field}.value === {shown!r}")
    assert await page.evaluate(f"{field}.ariaInvalid") == "true"


async def pick(page: Page, *titles: str) -> None:
    for title in titles:
        await page.evaluate(
            f"document.querySelector('.pick[aria-label=\"Select {title}\"]').focus()"
        )
        await page.press(" ")


async def test_videos_are_joined_in_the_order_picked_and_then_changed(
    page: Page, library: StandIn
) -> None:
    ids = {title: library.add(title) for title in ("Credits", "Middle", "Opening", "Extra")}
    await page.navigate(library.url)
    await page.wait_for("document.querySelectorAll('.card').length === 4")
    await page.click("#select")
    await pick(page, "Opening", "Credits", "Middle", "Extra")
    places = "[...document.querySelectorAll('.card .place')].map((each) => each.textContent)"
    assert await page.evaluate(places) == ["4", "1", "3", "2"]
    await page.click(".selection .primary")
    await page.wait_for("document.querySelector('.dialog.join').open")
    rows = "[...document.querySelectorAll('.join-words b')].map((each) => each.textContent)"
    assert await page.evaluate(rows) == ["Opening", "Credits", "Middle", "Extra"]
    await page.evaluate("document.querySelector('[aria-label=\"Move Middle up\"]').focus()")
    await page.press("Enter")
    assert await page.evaluate(f"{FOCUSED}.ariaLabel") == "Move Middle up"
    await page.evaluate("document.querySelector('[aria-label=\"Leave out Extra\"]').click()")
    assert await page.evaluate(rows) == ["Opening", "Middle", "Credits"]
    await page.evaluate("document.querySelector('#join-name').focus()")
    await page.type("The whole")
    await page.press("Enter")
    await page.wait_for(shows("“The whole” is in the library"))
    (made,) = [video for video in library.videos.values() if video.parts]
    wanted = [ids[title] for title in ("Opening", "Middle", "Credits")]
    assert [part.video_id for part in made.parts] == wanted
    assert await page.evaluate("document.querySelector('.card h2').textContent") == "The whole"
    assert await page.evaluate("document.querySelector('.selection').hidden")


async def test_joining_fits_into_a_hand_and_a_refusal_is_told(
    browser: Chromium, library: StandIn
) -> None:
    """A search between two picks keeps what is picked."""
    phone = await browser.page(width=390, height=844, phone=True)
    for title in ("A title that does not fit into one line of a telephone", "Other"):
        library.add(title)
    await phone.navigate(library.url)
    await phone.wait_for("document.querySelectorAll('.card').length === 2")
    await phone.tap("#select")
    await phone.tap(".card:nth-child(2)", down=0.2)
    await phone.evaluate("document.querySelector('#search').focus()")
    await phone.type("Other")
    await phone.wait_for("document.querySelectorAll('.card').length === 1")
    await phone.tap(".card", down=0.2)
    await phone.wait_for(shows("2 videos selected"))
    await phone.tap(".selection .primary")
    await phone.wait_for("document.querySelector('.dialog.join').open")
    assert await phone.evaluate("document.documentElement.scrollWidth") == 390
    box = "document.querySelector('.dialog.join')"
    assert await phone.evaluate(f"{box}.scrollWidth <= {box}.clientWidth")
    library.refusal = ProtectedEdit("videos under drm can be neither cut nor joined")
    with phone.forgiving("/videos"):
        await phone.tap(".dialog.join .primary")
        await phone.wait_for(shows("Videos under drm can be neither cut nor joined."))
    await phone.close()
    assert (phone.console_errors, phone.failed_requests) == ([], [])
