"""What videos are made of, as the catalogue knows it: stretches of films, and their tracks."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from core.media.chapters import Chapter
from core.media.recipe import Film, Programme, Stretch
from core.media.roles import TrackRole
from core.media.ticks import Ticks
from core.media.timeline import CutPlan
from core.protection.scheme import Protection
from runtime.postgres import Connection, Record
from runtime.sql import load_queries
from server.documents import VideoStatus

_QUERIES = load_queries("server")


class IngredientTrack(msgspec.Struct, frozen=True):
    """One track of a film, as far as it decides what goes together and is told of."""

    kind: Literal["v", "a", "t"]
    name: str
    codec: str
    width: int | None
    height: int | None
    language: str | None
    video_range: str | None = None
    label: str | None = None
    is_default: bool = False
    roles: tuple[TrackRole, ...] = ()


_CHAPTERS = msgspec.json.Decoder(tuple[Chapter, ...])
_TRACKS = msgspec.json.Decoder(tuple[IngredientTrack, ...])


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A film, and the stretch of it that is used; None where it is used whole."""

    film_id: str
    playback_id: str
    status: VideoStatus
    duration_ms: int
    poster_key: str | None
    plan: CutPlan | None
    tracks: tuple[IngredientTrack, ...]
    stretch: Stretch
    protection: Protection = Protection.NONE
    chapters: tuple[Chapter, ...] = ()
    has_storyboard: bool = False


@dataclass(frozen=True, slots=True)
class Ingredients:
    """A video and what it consists of, in order; one that is no edit is its own only part.

    `chapters` are those of the video itself, which stand in for those of its films.
    """

    title: str
    status: VideoStatus
    error_message: str | None
    parts: tuple[Ingredient, ...]
    chapters: tuple[Chapter, ...] = ()

    is_edit: bool = False

    def programme(self) -> Programme:
        """Its timeline; every film must have been published."""
        films = [Film(part.plan, part.duration_ms) for part in self.parts if part.plan is not None]
        return Programme.of(films, [part.stretch for part in self.parts])


@dataclass(frozen=True, slots=True)
class NewEdit:
    """An edit that is about to be, and the videos it is made of."""

    id: str
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SettledEdit:
    """What an edit becomes: its row, and the stretches of films, in order."""

    playback_id: str
    title: str
    duration_ms: int
    stretches: tuple[tuple[Ingredient, Stretch], ...]
    protection: Protection = Protection.NONE


EditJudge = Callable[[Mapping[str, Ingredients]], SettledEdit]


async def ingredients(session: Connection, ids: Collection[str]) -> Mapping[str, Ingredients]:
    """What videos consist of; until the end of the transaction none of their films is deleted."""
    rows = await session.fetch(_QUERIES["get_ingredients"], list(ids))
    by_video: dict[str, list[Record]] = {}
    for row in sorted(rows, key=lambda row: row["place"] or 0):
        by_video.setdefault(row["asked_id"], []).append(row)
    return {video_id: _ingredients(found) for video_id, found in by_video.items()}


async def insert_edit(session: Connection, edit_id: str, edit: SettledEdit) -> None:
    """Add the rows of an edit."""
    films = [film for film, _ in edit.stretches]
    ready = all(film.status is VideoStatus.READY for film in films)
    await session.execute(
        _QUERIES["add_edit"],
        edit_id,
        edit.playback_id,
        edit.title,
        VideoStatus.READY if ready else VideoStatus.PLAYABLE,
        edit.duration_ms,
        films[0].poster_key,
        edit.protection,
    )
    await session.executemany(
        _QUERIES["add_edit_part"],
        [
            (edit_id, place, film.film_id, stretch.start_ms, stretch.end_ms)
            for place, (film, stretch) in enumerate(edit.stretches)
        ],
    )


def _ingredients(rows: Sequence[Record]) -> Ingredients:
    first = rows[0]
    return Ingredients(
        title=first["asked_title"],
        status=VideoStatus(first["asked_status"]),
        error_message=first["asked_error_message"],
        parts=tuple(map(_ingredient, rows)),
        chapters=_CHAPTERS.decode(first["asked_chapters"]),
        is_edit=first["place"] is not None,
    )


def _ingredient(row: Record) -> Ingredient:
    return Ingredient(
        film_id=row["id"],
        playback_id=row["playback_id"],
        status=VideoStatus(row["status"]),
        duration_ms=row["duration_ms"] or 0,
        poster_key=row["poster_key"],
        plan=_plan(row),
        tracks=_TRACKS.decode(row["tracks"]),
        stretch=Stretch(row["start_ms"] or 0, row["end_ms"]),
        protection=Protection(row["protection"]),
        chapters=_CHAPTERS.decode(row["chapters"]),
        has_storyboard=row["has_storyboard"],
    )


def _plan(row: Record) -> CutPlan | None:
    if row["plan_end"] is None:
        return None
    starts = tuple(Ticks(start) for start in row["plan_starts"])
    return CutPlan(row["plan_timescale"], starts, Ticks(row["plan_end"]))
