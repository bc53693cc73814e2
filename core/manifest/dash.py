"""The DASH MPD (ISO/IEC 23009-1) of a presentation on demand, over CMAF tracks, in two profiles.

The live profile names every segment by a template; the on-demand profile names one file for each
Representation, whose `sidx` says the rest.

Times in a SegmentTimeline are presentation times with the track's edit applied, and
`presentationTimeOffset` is 0. The edit of a primed audio track stands in its init segment, where
every player's demuxer applies it; an offset in the MPD would apply it a second time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from core.manifest.audio import AudioChoice, audio_groups
from core.manifest.dash_images import thumbnail_set
from core.manifest.dash_protection import content_protection
from core.manifest.dash_roles import accessibility, audio_roles, printable, role
from core.manifest.dash_text import caption_elements, text_sets
from core.manifest.dash_timeline import segment_timeline
from core.manifest.dash_traits import channel_configuration, colour_properties, object_property
from core.manifest.dash_trick import trick_set
from core.manifest.urls import INIT_SEGMENT, TRACK_FILE, media_segment, rendition_folder
from core.media.presentation import AudioTraits, Presentation, Rendition, VideoTraits

NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
OPEN_GROUPS = "3"
"""SAP type where pictures may lean on the segment before (ISO/IEC 14496-12 annex I)."""


@dataclass(frozen=True, slots=True)
class _Profile:
    """What tells the profiles apart: their names, two attributes, and how segments are named."""

    names: str
    aligned: str
    starts_with_sap: str
    address: Callable[[Rendition], Sequence[Element]]


def mpd(presentation: Presentation) -> str:
    """Give the static MPD: one AdaptationSet for each kind, codec, language and channel count.

    Raises `ValueError` when there is neither video nor audio.
    """
    return _document(presentation, _LIVE)


def on_demand_mpd(presentation: Presentation) -> str:
    """Give the same MPD in the on-demand profile, of those renditions that have one file.

    Raises `ValueError` when there is none.
    """
    return _document(
        replace(
            presentation,
            video=tuple(each for each in presentation.video if each.layout is not None),
            audio=tuple(each for each in presentation.audio if each.layout is not None),
        ),
        _ON_DEMAND,
    )


def _document(presentation: Presentation, profile: _Profile) -> str:
    if not presentation.video and not presentation.audio:
        raise ValueError(f"presentation {presentation.playback_id} has neither video nor audio")
    root = Element(
        "MPD",
        {
            "xmlns": NAMESPACE,
            "profiles": profile.names,
            "type": "static",
            "mediaPresentationDuration": _duration(presentation.duration_ms),
            "minBufferTime": _duration(_longest_segment_ms(presentation)),
        },
    )
    period = SubElement(root, "Period", {"id": "0", "start": "PT0S"})
    period.extend(_video_sets(presentation.video, profile))
    captions = list(caption_elements(presentation))
    for video_set in period:
        place = next(at for at, child in enumerate(video_set) if child.tag == "Role")
        video_set[place:place] = captions  # as the schema has it
    period.extend(_audio_sets(presentation.audio, profile))
    period.extend(text_sets(presentation))
    if profile is _LIVE:  # the other one knows no segments but those of an index
        period.extend(_trick_sets(presentation.video))
        if presentation.storyboard is not None:
            period.append(thumbnail_set(presentation.storyboard))
    for number, adaptation_set in enumerate(period):
        adaptation_set.set("id", str(number))
    indent(root)
    text = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _video_sets(renditions: Sequence[Rendition], profile: _Profile) -> Iterator[Element]:
    for members in _families(renditions):
        yield _video_set(members, profile)


def _trick_sets(renditions: Sequence[Rendition]) -> Iterator[Element]:
    """Give the I-frames of each set of pictures; those come first, so their place is their id."""
    for number, members in enumerate(_families(renditions)):
        winding = trick_set(members, str(number))
        if winding is not None:
            yield winding


def _families(
    renditions: Sequence[Rendition],
) -> Iterable[Sequence[tuple[Rendition, VideoTraits]]]:
    """Give the pictures that one decoder plays, together."""
    families: dict[tuple[str, str], list[tuple[Rendition, VideoTraits]]] = {}
    for rendition in renditions:
        if not isinstance(rendition.traits, VideoTraits):
            raise TypeError(f"rendition {rendition.name} has no video traits")
        family = rendition.codec.partition(".")[0], rendition.traits.video_range
        families.setdefault(family, []).append((rendition, rendition.traits))
    return families.values()


def _video_set(members: Sequence[tuple[Rendition, VideoTraits]], profile: _Profile) -> Element:
    adaptation_set = _adaptation_set("video", profile, [role("main")])
    for place, told in enumerate(colour_properties(members[0][1])):
        adaptation_set.insert(place, told)  # before Role, as the schema has it
    if not all(rendition.independent for rendition, _ in members):
        adaptation_set.set(profile.starts_with_sap, OPEN_GROUPS)
    adaptation_set.set("maxWidth", str(max(traits.width for _, traits in members)))
    adaptation_set.set("maxHeight", str(max(traits.height for _, traits in members)))
    rates = [traits.frame_rate for _, traits in members if traits.frame_rate is not None]
    if rates:
        adaptation_set.set("maxFrameRate", str(max(rates)))
    for rendition, traits in members:
        representation = _representation(rendition)
        representation.set("width", str(traits.width))
        representation.set("height", str(traits.height))
        representation.set("sar", "1:1")
        if traits.frame_rate is not None:
            representation.set("frameRate", str(traits.frame_rate))
        representation.extend(profile.address(rendition))
        adaptation_set.append(representation)
    adaptation_set[0:0] = content_protection(rendition for rendition, _ in members)
    return adaptation_set


def _audio_sets(renditions: Iterable[Rendition], profile: _Profile) -> Iterator[Element]:
    sets: dict[tuple[object, ...], list[AudioChoice]] = {}
    for group in audio_groups(renditions):
        for choice in group.choices:
            traits = choice.traits
            key = (group.codec, choice.language, traits.label, traits.channels, traits.roles)
            sets.setdefault(key, []).append(choice)
    for choices in sets.values():
        yield _audio_set(choices, profile)


def _audio_set(choices: Sequence[AudioChoice], profile: _Profile) -> Element:
    language, traits = choices[0].language, choices[0].traits
    adaptation_set = _adaptation_set(
        "audio",
        profile,
        _audio_purpose(traits, is_main=any(choice.is_default for choice in choices)),
        label=traits.label,
    )
    if language is not None:
        adaptation_set.set("lang", language)
    for choice in choices:
        representation = _representation(choice.rendition)
        representation.set("audioSamplingRate", str(choice.traits.sample_rate))
        representation.append(channel_configuration(choice.rendition.codec, choice.traits))
        representation.extend(object_property(choice.traits))
        representation.extend(profile.address(choice.rendition))
        adaptation_set.append(representation)
    adaptation_set[0:0] = content_protection(choice.rendition for choice in choices)
    return adaptation_set


def _audio_purpose(traits: AudioTraits, *, is_main: bool) -> list[Element]:
    return [*accessibility(traits.roles), *audio_roles(traits.roles, is_main=is_main)]


def _adaptation_set(
    content: str, profile: _Profile, purpose: Iterable[Element], *, label: str = ""
) -> Element:
    """Give an AdaptationSet whose segments begin with a sync sample (SAP type 1)."""
    adaptation_set = Element(
        "AdaptationSet",
        {
            "id": "",
            "contentType": content,
            "mimeType": f"{content}/mp4",
            profile.aligned: "true",
            profile.starts_with_sap: "1",
        },
    )
    if label:
        SubElement(adaptation_set, "Label").text = printable(label)
    adaptation_set.extend(purpose)
    return adaptation_set


def _representation(rendition: Rendition) -> Element:
    return Element(
        "Representation",
        {
            "id": f"{rendition.kind}-{rendition.name}",
            "codecs": rendition.codec,
            "bandwidth": str(rendition.bandwidth),
        },
    )


def _templates(rendition: Rendition) -> Sequence[Element]:
    """Give addresses and times of a rendition's segments (§5.3.9.4, §5.3.9.6)."""
    folder = rendition_folder(rendition)  # quoted, so no `$` can pose as an identifier
    template = Element(
        "SegmentTemplate",
        {
            "timescale": str(rendition.timescale),
            "presentationTimeOffset": "0",
            "startNumber": "0",
            "initialization": f"{folder}/{INIT_SEGMENT}",
            "media": f"{folder}/{media_segment('$Number$')}",
        },
    )
    template.append(segment_timeline(rendition.spans))
    return (template,)


