"""The library page in a real browser."""

import asyncio
from pathlib import Path

import pytest

from runtime.problems import BodyTooLarge
from server.documents import VideoStatus
from tests.fixtures.chromium import Page
from tests.web.stand_in import StandIn

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="package")]

CARDS = "document.querySelectorAll('.card').length"
TITLES = "[...document.querySelectorAll('.card h2 a')].map(a => a.textContent)"
FOCUS = "document.activeElement.textContent || document.activeElement.id"


def shows(text: str) -> str:
    """JavaScript that says whether a person sees this text."""
    return f"document.body.innerText.includes({text!r})"


async def open_library(page: Page, library: StandIn, query: str = "") -> None:
    await page.navigate(f"{library.url}/{query}")


async def test_an_empty_library_invites_the_first_upload(page: Page, library: StandIn) -> None:
    await open_library(page, library)
    await page.wait_for(shows("Nothing here yet"))
    await page.point_at("#panel .button")


async def test_a_card_shows_poster_title_and_duration_and_leads_to_the_film(
    page: Page, library: StandIn
) -> None:
    video_id = library.add("Stalker")
    await open_library(page, library)
    await page.wait_for("document.querySelector('.picture.loaded')?.naturalWidth > 0")
    assert await page.evaluate(TITLES) == ["Stalker"]
    assert await page.evaluate("document.querySelector('.duration').textContent") == "0:30"
    await page.click(".poster")
    await page.wait_for(f"location.pathname === '/watch/{video_id}'")


async def test_a_video_in_preparation_is_followed_until_it_plays(
    page: Page, library: StandIn
) -> None:
    video_id = library.add("Ran", VideoStatus.PREPARING, progress=0.4, stage="Encoding 720p")
    await open_library(page, library)
    await page.wait_for(shows("Encoding 720p · 40 %"))
    library.change(video_id, progress=0.8)
    await page.wait_for(shows("Encoding 720p · 80 %"))
    library.finish(video_id)
    await page.wait_for("document.querySelector('.card').dataset.status === 'ready'")
    announced = await page.evaluate("document.querySelector('#live').textContent")
    assert announced == "Ran is ready to watch"


async def test_when_everything_is_ready_the_page_stops_asking(page: Page, library: StandIn) -> None:
    video_id = library.add("Ran", VideoStatus.PREPARING, progress=0.4)
    await open_library(page, library)
    await page.wait_for(f"{CARDS} === 1")
    library.finish(video_id)
    await page.wait_for("document.querySelector('.card').dataset.status === 'ready'")
    looks = library.looks
    await asyncio.sleep(2.5)  # two and a half of its shortest intervals
    assert library.looks == looks


async def test_a_video_that_failed_says_why_and_can_be_deleted(
    page: Page, library: StandIn
) -> None:
    error = ("source.truncated", "the file ends in the middle of its index")
    library.add("Broken", VideoStatus.ERRORED, error=error)
    await open_library(page, library)
    await page.wait_for(shows("The file ends in the middle of its index."))
    await page.click(".failure button")
    await page.wait_for("document.querySelector('dialog[open]')")
    await page.click("dialog[open] .danger")
    await page.wait_for(shows("Nothing here yet"))
    assert library.videos == {}


async def test_deleting_asks_first_and_keeping_is_the_default(page: Page, library: StandIn) -> None:
    library.add("Stalker")
    await open_library(page, library)
    await page.wait_for(f"{CARDS} === 1")
    await page.click(".more")
    await page.press("End")
    await page.press("Enter")
    dialog = "document.querySelector('dialog[open]')"
    await page.wait_for(dialog)
    assert "cannot be undone" in await page.evaluate(f"{dialog}.innerText")
    await page.press("Enter")
    await page.wait_for(f"!{dialog}")
    assert len(library.videos) == 1


async def test_a_video_is_renamed_in_place_with_the_keyboard_alone(
    page: Page, library: StandIn
) -> None:
    video_id = library.add("Stalke")
    await open_library(page, library)
    await page.wait_for(f"{CARDS} === 1")
    await page.evaluate("document.querySelector('.more').focus()")
    await page.press("Enter")
    await page.wait_for("document.activeElement.role === 'menuitem'")
    await page.press("Enter")
    await page.wait_for("document.activeElement.className === 'rename'")
    await page.type("Stalker")
    await page.press("Enter")
    await page.wait_for(f"{TITLES}[0] === 'Stalker'")
    assert library.videos[video_id].title == "Stalker"
    assert await page.evaluate(FOCUS) == "Stalker"


