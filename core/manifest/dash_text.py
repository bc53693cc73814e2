"""Text in the DASH MPD: one whole file of WebVTT for each, and captions inside of pictures."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement

from core.manifest.dash_roles import accessibility, role
from core.manifest.names import printable
from core.manifest.text import TextChoice, closed_captions, text_choices
from core.manifest.urls import WHOLE_TEXT, excerpt_text, rendition_folder
from core.media.presentation import Presentation
from core.media.roles import TrackRole

CEA_608 = "urn:scte:dash:cc:cea-608:2015"
CEA_708 = "urn:scte:dash:cc:cea-708:2015"


def text_sets(presentation: Presentation) -> Iterator[Element]:
    """Give an AdaptationSet for each text rendition (ISO/IEC 23009-1 §5.3.3)."""
    for choice in text_choices(presentation):
        yield _text_set(choice)


def caption_elements(presentation: Presentation) -> Iterator[Element]:
    """Say which caption channels the pictures have (ANSI/SCTE 214-1 §7.2); languages unknown."""
    channels = closed_captions(presentation)
    lines = [channel for channel in channels if channel.startswith("CC")]
    services = [channel.removeprefix("SERVICE") for channel in channels if channel not in lines]
    if lines:
        value = ";".join(f"{channel}=und" for channel in lines)
        yield Element("Accessibility", {"schemeIdUri": CEA_608, "value": value})
    if services:
        value = ";".join(f"{number}=lang:und" for number in services)
        yield Element("Accessibility", {"schemeIdUri": CEA_708, "value": value})


def _text_set(choice: TextChoice) -> Element:
    rendition, traits = choice.rendition, choice.traits
    adaptation_set = Element(
        "AdaptationSet", {"id": "", "contentType": "text", "mimeType": "text/vtt"}
    )
    if choice.language is not None:
        adaptation_set.set("lang", choice.language)
    SubElement(adaptation_set, "Label").text = printable(choice.name)
    adaptation_set.extend(accessibility(traits.roles))
    adaptation_set.append(role(_kind(traits.roles)))
    if choice.is_default:
        adaptation_set.append(role("main"))
    if TrackRole.COMMENTARY in traits.roles:
        adaptation_set.append(role("commentary"))
    representation = SubElement(
        adaptation_set,
        "Representation",
        {"id": f"{rendition.kind}-{rendition.name}", "bandwidth": str(rendition.bandwidth)},
    )
    name = WHOLE_TEXT
    if rendition.window is not None:
        name = excerpt_text(rendition.first, rendition.first + len(rendition.spans))
    SubElement(representation, "BaseURL").text = f"{rendition_folder(rendition)}/{name}"
    return adaptation_set


def _kind(roles: frozenset[TrackRole]) -> str:
    """Give the role that tells kinds of text apart (§5.8.5.5)."""
    if TrackRole.FORCED in roles:
        return "forced-subtitle"
    return "caption" if TrackRole.CAPTIONS in roles else "subtitle"
