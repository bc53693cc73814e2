"""What the API reads and writes of subtitles and chapters."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from core.media.chapters import LONGEST_TITLE, MOST_CHAPTERS
from core.media.roles import TrackRole
from core.text.sidecar import TextFormat
from server.identifiers import END

MAX_POSITION_MS = 30 * 24 * 3600 * 1000
_LINE = rf"^[^\x00-\x1f\x7f]*{END}"

CaptionId = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9-]{{1,100}}{END}",
        description="A text track of the video.",
        examples=["en-forced"],
    ),
]
LanguageTag = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z]{{2,8}}(-[A-Za-z0-9]{{1,8}}){{0,8}}{END}",
        max_length=64,
        description="As BCP 47 writes it; `und` where it is not known.",
        examples=["en", "pt-BR"],
    ),
]
Label = Annotated[
    str, Meta(min_length=1, max_length=100, pattern=_LINE, description="What viewers choose by.")
]


class CaptionKind(StrEnum):
    """What text is for."""

    SUBTITLES = "subtitles"
    CAPTIONS = "captions"
    FORCED = "forced"

    @property
    def roles(self) -> frozenset[TrackRole]:
        """The same as a track has it."""
        return frozenset(role for role, kind in _KINDS.items() if kind is self)


_KINDS = {TrackRole.FORCED: CaptionKind.FORCED, TrackRole.CAPTIONS: CaptionKind.CAPTIONS}


def caption_kind(roles: frozenset[TrackRole]) -> CaptionKind:
    """Give the kind of a track's roles."""
    return next((kind for role, kind in _KINDS.items() if role in roles), CaptionKind.SUBTITLES)


Kind = Annotated[
    CaptionKind,
    Meta(
        description="`subtitles` of what is spoken; `captions` for those who do not hear, with "
        "sounds and music; `forced`: what also those need who understand the sound."
    ),
]
Default = Annotated[bool, Meta(description="Whether players show it unasked; one track may be.")]


class CaptionForm(Struct, frozen=True):
    """The parts of a form with subtitles."""

    file: Annotated[bytes, Meta(description="WebVTT, SubRip or ASS; 8 MiB at most.")]
    language: LanguageTag = "und"
    label: Label | None = None
    kind: Kind = CaptionKind.SUBTITLES
    default: Default = False


class CaptionQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of a file that is the body itself; a form says it in its parts."""

    language: LanguageTag = "und"
    label: Label | None = None
    kind: Kind = CaptionKind.SUBTITLES
    default: Default = False


class Caption(Struct, frozen=True, kw_only=True):
    """One text track: from within the file, or sent beside it."""

    id: CaptionId
    kind: Kind
    language: LanguageTag
    label: str | None
    default: Default
    uploaded: Annotated[bool, Meta(description="Whether it was sent beside the film.")]
    created_at: datetime


class ReadCaption(Struct, frozen=True):
    """How a file was read."""

    format: TextFormat
    encoding: str
    encoding_guessed: Annotated[
        bool, Meta(description="Whether the encoding is a guess: send UTF-8 to be sure.")
    ]
    cues: int
    end_ms: int


class AddedCaption(Caption, frozen=True, kw_only=True):
    """A text track that was sent, and how it was read."""

    read: ReadCaption


class CaptionList(Struct, frozen=True):
    """All text tracks of a video, the oldest first."""

    data: list[Caption]


class ChapterChange(Struct, frozen=True, forbid_unknown_fields=True):
    """A chapter; it lasts until the next one begins."""

    start_ms: Annotated[int, Meta(ge=0, le=MAX_POSITION_MS)]
    title: Annotated[str, Meta(min_length=1, max_length=LONGEST_TITLE, pattern=_LINE)]


class ChaptersChange(Struct, frozen=True, forbid_unknown_fields=True):
    """All chapters of a video, in order; an empty list removes them."""

    chapters: Annotated[list[ChapterChange], Meta(max_length=MOST_CHAPTERS)]


class ChapterSpan(Struct, frozen=True):
    """A chapter, from its start up to its end."""

    start_ms: int
    end_ms: Annotated[int | None, Meta(description="Null while the film's length is not known.")]
    title: str


class ChapterList(Struct, frozen=True):
    """All chapters of a video, in order."""

    data: list[ChapterSpan]
