"""Several presentations one after the other: which renditions of the parts continue each other.

The parts were encoded apart, so their renditions differ in number, size and name. A line is one
choice of a viewer through all parts: for a picture a codec and a height, for a sound a codec and a
language, for a text its name, which is language and purpose. A line has the name of what was
chosen, not of a build: rungs that join a part later make lines better and never take one away. It
is what a media playlist of the whole is made of, and a rendition of it stands in the multivariant
playlist.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from core.errors import InputFault
from core.manifest.urls import rendition_folder
from core.media.iframes import IFrames
from core.media.language import UNDETERMINED, language_tag
from core.media.presentation import (
    AudioTraits,
    Presentation,
    Rendition,
    TextTraits,
    TrackKind,
    VideoTraits,
)
from core.media.ticks import MICROSECONDS
from core.media.view import codec_name

DEFAULT_SOUND = "main"


class Encoded(Protocol):
    """What has a codec, as RFC 6381 names it."""

    @property
    def codec(self) -> str: ...  # noqa: D102 - as it says


Traits = VideoTraits | AudioTraits | TextTraits


class UnlikeParts(InputFault):
    """The parts cannot be played one after the other: there is no codec that all of them have."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "edit.unlike_parts"


@dataclass(frozen=True, slots=True)
class Line:
    """One choice through all parts; None where a part is so short that it has no segment of it."""

    kind: TrackKind
    name: str
    renditions: tuple[Rendition | None, ...]

    @property
    def builds(self) -> tuple[str, ...]:
        """What tells it from other lines: where the segments of its parts lie."""
        return (self.kind, *(rendition_folder(each) if each else "" for each in self.renditions))


def lines(parts: Sequence[Presentation]) -> tuple[Line, ...]:
    """Give every line that a request may name; several may consist of the same renditions."""
    pictures = [part.video for part in parts]
    sounds = [part.audio for part in parts]
    return (
        *(line for family in common_codecs(pictures) for line in _picture_lines(pictures, family)),
        *(line for family in common_codecs(sounds) for line in _sound_lines(sounds, family)),
        *_text_lines([part.text for part in parts]),
    )


def common_codecs(parts: Iterable[Sequence[Encoded]]) -> list[str]:
    """Give the codecs (`avc1`) of which every part that has anything has some, in their order."""
    filled = [[codec_name(each.codec) for each in part] for part in parts if part]
    if not filled:
        return []
    first, *others = filled
    return [name for name in dict.fromkeys(first) if all(name in other for other in others)]


def go_together(parts: Iterable[Sequence[Encoded]]) -> bool:
    """Whether there is a codec that all parts have which have anything of a kind, if any has."""
    there = list(parts)
    return not any(there) or bool(common_codecs(there))


def _check_alike(parts: Sequence[Presentation]) -> None:
    for word, renditions in (
        ("picture", [part.video for part in parts]),
        ("sound", [part.audio for part in parts]),
    ):
        if not go_together(renditions):
            names = " and ".join(sorted({part.playback_id for part in parts}))
            raise UnlikeParts(f"the parts of {names} have no codec of the {word} in common")


def alike(parts: Sequence[Presentation]) -> tuple[Presentation, ...]:
    """Give the parts with those renditions alone whose codec all of them have.

    Raises `UnlikeParts` where that leaves nothing of the pictures or of the sound.
    """
    pictures = common_codecs(part.video for part in parts)
    sounds = common_codecs(part.audio for part in parts)
    _check_alike(parts)
    return tuple(
        replace(
            part,
            video=tuple(each for each in part.video if codec_name(each.codec) in pictures),
            audio=tuple(each for each in part.audio if codec_name(each.codec) in sounds),
        )
        for part in parts
    )


def joined(playback_id: str, parts: Sequence[Presentation]) -> Presentation:
    """Give the presentation that a multivariant playlist lists: a rendition for each line.

    Raises `UnlikeParts` where there is no line of pictures, or of sound, although there are some.
    """
    _check_alike(parts)
    listed: dict[tuple[str, ...], Line] = {}
    for line in lines(parts):
        listed.setdefault(line.builds, line)
    video = tuple(
        _rendition(line, parts) for line in listed.values() if line.kind is TrackKind.VIDEO
    )
    audio = tuple(
        _rendition(line, parts) for line in listed.values() if line.kind is TrackKind.AUDIO
    )
    text = tuple(_text_rendition(line) for line in listed.values() if line.kind is TrackKind.TEXT)
    before_us = sum(part.length_us for part in parts[:-1])
    return Presentation(
        playback_id=playback_id,
        video=video,
        audio=audio,
        duration_ms=before_us // 1000 + parts[-1].duration_ms,
        text=text,
        start_us=parts[0].start_us,
        length_us=before_us + parts[-1].length_us,
        exact_us=before_us + parts[-1].end_us,
        part_keys=tuple(use for part in parts for use in part.key_uses),
    )


def _picture_lines(parts: Sequence[Sequence[Rendition]], family: str) -> list[Line]:
    members = [_of_family(part, family) for part in parts]
    heights = sorted({_height(each) for part in members for each in part})
    return [
        Line(
            TrackKind.VIDEO,
            f"{family}-{height}",
            tuple(_nearest(part, height) for part in members),
        )
        for height in heights
    ]