async def rename_to(page: Page, title: str) -> None:
    await page.click(".more")
    await page.click(".menu button")
    await page.type(title)
    await page.press("Enter")


async def test_progress_made_while_renaming_does_not_get_in_the_way(
    page: Page, library: StandIn
) -> None:
    video_id = library.add("Ran", VideoStatus.PREPARING, progress=0.4)
    library.meanwhile = {"progress": 0.5}
    await open_library(page, library)
    await page.wait_for(f"{CARDS} === 1")
    with page.forgiving("/videos/"):
        await rename_to(page, "Ran (1985)")
        await page.wait_for(f"{TITLES}[0] === 'Ran (1985)'")
    assert library.videos[video_id].title == "Ran (1985)"


async def test_a_title_that_somebody_else_changed_is_not_overwritten_unseen(
    page: Page, library: StandIn
) -> None:
    video_id = library.add("Ran")
    library.meanwhile = {"title": "Ran, by Kurosawa"}
    await open_library(page, library)
    await page.wait_for(f"{CARDS} === 1")
    with page.forgiving("/videos/"):
        await rename_to(page, "Chaos")
        await page.wait_for(shows("renamed to “Ran, by Kurosawa” meanwhile"))
    assert library.videos[video_id].title == "Ran, by Kurosawa"
    await page.press("Enter")
    await page.wait_for(f"{TITLES}[0] === 'Chaos'")
    assert library.videos[video_id].title == "Chaos"


async def test_searching_narrows_the_grid_and_a_miss_offers_the_way_back(
    page: Page, library: StandIn
) -> None:
    library.add("Solaris")
    library.add("Stalker")
    await open_library(page, library)
    await page.wait_for(f"{CARDS} === 2")
    await page.press("/")
    await page.type("sol")
    await page.wait_for(f"{CARDS} === 1")
    assert await page.evaluate("location.search") == "?q=sol"
    await page.type("x")
    await page.wait_for(shows("Nothing matches “solx”"))
    await page.click("#panel .button")
    await page.wait_for(f"{CARDS} === 2")


async def test_the_order_is_chosen_and_kept_in_the_address(page: Page, library: StandIn) -> None:
    for title in ("Zardoz", "Alien"):
        library.add(title)
    await open_library(page, library, "?sort=title")
    await page.wait_for(f"{CARDS} === 2")
    assert await page.evaluate(TITLES) == ["Alien", "Zardoz"]
    assert await page.evaluate("document.querySelector('#sort').value") == "title"


async def test_further_pages_come_as_one_scrolls(page: Page, library: StandIn) -> None:
    for number in range(60):
        library.add(f"Film {number}")
    await open_library(page, library)
    await page.wait_for(f"{CARDS} >= 24")
    await page.wait_for(f"(scrollTo(0, document.body.scrollHeight), {CARDS} === 60)")
    assert len(set(await page.evaluate(TITLES))) == 60
    assert await page.evaluate("document.querySelector('#more').hidden")


async def test_on_a_screen_that_a_page_does_not_fill_further_pages_come_by_themselves(
    page: Page, library: StandIn
) -> None:
    await page.set_viewport(1600, 9000)
    for number in range(60):
        library.add(f"Film {number}")
    await open_library(page, library)
    await page.wait_for(f"{CARDS} === 60")


TELLS_TWICE = """
const Plain = IntersectionObserver;
window.IntersectionObserver = class extends Plain {
  constructor(told, options) {
    super((entries, observer) => {
      const before = entries.map(({ target }) => ({ target, isIntersecting: false }));
      told([...before, ...entries], observer);
    }, options);
  }
};
"""


async def test_a_busy_page_that_hears_of_two_changes_at_once_loads_on(
    page: Page, library: StandIn
) -> None:
    """The end was out of sight, and is near again, before the page was told of either."""
    for number in range(60):
        library.add(f"Film {number}")
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=TELLS_TWICE)
    await page.set_viewport(1600, 9000)
    await open_library(page, library)
    await page.wait_for(f"{CARDS} === 60")


