"""What a playback shows: the view that its parameters ask for, and where in the player it lies."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from core.manifest.joined import go_together
from core.media.language import UNDETERMINED, language_tag
from core.media.programme_chapters import programme_chapters, spread_chapters
from core.media.recipe import OutsideRecipe, Programme, Stretch
from core.media.ticks import MICROSECONDS, rescale
from core.media.video_range import is_hdr
from core.media.view import WHOLE, UnusableView, View, rising
from core.protection.choice import protection_of_all
from core.protection.scheme import Protection
from server.documents import PlayRequest
from server.faults import NothingLeft, OutsideVideo, UnusableFilter
from server.ingredients import Ingredients, IngredientTrack

_KINDS = {"v": "picture", "a": "sound"}


@dataclass(frozen=True, slots=True)
class Extras:
    """What there is beside picture and sound of a video that was cut or joined."""

    texts: tuple[IngredientTrack, ...]
    has_chapters: bool
    has_storyboard: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A view of a video: where it begins and ends in the player, how long it is, what it is under.

    `extras` are those of what is cut; None where the video is played from end to end and has its
    own.
    """

    view: View
    start_ms: int
    end_ms: int | None
    duration_ms: int | None
    protection: Protection
    extras: Extras | None = None


def view_of(query: PlayRequest) -> View:
    """The view that is asked for. Raises `UnusableFilter`, which names the parameter."""
    codecs = rising(_split(query.codecs))
    audio = rising(language_tag(each) for each in _split(query.audio))
    with _blaming("end_ms"):
        View(start_ms=query.start_ms, end_ms=query.end_ms)
    with _blaming("codecs"):
        View(codecs=codecs)
    with _blaming("audio"):
        View(audio=audio)
    with _blaming("codecs", "audio"):
        return View(
            start_ms=query.start_ms,
            end_ms=query.end_ms,
            max_height=query.max_height,
            codecs=codecs,
            audio=audio,
            hdr=query.hdr,
        )


@contextmanager
def _blaming(*names: str) -> Iterator[None]:
    try:
        yield
    except UnusableView as fault:
        raise UnusableFilter(fault.message, errors=_places(names, fault.message)) from fault


def _places(names: Iterable[str], detail: str) -> list[dict[str, str]]:
    return [{"in": "query", "pointer": f"/{name}", "detail": detail} for name in names]


def seen_whole(duration_ms: int | None, protection: Protection) -> Seen:
    """A whole video that is no edit."""
    return Seen(WHOLE, 0, duration_ms, duration_ms, protection)


def seen_part(video: Ingredients, view: View) -> Seen:
    """A view of a video. Raises `OutsideVideo`, and `NothingLeft` where a filter shows nothing."""
    for part in video.parts:
        _require_rest(part.tracks, view)
    whole = video.programme()
    if view.end_ms == whole.duration_ms:
        view = replace(view, end_ms=None)
    found = list(enumerate(part.stretch for part in video.parts))
    chosen = whole
    if view.has_range:
        found = _within(whole, view)
        films = [whole.films[number] for number, _ in found]
        chosen = Programme.of(films, [stretch for _, stretch in found])
    _require_common([video.parts[number].tracks for number, _ in found], view)
    extras = _extras(video, whole, chosen, found) if view.has_range or video.is_edit else None
    protection = protection_of_all(video.parts[number].protection for number, _ in found)
    return Seen(
        view, _ms(chosen.start_us), _ms(chosen.end_us), chosen.duration_ms, protection, extras
    )


def _extras(
    video: Ingredients,
    whole: Programme,
    chosen: Programme,
    found: Sequence[tuple[int, Stretch]],
) -> Extras:
    parts = [video.parts[number] for number, _ in found]
    chapters = [part.chapters for part in parts]
    if video.is_edit and video.chapters:
        spread = spread_chapters(whole, video.chapters)
        chapters = [spread[number] for number, _ in found]
    texts: dict[str, IngredientTrack] = {}
    for track in (track for part in parts for track in part.tracks if track.kind == "t"):
        texts.setdefault(track.name, track)
    return Extras(
        texts=tuple(texts.values()),
        has_chapters=bool(programme_chapters(chosen, chapters)),
        has_storyboard=any(part.has_storyboard for part in parts),
    )


def _within(whole: Programme, view: View) -> list[tuple[int, Stretch]]:
    try:
        return whole.within(view.start_ms, view.end_ms)
    except OutsideRecipe as fault:
        name = "start_ms" if view.start_ms >= whole.duration_ms else "end_ms"
        raise OutsideVideo(fault.message, errors=_places([name], fault.message)) from fault


def _require_rest(tracks: Sequence[IngredientTrack], view: View) -> None:
    for kind, word in _KINDS.items():
        there = [track for track in tracks if track.kind == kind]
        if there and not any(_shows(view, track) for track in there):
            detail = f"what is asked for leaves nothing of the {word}"
            raise NothingLeft(detail, errors=_places(_empty_filters(there, kind, view), detail))


def _require_common(parts: Sequence[Sequence[IngredientTrack]], view: View) -> None:
    """Parts in a row have a codec in common; what a filter leaves of them may have none."""
    for kind, word in _KINDS.items():
        left = [
            [track for track in tracks if track.kind == kind and _shows(view, track)]
            for tracks in parts
        ]
        if not go_together(left):
            detail = f"what is asked for leaves the parts no codec of the {word} in common"
            raise NothingLeft(detail, errors=_places(_filters(kind, view), detail))


def _empty_filters(tracks: Sequence[IngredientTrack], kind: str, view: View) -> list[str]:
    """The parameters that leave none of these tracks: single ones, or else all together."""
    given = _filters(kind, view)
    single = [
        name for name, alone in given.items() if not any(_shows(alone, track) for track in tracks)
    ]
    return single or list(given)


def _filters(kind: str, view: View) -> dict[str, View]:
    """The parameters that leave out some tracks of a kind, each as a view by itself."""
    of_kind = {
        "v": {
            "max_height": View(max_height=view.max_height),
            "codecs": View(codecs=view.codecs),
            "hdr": View(hdr=view.hdr),
        },
        "a": {"codecs": View(codecs=view.codecs), "audio": View(audio=view.audio)},
    }[kind]
    return {name: alone for name, alone in of_kind.items() if not alone.is_whole}


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
