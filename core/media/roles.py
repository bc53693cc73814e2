"""What a track of sound or text is for, beyond its language."""

from enum import StrEnum
from typing import Final


class TrackRole(StrEnum):
    """A purpose of a track, as the API writes it; a track may have several."""

    FORCED = "forced"  # only what also those need to read who understand the sound
    CAPTIONS = "captions"  # for those who do not hear: speakers, sounds and music as well
    DESCRIPTION = "description"  # for those who do not see: what happens is told
    COMMENTARY = "commentary"
    DUB = "dub"
    ORIGINAL = "original"


# RFC 8216bis §4.4.6.1 takes Apple's uniform type identifiers.
_CHARACTERISTICS: Final = {
    TrackRole.CAPTIONS: (
        "public.accessibility.transcribes-spoken-dialog",
        "public.accessibility.describes-music-and-sound",
    ),
    TrackRole.DESCRIPTION: ("public.accessibility.describes-video",),
}


def characteristics(roles: frozenset[TrackRole]) -> str:
    """Give the value of HLS's CHARACTERISTICS; empty where there is nothing to say."""
    return ",".join(
        name for role in TrackRole if role in roles for name in _CHARACTERISTICS.get(role, ())
    )


def role_words(roles: frozenset[TrackRole]) -> str:
    """Say in words what tells a track from others of its language; empty for an ordinary one."""
    return ", ".join(_WORDS[role] for role in TrackRole if role in roles and role in _WORDS)


_WORDS: Final = {
    TrackRole.FORCED: "forced",
    TrackRole.CAPTIONS: "SDH",
    TrackRole.DESCRIPTION: "audio description",
    TrackRole.COMMENTARY: "commentary",
}


def sorted_roles(roles: frozenset[TrackRole]) -> tuple[TrackRole, ...]:
    """Give roles in one order, so that equal sets are written alike."""
    return tuple(role for role in TrackRole if role in roles)
