"""What of a title a view shows: fewer tracks, less of the time, or the pictures alone.

What a view leaves out does not exist under its address, so that no URL, guessed or remembered,
brings it back.
"""

from collections.abc import Sequence
from dataclasses import replace

from core.errors import InputFault
from core.manifest.joined import go_together
from core.media.excerpt import OutsideFilm, excerpt
from core.media.language import UNDETERMINED, language_tag
from core.media.playback_id import PlaybackPolicy, policy_of
from core.media.presentation import TrackKind
from core.media.recipe import Film, OutsideRecipe, Programme, Stretch
from core.media.video_range import is_hdr
from core.media.view import View, address
from core.protection.choice import protection_of_all
from core.protection.scheme import Protection
from origin.repository import PublishedTrack, Title


class NothingToPlay(InputFault):
    """The playback id is unknown, or nothing of it is published, or its view shows nothing."""

    status = 404
    code = "media.not_found"


def seen_through(title: Title, view: View) -> Title:
    """Give a title as a view shows it. Raises `NothingToPlay` where nothing is left of it.

    Whoever has a public id may see all of it, so its views differ in their manifests alone and
    name the same media as the whole, which caches then have once. An edit's media stay under its
    own id: whoever may see the edit is not told where its films are.
    """
    if view.is_whole:
        return title
    seen = replace(title, playback_id=address(title.playback_id, view))
    if view.only_pictures:
        return replace(seen, tracks=(), parts=(), protection=Protection.NONE, keys=(), chapters=())
    if policy_of(title.playback_id) is PlaybackPolicy.PUBLIC and not title.films:
        seen = replace(seen, home=f"../{title.playback_id}/")
    seen = _filtered(seen, view)
    seen = replace(seen, parts=tuple(_filtered(part, view) for part in seen.parts))
    if view.has_range:
        seen = _cut(seen, view)
    _require_common(seen, view)
    return seen


def moment_of(title: Title, at_ms: int) -> tuple[Title, int]:
    """Give the part of a title that shows a moment of it, and the time within that part's film.

    Moments are counted as people see them: from the exact start of an excerpt on. Raises
    `NothingToPlay` for one that is not in it.
    """
    try:
        found = programme_of(title).within(at_ms, at_ms + 1)
    except (OutsideFilm, OutsideRecipe) as fault:
        raise NothingToPlay(fault.message) from fault
    if not found:
        raise NothingToPlay(f"nothing is shown at {at_ms} ms")
    number, stretch = found[0]
    return title.all_parts[number], stretch.start_ms


def _filtered(title: Title, view: View) -> Title:
    tracks = tuple(track for track in title.tracks if _shows(view, track))
    for kind in (TrackKind.VIDEO, TrackKind.AUDIO):
        if _has(title.tracks, kind) and not _has(tracks, kind):
            raise NothingToPlay(f"the view {view.spelling!r} leaves nothing of {kind.name.lower()}")
    return replace(title, tracks=tracks)


def _require_common(title: Title, view: View) -> None:
    for kind in (TrackKind.VIDEO, TrackKind.AUDIO):
        left = ([each for each in part.tracks if each.kind is kind] for part in title.parts)
        if not go_together(left):
            raise NothingToPlay(
                f"the view {view.spelling!r} leaves no codec of {kind.name.lower()} in common"
            )


def _shows(view: View, track: PublishedTrack) -> bool:
    match track.kind:
        case TrackKind.VIDEO:
            return view.shows_picture(
                track.codec, track.width or 0, track.height or 0, is_hdr=is_hdr(track.video_range)
            )
        case TrackKind.AUDIO:
            return view.sounds(track.codec, language_tag(track.language or UNDETERMINED))
        case TrackKind.TEXT:
            return True


def _cut(title: Title, view: View) -> Title:
    parts = title.all_parts
    try:
        programme = programme_of(title)
        found = programme.within(view.start_ms, view.end_ms)
        cut = [
            replace(
                parts[number],
                excerpt=excerpt(
                    parts[number].plan,
                    parts[number].duration_ms,
                    stretch.start_ms,
                    stretch.end_ms,
                ),
            )
            for number, stretch in found
        ]
    except (OutsideFilm, OutsideRecipe) as fault:
        raise NothingToPlay(fault.message) from fault
    if len(cut) == 1:
        (only,) = cut
        return replace(
            title, tracks=only.tracks, plan=only.plan, duration_ms=only.duration_ms,
            excerpt=only.excerpt, storyboard=only.storyboard, chapters=only.chapters, parts=(),
            protection=only.protection, keys=only.keys,
        )  # fmt: skip
    together = protection_of_all(part.protection for part in cut)
    return replace(title, parts=tuple(cut), protection=together)


def programme_of(title: Title) -> Programme:
    """Give the timeline of a title. Raises `OutsideFilm`."""
    parts = title.all_parts
    films = [Film(part.plan, part.duration_ms) for part in parts]
    return Programme.of(films, [_stretch(part) for part in parts])


def _stretch(part: Title) -> Stretch:
    if part.excerpt is None:
        return Stretch()
    return Stretch(part.excerpt.start_ms, part.excerpt.end_ms)


def _has(tracks: Sequence[PublishedTrack], kind: TrackKind) -> bool:
    return any(track.kind is kind for track in tracks)
