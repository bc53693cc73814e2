"""How long delivery believes what it has read of a title."""

from dataclasses import replace

import pytest

from core.media.presentation import TrackKind
from core.media.ticks import Ticks
from core.media.timeline import CutPlan
from core.media.view import View
from origin.delivery.narrowing import NothingToPlay, seen_through
from origin.delivery.titles import Titles
from origin.repository import PublishedTrack, Repository, Title
from runtime.postgres import DatabaseUnavailable

FILM = Title(
    playback_id="p_film",
    video_id="film",
    status="ready",
    version=1,
    duration_ms=1000,
    poster_key=None,
    plan=CutPlan(1000, (Ticks(0),), Ticks(1000)),
    tracks=(),
)


class Shelf(Repository):
    """A repository whose only title the test changes, takes away, or makes unreachable."""

    def __init__(self) -> None:
        self.film: Title | None = FILM
        self.is_away = False
        self.asked = 0

    async def title(self, playback_id: str) -> Title | None:
        self.asked += 1
        if self.is_away:
            raise DatabaseUnavailable("Postgres is away")
        return self.film if playback_id == "p_film" else None


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def titles(shelf: Shelf, clock: Clock) -> Titles:
    titles = Titles(shelf, limit_bytes=1_000_000, clock=clock)
    titles.listening = True
    return titles


async def test_a_title_is_asked_for_once_while_nothing_is_announced(
    titles: Titles, shelf: Shelf
) -> None:
    assert await titles.get("p_film") == await titles.get("p_film") == FILM
    assert shelf.asked == 1


async def test_an_announced_change_is_seen_at_once(titles: Titles, shelf: Shelf) -> None:
    await titles.get("p_film")
    shelf.film = replace(FILM, version=2)
    titles.forget("p_film")
    assert (await titles.get("p_film")).version == 2


async def test_a_deleted_title_is_gone_once_it_is_announced(titles: Titles, shelf: Shelf) -> None:
    await titles.get("p_film")
    shelf.film = None
    titles.forget("p_film")
    with pytest.raises(NothingToPlay):
        await titles.get("p_film")


async def test_when_announcements_may_have_been_missed_everything_is_asked_again(
    titles: Titles, shelf: Shelf, clock: Clock
) -> None:
    await titles.get("p_film")
    shelf.film = replace(FILM, version=2)
    clock.now_s += 0.001
    titles.doubt_all()
    assert (await titles.get("p_film")).version == 2


async def test_without_announcements_a_title_is_believed_for_a_second(
    titles: Titles, shelf: Shelf, clock: Clock
) -> None:
    titles.listening = False
    await titles.get("p_film")
    clock.now_s += 0.9
    await titles.get("p_film")
    assert shelf.asked == 1
    clock.now_s += 0.2
    await titles.get("p_film")
    assert shelf.asked == 2


async def test_what_is_known_is_delivered_while_postgres_is_away(
    titles: Titles, shelf: Shelf, clock: Clock
) -> None:
    await titles.get("p_film")
    shelf.is_away = True
    clock.now_s += 3600
    assert await titles.get("p_film") == FILM


async def test_what_is_not_known_cannot_be_denied_while_postgres_is_away(
    titles: Titles, shelf: Shelf
) -> None:
    shelf.is_away = True
    with pytest.raises(DatabaseUnavailable):
        await titles.get("p_film")


async def test_an_unknown_id_is_asked_for_again_after_a_second(
    titles: Titles, shelf: Shelf, clock: Clock
) -> None:
    for _ in range(3):
        with pytest.raises(NothingToPlay):
            await titles.get("p_nobody")
    assert shelf.asked == 1
    clock.now_s += 1.1
    with pytest.raises(NothingToPlay):
        await titles.get("p_nobody")
    assert shelf.asked == 2


def picture(name: str, codec: str, height: int) -> PublishedTrack:
    return PublishedTrack(
        TrackKind.VIDEO, name, name, name, codec, 1000, 1000, 1, 1, width=2 * height, height=height
    )


def test_a_view_leaves_parts_a_codec_in_common_or_there_is_nothing_to_play() -> None:
    """Each part has a small picture left, of another codec; both have large ones of H.264."""
    large = picture("720p", "avc1.64001f", 720)
    parts = tuple(
        replace(FILM, tracks=(picture("360p", codec, 360), large))
        for codec in ("hvc1.1.6.L93.B0", "av01.0.04M.08")
    )
    title = replace(FILM, parts=parts)
    with pytest.raises(NothingToPlay, match="no codec of video in common"):
        seen_through(title, View(max_height=360))
    assert len(seen_through(title, View(max_height=720)).parts) == 2