def _one_file(rendition: Rendition) -> Sequence[Element]:
    """Give the address of a rendition's file and where its index lies (§5.3.9.2)."""
    layout = rendition.layout
    assert layout is not None  # others were left out
    address = Element("BaseURL")
    address.text = f"{rendition_folder(rendition)}/{TRACK_FILE}"
    base = Element(
        "SegmentBase",
        {
            "timescale": str(rendition.timescale),
            "indexRange": f"{layout.init_bytes}-{layout.head_bytes - 1}",
            "indexRangeExact": "true",
        },
    )
    SubElement(base, "Initialization", {"range": f"0-{layout.init_bytes - 1}"})
    return address, base


_CMAF = "urn:mpeg:dash:profile:cmaf:2019"
_LIVE = _Profile(
    f"urn:mpeg:dash:profile:isoff-live:2011,{_CMAF}", "segmentAlignment", "startWithSAP", _templates
)
_ON_DEMAND = _Profile(
    f"urn:mpeg:dash:profile:isoff-on-demand:2011,{_CMAF}",
    "subsegmentAlignment",
    "subsegmentStartsWithSAP",
    _one_file,
)


def _scheme(name: str, scheme: str, value: str) -> Element:
    return Element(name, {"schemeIdUri": scheme, "value": value})


def _longest_segment_ms(presentation: Presentation) -> int:
    return max(
        ceil(Fraction(1000 * max(span.duration for span in rendition.spans), rendition.timescale))
        for rendition in (*presentation.video, *presentation.audio)
    )


def _duration(milliseconds: int) -> str:
    return f"PT{milliseconds // 1000}.{milliseconds % 1000:03}S"