async def test_files_are_uploaded_one_after_the_other_and_appear_in_front(
    page: Page, library: StandIn, tmp_path: Path
) -> None:
    library.add("Old film")
    files = [tmp_path / "First.mp4", tmp_path / "Second.mkv"]
    for file in files:
        file.write_bytes(bytes(700_000))
    await open_library(page, library)
    await page.wait_for(f"{CARDS} === 1")
    await page.upload("#picker", *files)
    await page.wait_for(f"{CARDS} === 3")
    assert await page.evaluate(TITLES) == ["Second", "First", "Old film"]
    sizes = [video.source and video.source.size_bytes for video in library.videos.values()]
    assert sizes[1:] == [700_000, 700_000]


async def test_an_upload_shows_how_far_it_is_and_can_be_cancelled(
    page: Page, library: StandIn, tmp_path: Path
) -> None:
    film = tmp_path / "Long film.mp4"
    film.write_bytes(bytes(30_000_000))
    await open_library(page, library)
    await page.wait_for(shows("Nothing here yet"))
    await page.slow_down(4_000_000)
    await page.upload("#picker", film)
    await page.wait_for("document.querySelector('.transfer progress')?.value > 0.05")
    await page.wait_for(shows("MB/s"))
    assert "of 30.0 MB" in await page.evaluate("document.querySelector('.transfer').innerText")
    await page.click(".transfer .icon-button")
    await page.wait_for("document.querySelector('#uploads').hidden")
    assert library.videos == {}


async def test_a_refused_upload_shows_the_servers_reason_and_can_be_tried_again(
    page: Page, library: StandIn, tmp_path: Path
) -> None:
    library.refusal = BodyTooLarge("the file is larger than 10 GB, which is this server's limit")
    film = tmp_path / "Film.mp4"
    film.write_bytes(bytes(1000))
    await open_library(page, library)
    await page.wait_for(shows("Nothing here yet"))
    with page.forgiving("/videos"):
        await page.upload("#picker", film)
        await page.wait_for(shows("The file is larger than 10 GB, which is this server's limit."))
    library.refusal = None
    await page.click(".transfer .link")
    await page.wait_for(f"{CARDS} === 1")


async def test_files_dropped_anywhere_are_uploaded(page: Page, library: StandIn) -> None:
    await open_library(page, library)
    await page.wait_for(shows("Nothing here yet"))
    await page.evaluate(
        "(() => { const dataTransfer = new DataTransfer();"
        " dataTransfer.items.add(new File([new Uint8Array(5000)], 'Dropped.mp4'));"
        " const options = {dataTransfer, bubbles: true, cancelable: true};"
        " document.body.dispatchEvent(new DragEvent('dragenter', options));"
        " window.shown = !document.querySelector('#curtain').hidden;"
        " document.body.dispatchEvent(new DragEvent('drop', options)); })()"
    )
    await page.wait_for(f"{TITLES}[0] === 'Dropped'")
    assert await page.evaluate("window.shown && document.querySelector('#curtain').hidden")


async def test_a_server_that_is_away_is_waited_for(page: Page, library: StandIn) -> None:
    library.add("Stalker")
    library.down = True
    with page.forgiving(library.url):
        await open_library(page, library)
        await page.wait_for(shows("The library is out of reach"))
        library.down = False
        await page.click("#panel .button")
        await page.wait_for(f"{CARDS} === 1")


async def test_contact_lost_later_leaves_the_grid_and_says_so(page: Page, library: StandIn) -> None:
    library.add("Ran", VideoStatus.PREPARING, progress=0.4)
    await open_library(page, library)
    await page.wait_for(f"{CARDS} === 1")
    with page.forgiving(library.url):
        library.down = True
        await page.wait_for("!document.querySelector('.banner').hidden")
        assert await page.evaluate(CARDS) == 1
        library.down = False
        await page.wait_for("document.querySelector('.banner').hidden")


@pytest.mark.parametrize("count", [0, 5])
async def test_nothing_is_wider_than_a_phone(phone: Page, library: StandIn, count: int) -> None:
    for number in range(count):
        library.add(f"A film with quite a long name, the {number}th of them, uncut")
    library.add("Unbreakable" * 12, VideoStatus.ERRORED, error=("source.x", "wrong" * 40))
    await open_library(phone, library)
    await phone.wait_for(f"{CARDS} === {count + 1}")
    assert await phone.evaluate("document.documentElement.scrollWidth") == 390
    assert await phone.evaluate("innerWidth") == 390
    await phone.tap("#search")
    await phone.type("unbreak")
    await phone.wait_for(f"{CARDS} === 1")
