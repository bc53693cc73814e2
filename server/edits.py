"""Making videos of others: clips, and several one after the other. No media are copied."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from msgspec import UNSET, UnsetType

from core.errors import Fault
from core.manifest.joined import UnlikeParts
from core.media.playback_id import PlaybackPolicy, policy_of
from core.media.recipe import MOST_STRETCHES, Film, OutsideRecipe, Programme, Stretch
from core.media.view import codec_name
from core.protection.choice import UnlikeProtections, protection_of_all
from core.protection.scheme import Protection
from server.documents import ClipRequest, ImportRequest, PartInput, VideoStatus
from server.endpoint import Call
from server.faults import (
    InvalidBody,
    NeverPlayable,
    NotPlayableYet,
    OutsideVideo,
    PartUnknown,
    ProtectedEdit,
    TooManyParts,
    VideoUnknown,
)
from server.identifiers import new_id, new_playback_id
from server.ingredients import Ingredient, Ingredients, NewEdit, SettledEdit
from server.repository import VideoRow

EDIT_FAULTS: Final[tuple[type[Fault], ...]] = (
    NotPlayableYet,
    NeverPlayable,
    OutsideVideo,
    PartUnknown,
    ProtectedEdit,
    TooManyParts,
    UnlikeParts,
    UnlikeProtections,
)
LONGEST_TITLE: Final = 500

Stretches = tuple[tuple[Ingredient, Stretch], ...]


async def cut_video(call: Call, video_id: str, wanted: ClipRequest) -> VideoRow:
    """Add a clip of a video. Raises `VideoUnknown` and what `EDIT_FAULTS` lists."""
    part = PartInput(video_id, wanted.start_ms, wanted.end_ms)

    def decide(found: Mapping[str, Ingredients]) -> SettledEdit:
        if video_id not in found:
            raise VideoUnknown(video_id)
        usual = f"{found[video_id].title} ({_clock(wanted.start_ms)})"
        stretches = _stretches(found[video_id], part, "")
        return _settle(call, stretches, _title(wanted.title, usual), wanted.policy)

    return await call.services.repository.add_edit(NewEdit(new_id(), (video_id,)), decide)


async def join_videos(call: Call, wanted: ImportRequest, parts: Sequence[PartInput]) -> VideoRow:
    """Add a video of several stretches. Raises what `EDIT_FAULTS` lists."""
    ids = tuple(dict.fromkeys(part.video_id for part in parts))
    return await call.services.repository.add_edit(
        NewEdit(new_id(), ids), partial(_join, call, wanted, parts)
    )


def require_signable(call: Call, policy: PlaybackPolicy | None) -> None:
    """Raise `SigningUnavailable` where a video is to be a signed one and there is no key."""
    if policy in {PlaybackPolicy.SIGNED, PlaybackPolicy.DRM}:
        call.services.signer().require_keys()


def _join(
    call: Call,
    wanted: ImportRequest,
    parts: Sequence[PartInput],
    found: Mapping[str, Ingredients],
) -> SettledEdit:
    for place, part in enumerate(parts):
        if part.video_id not in found:
            raise PartUnknown(f"/input/parts/{place}/video_id: there is no video {part.video_id!r}")
    usual = " + ".join(dict.fromkeys(found[part.video_id].title for part in parts))
    stretches = tuple(
        each
        for place, part in enumerate(parts)
        for each in _stretches(found[part.video_id], part, f"/input/parts/{place}")
    )
    settled = _settle(call, stretches, _title(wanted.title, usual), wanted.policy)
    if wanted.protection not in {UNSET, settled.protection}:
        raise ProtectedEdit(
            f"what is made of these videos is under {settled.protection}, as they are, not "
            f"under {wanted.protection}"
        )
    return settled


def _settle(
    call: Call, stretches: Stretches, title: str, policy: PlaybackPolicy | UnsetType
) -> SettledEdit:
    if len(stretches) > MOST_STRETCHES:
        raise TooManyParts(
            f"this would be {len(stretches)} stretches of films; {MOST_STRETCHES} are possible"
        )
    require_alike(stretches)
    protection = protection_of_all(film.protection for film, _ in stretches)
    chosen = _policy(call, stretches) if policy is UNSET else policy
    _require_equal(chosen, protection)
    require_signable(call, chosen)
    programme = Programme.of(
        [Film(film.plan, film.duration_ms) for film, _ in stretches if film.plan is not None],
        [stretch for _, stretch in stretches],
    )
    return SettledEdit(
        playback_id=new_playback_id(chosen),
        title=title,
        duration_ms=programme.duration_ms,
        stretches=stretches,
        protection=protection,
    )


def _stretches(video: Ingredients, part: PartInput, place: str) -> Stretches:
    """The stretches of films that a part of a video is: an edit of an edit is one of its films.

    Raises `OutsideVideo`, which says where, below `place`, the body is wrong.
    """
    _require_published(video)
    programme = video.programme()
    try:
        within = programme.within(part.start_ms, part.end_ms)
    except OutsideRecipe as fault:
        pointer = f"{place}/{'start' if part.start_ms >= programme.duration_ms else 'end'}_ms"
        raise OutsideVideo(
            f"{pointer}: {fault.message}",
            errors=[{"in": "body", "pointer": pointer, "detail": fault.message}],
        ) from fault
    return tuple((video.parts[number], stretch) for number, stretch in within)


def _require_published(video: Ingredients) -> None:
    if video.status is VideoStatus.ERRORED:
        reason = video.error_message or "the reason is not known"
        raise NeverPlayable(f"{video.title!r} could not be prepared: {reason}")
    if any(part.plan is None for part in video.parts):
        raise NotPlayableYet(f"{video.title!r} is still being prepared; try again in a moment")


def require_alike(stretches: Stretches) -> None:
    """Raise `UnlikeParts` for films that no player could play one after the other.

    All have pictures or none has; the same for sound; and there is a codec that all have.
    """
    for kind, word in (("v", "picture"), ("a", "sound")):
        codecs = [
            {codec_name(track.codec) for track in film.tracks if track.kind == kind}
            for film, _ in stretches
        ]
        if not any(codecs):
            continue
        for place, names in enumerate(codecs):
            if not names:
                raise UnlikeParts(f"part {place} has no {word}, and others have")
        if not set.intersection(*codecs):
            said = "; ".join(", ".join(sorted(names)) for names in codecs)
            raise UnlikeParts(f"there is no codec of the {word} that all parts have: {said}")


def _require_equal(policy: PlaybackPolicy, protection: Protection) -> None:
    """Raise `ProtectedEdit` where an edit would be protected less than its films, or more.

    Its segments are encrypted under the keys of the films, so whoever is given an edit has the keys
    of what it shows.
    """
    if protection is not Protection.NONE and policy is not PlaybackPolicy.DRM:
        raise ProtectedEdit(
            f"what is made of a video under drm ({protection}) is under drm, too, not {policy}"
        )
    if protection is Protection.NONE and policy is PlaybackPolicy.DRM:
        raise ProtectedEdit(
            "what is made of videos in the clear is not encrypted; put the videos under drm first"
        )


def _policy(call: Call, stretches: Stretches) -> PlaybackPolicy:
    """What is made of a signed video is a signed one, unless somebody says otherwise."""
    if any(film.protection is not Protection.NONE for film, _ in stretches):
        return PlaybackPolicy.DRM
    policies = {policy_of(film.playback_id) for film, _ in stretches}
    default = call.services.settings.default_policy
    if PlaybackPolicy.SIGNED in policies or default is PlaybackPolicy.DRM:
        return PlaybackPolicy.SIGNED
    return default


def _title(given: str | UnsetType, usual: str) -> str:
    if given is UNSET:
        return usual[:LONGEST_TITLE]
    title = given.strip()
    if title == "":
        raise InvalidBody(
            "/title: it is blank",
            errors=[{"in": "body", "pointer": "/title", "detail": "it is blank"}],
        )
    return title


def _clock(milliseconds: int) -> str:
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f"{minutes}:{seconds:02}"
