"""Views: how much of a video one session may see, spelled beside the playback id in its URLs.

`/media/{playback_id}-{view}/…` is the video through a view: `s_0d3k-e90000-h720-ade` has its first
90 seconds, no picture above 720 lines and the sound in German. The view stands in the path element
that a media token covers, so it is inside the signed part, in every URL below the manifest, and in
the cache key, and whoever has a token for one view has it for no other and not for the whole.

A view has one spelling: its elements stand in the order of `_VIEW`, lists rise, nothing is said
that says nothing. Only letters, digits and `_` occur, which tokens and paths can hold already; `_`
stands for the hyphen of language tags and codec names.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from core.errors import InputFault
from core.media.presentation import TrackKind

MARK: Final = "-"
LONGEST_ADDRESS: Final = 128  # what a media token covers (core.http.media_token)
CODECS: Final = {
    **dict.fromkeys(
        ("av01", "avc1", "avc3", "dvh1", "dvhe", "hev1", "hvc1", "vp08", "vp09"), TrackKind.VIDEO
    ),
    **dict.fromkeys(("ac-3", "ac-4", "ec-3", "flac", "mp4a", "opus"), TrackKind.AUDIO),
}
"""The codecs that a view can name, in lower case: what RFC 6381 strings begin with, by kind."""

_VIEW: Final = re.compile(
    r"(?:-b(?P<start>[1-9][0-9]{0,9}))?"
    r"(?:-e(?P<end>[1-9][0-9]{0,9}))?"
    r"(?:-h(?P<height>[1-9][0-9]{0,4}))?"
    r"(?P<codecs>(?:-c[a-z0-9_]{1,8})*)"
    r"(?P<audio>(?:-a[a-z0-9_]{2,35})*)"
    r"(?:-d(?P<hdr>[01]))?"
    r"(?P<pictures>-p)?"
)
_LANGUAGE: Final = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8}){0,4}")


class UnusableView(InputFault):
    """No view is like that: it contradicts itself, or cannot be spelled."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "view.unusable"


class UnknownView(InputFault):
    """What stands behind a playback id is not the spelling of any view."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "media.not_found"


@dataclass(frozen=True, slots=True)
class View:
    """What a session may see; a default says nothing.

    From `start_ms` up to `end_ms`; pictures whose shorter side has at most `max_height` lines; of
    the kinds that `codecs` names any of, those alone; of the sound `audio` languages (RFC 4647
    §3.3.1: `de` is `de-AT`, too); with `hdr` false no HDR, with true nothing else. Or nothing but
    the still pictures. Raises `UnusableView`.
    """

    start_ms: int = 0
    end_ms: int | None = None
    max_height: int | None = None
    codecs: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()
    hdr: bool | None = None
    only_pictures: bool = False

    def __post_init__(self) -> None:
        if self.end_ms is not None and self.end_ms <= self.start_ms:
            raise UnusableView(f"a view from {self.start_ms} to {self.end_ms} ms has no length")
        for codec in self.codecs:
            if codec not in CODECS:
                raise UnusableView(f"{codec!r} is none of the codecs {', '.join(sorted(CODECS))}")
        for language in self.audio:
            if not _LANGUAGE.fullmatch(language):
                raise UnusableView(f"{language[:80]!r} is no language tag")
        for names in (self.codecs, self.audio):
            if list(names) != sorted(set(names)):
                raise UnusableView(f"{', '.join(names)} do not rise")
        if self.only_pictures and self.spelling != f"{MARK}p":
            raise UnusableView("a view of pictures alone has nothing else to say")
        if not _VIEW.fullmatch(self.spelling) or len(self.spelling) > LONGEST_ADDRESS - 24:
            raise UnusableView("the view says more than a URL can hold")

    @property
    def is_whole(self) -> bool:
        """Whether it leaves nothing out."""
        return self == WHOLE

    @property
    def has_range(self) -> bool:
        """Whether it is of a part of the time alone."""
        return self.start_ms > 0 or self.end_ms is not None

    @property
    def spelling(self) -> str:
        """What stands behind the playback id, with the mark; empty for the whole."""
        parts: list[str] = []
        if self.start_ms:
            parts.append(f"b{self.start_ms}")
        if self.end_ms is not None:
            parts.append(f"e{self.end_ms}")
        if self.max_height is not None:
            parts.append(f"h{self.max_height}")
        parts += [f"c{codec.replace('-', '_')}" for codec in self.codecs]
        parts += [f"a{language.replace('-', '_')}" for language in self.audio]
        if self.hdr is not None:
            parts.append(f"d{int(self.hdr)}")
        if self.only_pictures:
            parts.append("p")
        return "".join(f"{MARK}{part}" for part in parts)

    def shows_picture(self, codec: str, width: int, height: int, *, is_hdr: bool) -> bool:
        """Whether a picture of that codec (RFC 6381) and size in pixels is within it."""
        if self.max_height is not None and min(width, height) > self.max_height:
            return False
        return self._names(codec, TrackKind.VIDEO) and self.hdr in {None, is_hdr}

    def sounds(self, codec: str, language: str) -> bool:
        """Whether a sound of that codec, in that language (a BCP 47 tag), is within it."""
        tag = language.lower()
        spoken = not self.audio or any(
            tag == wanted or tag.startswith(f"{wanted}-") for wanted in self.audio
        )
        return spoken and self._names(codec, TrackKind.AUDIO)

    def _names(self, codec: str, kind: TrackKind) -> bool:
        named = {each for each in self.codecs if CODECS[each] is kind}
        return not named or codec_name(codec) in named


WHOLE: Final = View()
PICTURES: Final = View(only_pictures=True)


def codec_name(codec: str) -> str:
    """What an RFC 6381 string begins with, in lower case.

    >>> codec_name("avc1.64001f")
    'avc1'
    """
    return codec.partition(".")[0].lower()


def rising(names: Iterable[str]) -> tuple[str, ...]:
    """Names as a view wants them."""
    return tuple(sorted({name.lower() for name in names}))


def address(playback_id: str, view: View) -> str:
    """The path element under which a video is seen through a view."""
    return playback_id + view.spelling


def read_address(text: str) -> tuple[str, View]:
    """Take such a path element apart: the playback id, and the view. Raises `UnknownView`.

    >>> read_address("s_0d3k-h720")[1].max_height
    720
    """
    playback_id, mark, _ = text.partition(MARK)
    if not mark:
        return text, WHOLE
    rest = text[len(playback_id) :]
    found = _VIEW.fullmatch(rest) if len(text) <= LONGEST_ADDRESS else None
    if found is None:
        raise UnknownView(f"{text[:160]!r} is no playback id with a view behind it")
    try:
        view = View(
            start_ms=int(found["start"] or 0),
            end_ms=_number(found["end"]),
            max_height=_number(found["height"]),
            codecs=_names(found["codecs"], "-c"),
            audio=_names(found["audio"], "-a"),
            hdr=None if found["hdr"] is None else found["hdr"] == "1",
            only_pictures=found["pictures"] is not None,
        )
    except UnusableView as fault:
        raise UnknownView(f"{text!r}: {fault.message}") from fault
    if view.spelling != rest:
        raise UnknownView(f"{text!r} is not how that view is spelled")
    return playback_id, view


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _names(text: str, mark: str) -> tuple[str, ...]:
    return tuple(name.replace("_", "-") for name in text.split(mark)[1:])
