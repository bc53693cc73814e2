"""What a playback shows: the view that its parameters ask for, and where in the player it lies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.media.language import UNDETERMINED, language_tag
from core.media.recipe import Programme
from core.media.ticks import MICROSECONDS, rescale
from core.media.video_range import is_hdr
from core.media.view import WHOLE, View, rising
from server.documents import PlayRequest
from server.faults import NothingLeft
from server.ingredients import Ingredients, IngredientTrack

_KINDS = {"v": "picture", "a": "sound"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A view of a video: where it begins and ends in the player, and how long it is."""

    view: View
    start_ms: int
    end_ms: int | None
    duration_ms: int | None


def view_of(query: PlayRequest) -> View:
    """The view that is asked for. Raises `UnusableView`."""
    return View(
        start_ms=query.start_ms,
        end_ms=query.end_ms,
        max_height=query.max_height,
        codecs=rising(_split(query.codecs)),
        audio=rising(language_tag(each) for each in _split(query.audio)),
        hdr=query.hdr,
    )


def seen_whole(duration_ms: int | None) -> Seen:
    """A whole video that is no edit."""
    return Seen(WHOLE, 0, duration_ms, duration_ms)


def seen_part(video: Ingredients, view: View) -> Seen:
    """A view of a video. Raises `OutsideRecipe`, and `NothingLeft` where a filter shows nothing."""
    for part in video.parts:
        _require_rest(part.tracks, view)
    whole = video.programme()
    if view.end_ms == whole.duration_ms:
        view = replace(view, end_ms=None)
    chosen = whole
    if view.has_range:
        found = whole.within(view.start_ms, view.end_ms)
        films = [whole.films[number] for number, _ in found]
        chosen = Programme.of(films, [stretch for _, stretch in found])
    return Seen(view, _ms(chosen.start_us), _ms(chosen.end_us), chosen.duration_ms)


def _require_rest(tracks: Sequence[IngredientTrack], view: View) -> None:
    for kind, word in _KINDS.items():
        there = [track for track in tracks if track.kind == kind]
        if there and not any(_shows(view, track) for track in there):
            raise NothingLeft(f"what is asked for leaves nothing of the {word}")


def _shows(view: View, track: IngredientTrack) -> bool:
    if track.kind == "v":
        return view.shows_picture(
            track.codec, track.width or 0, track.height or 0, is_hdr=is_hdr(track.video_range)
        )
    return view.sounds(track.codec, language_tag(track.language or UNDETERMINED))


def _split(names: str | None) -> list[str]:
    return [name for name in (names or "").split(",") if name]


def _ms(microseconds: int) -> int:
    return rescale(microseconds, MICROSECONDS, 1000)
