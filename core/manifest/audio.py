"""The audio a player may choose from, in the groups that HLS and DASH both speak of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from core.manifest.names import choice_name, unlike
from core.media.compatibility import plays_everywhere
from core.media.language import UNDETERMINED, language_tag
from core.media.presentation import AudioTraits, Rendition


@dataclass(frozen=True, slots=True)
class AudioChoice:
    """One audio rendition under the name a viewer sees; names within a group differ."""

    rendition: Rendition
    traits: AudioTraits
    name: str
    is_default: bool

    @property
    def language(self) -> str | None:
        """The BCP 47 tag, absent when the language is unknown."""
        tag = language_tag(self.traits.language)
        return None if tag == UNDETERMINED else tag


@dataclass(frozen=True, slots=True)
class AudioGroup:
    """The audio renditions of one codec: whichever is played, the same decoder plays it."""

    codec: str
    choices: tuple[AudioChoice, ...]

    @property
    def codecs(self) -> tuple[str, ...]:
        """The codecs of its choices, that of the group first."""
        return tuple(dict.fromkeys((self.codec, *(each.rendition.codec for each in self.choices))))

    @property
    def default(self) -> AudioChoice:
        """The choice that plays when the viewer chose nothing."""
        return next(choice for choice in self.choices if choice.is_default)

    @property
    def peak_bandwidth(self) -> int:
        """The largest peak of any choice, bit/s."""
        return max(choice.rendition.bandwidth for choice in self.choices)

    @property
    def average_bandwidth(self) -> int:
        """The largest mean of any choice, bit/s."""
        return max(choice.rendition.average_bandwidth for choice in self.choices)


def audio_groups(renditions: Iterable[Rendition]) -> tuple[AudioGroup, ...]:
    """Group audio renditions by codec, in the order given; each group has one default."""
    by_codec: dict[str, list[tuple[Rendition, AudioTraits]]] = {}
    for rendition in renditions:
        if not isinstance(rendition.traits, AudioTraits):
            raise TypeError(f"rendition {rendition.name} has no audio traits")
        by_codec.setdefault(rendition.codec, []).append((rendition, rendition.traits))
    return tuple(AudioGroup(codec, _choices(members)) for codec, members in by_codec.items())


def filled(groups: Sequence[AudioGroup]) -> tuple[AudioGroup, ...]:
    """Give every group what it lacks, so that each offers all content (RFC 8216bis §4.4.6.1.1).

    What a group lacks comes from the one that plays everywhere, or from the first that has it.
    """
    usual = sorted(groups, key=lambda group: not plays_everywhere(group.choices[0].rendition))
    return tuple(_filled(group, usual) for group in groups)


def _filled(group: AudioGroup, others: Sequence[AudioGroup]) -> AudioGroup:
    choices = list(group.choices)
    known = {_content(choice) for choice in choices}
    taken = {choice.name for choice in choices}
    for choice in (each for other in others for each in other.choices):
        if _content(choice) not in known:
            known.add(_content(choice))
            name = unlike(choice.name, taken)
            taken.add(name)
            choices.append(replace(choice, name=name, is_default=False))
    return replace(group, choices=tuple(choices))


def _content(choice: AudioChoice) -> tuple[object, ...]:
    return choice.traits.language, choice.traits.label, choice.traits.roles


def _choices(members: list[tuple[Rendition, AudioTraits]]) -> tuple[AudioChoice, ...]:
    marked = [number for number, (_, traits) in enumerate(members) if traits.default]
    default = marked[0] if marked else 0
    choices: list[AudioChoice] = []
    taken: set[str] = set()
    for number, (rendition, traits) in enumerate(members):
        name = _distinct(traits, taken)
        taken.add(name)
        choices.append(AudioChoice(rendition, traits, name, number == default))
    return tuple(choices)


def _distinct(traits: AudioTraits, taken: set[str]) -> str:
    """Name a choice; by channels too, or a number, if the name is taken."""
    name = choice_name(traits.label, traits.language, traits.roles, "Audio")
    if name in taken:
        name = f"{name} ({_CHANNEL_NAMES.get(traits.channels, f'{traits.channels} ch')})"
    return unlike(name, taken)


_CHANNEL_NAMES = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
