"""The text a player may choose from, in the terms that HLS and DASH both speak of."""

from dataclasses import dataclass

from core.manifest.names import choice_name, unlike
from core.media.language import UNDETERMINED, language_tag
from core.media.presentation import Presentation, Rendition, TextTraits, VideoTraits
from core.media.roles import TrackRole


@dataclass(frozen=True, slots=True)
class TextChoice:
    """One text rendition under the name a viewer sees; names differ."""

    rendition: Rendition
    traits: TextTraits
    name: str
    is_default: bool

    @property
    def language(self) -> str | None:
        """The BCP 47 tag, absent when the language is unknown."""
        tag = language_tag(self.traits.language)
        return None if tag == UNDETERMINED else tag

    @property
    def is_forced(self) -> bool:
        """Whether it is for those as well who understand the sound."""
        return TrackRole.FORCED in self.traits.roles


def text_choices(presentation: Presentation) -> tuple[TextChoice, ...]:
    """Give the text renditions in their order; one of them at most is the default."""
    choices: list[TextChoice] = []
    taken: set[str] = set()
    has_default = False
    for rendition in presentation.text:
        traits = rendition.traits
        if not isinstance(traits, TextTraits):
            raise TypeError(f"rendition {rendition.name} has no text traits")
        name = choice_name(traits.label, traits.language, traits.roles, "Subtitles")
        name = unlike(name, taken)
        taken.add(name)
        is_default = traits.default and not has_default
        has_default |= is_default
        choices.append(TextChoice(rendition, traits, name, is_default))
    return tuple(choices)


def closed_captions(presentation: Presentation) -> tuple[str, ...]:
    """Give the caption channels that every picture has: a player may switch at any time."""
    found = [
        each.traits.closed_captions
        for each in presentation.video
        if isinstance(each.traits, VideoTraits)
    ]
    if not found:
        return ()
    shared = set(found[0]).intersection(*found[1:])
    return tuple(channel for channel in found[0] if channel in shared)