def _nearest(part: Sequence[Rendition], height: int) -> Rendition | None:
    """Give the largest that is no higher, or the smallest."""
    within = [each for each in part if _height(each) <= height]
    if within:
        return max(within, key=_height)
    return min(part, key=_height, default=None)


def _sound_lines(parts: Sequence[Sequence[Rendition]], family: str) -> list[Line]:
    """Give a line for each language that all parts have, before it that of every part's own first.

    The own first is left out where it is the same language in all parts.
    """
    members = [_of_family(part, family) for part in parts]
    filled = [part for part in members if part]
    spoken = [[_language(each) for each in part] for part in filled]
    common = [tag for tag in dict.fromkeys(spoken[0]) if all(tag in other for other in spoken)]
    firsts = {_language(_default(part)) for part in filled}
    found = [
        Line(
            TrackKind.AUDIO,
            f"{family}-{tag}",
            tuple(_default(_speaking(part, tag)) if part else None for part in members),
        )
        for tag in common
    ]
    if len(firsts) == 1 and firsts <= set(common):
        (first,) = firsts
        found.sort(key=lambda line: line.name != f"{family}-{first}")
        return found
    own = tuple(_default(part) if part else None for part in members)
    return [Line(TrackKind.AUDIO, f"{family}-{DEFAULT_SOUND}", own), *found]


def _text_lines(parts: Sequence[Sequence[Rendition]]) -> list[Line]:
    """Give a line for each text that any part has: where others lack it nothing is said."""
    names = dict.fromkeys(each.name for part in parts for each in part)
    return [
        Line(
            TrackKind.TEXT,
            name,
            tuple(next((each for each in part if each.name == name), None) for part in parts),
        )
        for name in names
    ]


def _text_rendition(line: Line) -> Rendition:
    """Give what stands for a line of text."""
    there = [each for each in line.renditions if each is not None]
    return replace(
        there[0],
        build_hash="",
        timescale=MICROSECONDS,
        spans=(),
        bandwidth=max(each.bandwidth for each in there),
        average_bandwidth=max(each.average_bandwidth for each in there),
        window=None,
    )


def _rendition(line: Line, parts: Sequence[Presentation]) -> Rendition:
    """Give what stands for a line: the largest of its renditions, with the rates of all."""
    there = [
        (each, part) for each, part in zip(line.renditions, parts, strict=True) if each is not None
    ]
    largest = max((each for each, _ in there), key=_demand)
    rates = [(each.average_bandwidth, part.length_us) for each, part in there]
    winding = [(each.iframes, part.length_us) for each, part in there if each.iframes is not None]
    return replace(
        largest,
        name=line.name,
        build_hash="",
        timescale=MICROSECONDS,
        spans=(),
        bandwidth=max(each.bandwidth for each, _ in there),
        average_bandwidth=_mean(rates),
        traits=_traits(line, largest),
        layout=None,
        iframes=_iframes(winding) if winding else None,
        window=None,
        home="",
        protection=None,
    )


def _iframes(winding: Sequence[tuple[IFrames, int]]) -> IFrames:
    """Give what stands for the I-frames of a line: their bit rates, and no pictures."""
    return IFrames(
        samples=(),
        bounds=(),
        peak_bandwidth=max(shown.peak_bandwidth for shown, _ in winding),
        average_bandwidth=_mean((shown.average_bandwidth, each) for shown, each in winding),
    )


def _mean(rates: Iterable[tuple[int, int]]) -> int:
    """Give the bit rate of parts of these rates, each so long; rounded up."""
    bits = length = 0
    for rate, lasts in rates:
        bits, length = bits + rate * lasts, length + lasts
    return -(-bits // max(1, length))


def _traits(line: Line, largest: Rendition) -> Traits:
    traits = largest.traits
    if not isinstance(traits, AudioTraits):
        return traits
    is_own = line.name.endswith(f"-{DEFAULT_SOUND}")
    first = next(each for each in line.renditions if each is not None)
    return replace(
        traits,
        language=UNDETERMINED if is_own else _language(first),
        label="" if is_own else traits.label,
        default=is_own or traits.default,
    )


def _of_family(part: Sequence[Rendition], family: str) -> list[Rendition]:
    return [each for each in part if codec_name(each.codec) == family]


def _speaking(part: Sequence[Rendition], tag: str) -> list[Rendition]:
    return [each for each in part if _language(each) == tag]


def _default(part: Sequence[Rendition]) -> Rendition:
    marked = [each for each in part if isinstance(each.traits, AudioTraits) and each.traits.default]
    return (marked or list(part))[0]


def _language(rendition: Rendition) -> str:
    assert isinstance(rendition.traits, AudioTraits)
    return language_tag(rendition.traits.language)


def _height(rendition: Rendition) -> int:
    assert isinstance(rendition.traits, VideoTraits)
    return rendition.traits.height


def _demand(rendition: Rendition) -> tuple[int, str]:
    """Order by what a decoder needs: the picture's size or the channels, then profile and level."""
    traits = rendition.traits
    if isinstance(traits, AudioTraits):
        return traits.channels, rendition.codec
    assert isinstance(traits, VideoTraits)  # text is in no line
    return traits.width * traits.height, rendition.codec
