"""The DASH MPD (ISO/IEC 23009-1) of a presentation on demand, over CMAF tracks, in two profiles.

The live profile names every segment by a template; the on-demand profile names one file for each
Representation, whose `sidx` says the rest.

Times in a SegmentTimeline are presentation times with the track's edit applied, and
`presentationTimeOffset` is 0, or where an excerpt begins. The edit of a primed audio track stands
in its init segment, where every player's demuxer applies it; an offset in the MPD would apply it a
second time.

A presentation of several parts has a Period for each, which lasts as long as its pictures, to the
microsecond, and the last one to the exact end. Sound never ends with the pictures: players leave
out what lies behind the end of a Period. Nor does it begin with them: less than a frame of it is
missing where its film was cut, and the SegmentTimeline counts that to the first segment. For so
the DASH-IF has it: segments may reach beyond their Period, and shall cover it (restricted timing
model, §9.2.1); dash.js 5.2 takes what is not covered for a hole, and before it has played anything
goes to the end of the hole, which may be that of the second Period. Periods of the same builds are
connected (§5.3.2.4): a player may go from one to the next without preparing its decoder anew.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from math import ceil
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from core.manifest.audio import AudioChoice, audio_groups
from core.manifest.dash_file import indexed_file
from core.manifest.dash_images import thumbnail_set
from core.manifest.dash_protection import content_protection
from core.manifest.dash_roles import accessibility, audio_roles, role
from core.manifest.dash_text import caption_elements, text_sets
from core.manifest.dash_timeline import segment_timeline
from core.manifest.dash_traits import channel_configuration, colour_properties, object_property
from core.manifest.dash_trick import trick_set
from core.manifest.names import printable
from core.manifest.urls import INIT_SEGMENT, TRACK_FILE, media_segment, rendition_folder
from core.media.presentation import AudioTraits, Presentation, Rendition, VideoTraits
from core.media.ticks import MICROSECONDS, Ticks
from core.media.timeline import Span

NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
ASSET_SCHEME = "urn:org:dashif:asset-id:2013"
CONNECTIVITY_SCHEME = "urn:mpeg:dash:period-connectivity:2015"
OPEN_GROUPS = "3"
"""SAP type where pictures may lean on the segment before (ISO/IEC 14496-12 annex I)."""


@dataclass(frozen=True, slots=True)
class _Profile:
    """What tells the profiles apart: their names, two attributes, and how segments are named.

    `of_templates` is the name that holds for a set named by a template, where `names` do not
    (§5.3.7.2: a set may conform to some of the profiles of its MPD).
    """

    names: str
    aligned: str
    starts_with_sap: str
    address: Callable[[Rendition], Sequence[Element]]
    of_templates: str = ""


def mpd(*parts: Presentation) -> str:
    """Give the static MPD: one AdaptationSet for each kind, codec, language and channel count.

    Raises `ValueError` when there is a part with neither video nor audio.
    """
    return _document(parts, _LIVE)


def on_demand_mpd(presentation: Presentation) -> str:
    """Give the same MPD in the on-demand profile, of those renditions that have one file.

    Raises `ValueError` when there is none.
    """
    in_files = replace(
        presentation,
        video=tuple(each for each in presentation.video if each.layout is not None),
        audio=tuple(each for each in presentation.audio if each.layout is not None),
    )
    return _document((in_files,), _ON_DEMAND)


def _document(parts: Sequence[Presentation], profile: _Profile) -> str:
    for presentation in parts:
        if not presentation.video and not presentation.audio:
            raise ValueError(f"presentation {presentation.playback_id} has neither video nor audio")
    *starts, last = accumulate((part.length_us for part in parts[:-1]), initial=0)
    root = Element(
        "MPD",
        {
            "xmlns": NAMESPACE,
            "profiles": ",".join(_profiles(parts, profile)),
            "type": "static",
            "mediaPresentationDuration": _seconds(last + parts[-1].end_us),
            "minBufferTime": _seconds(1000 * max(map(_longest_segment_ms, parts))),
        },
    )
    for number, (presentation, start_us) in enumerate(zip(parts, (*starts, last), strict=True)):
        period = _period(number, presentation, start_us, profile)
        if len(parts) > 1:
            is_last = number == len(parts) - 1
            lasts_us = presentation.end_us if is_last else presentation.length_us
            period.set("duration", _seconds(lasts_us))
        if number and _same_builds(presentation, parts[number - 1]):
            _connect(period, number - 1)
        root.append(period)
    indent(root)
    text = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _profiles(parts: Sequence[Presentation], profile: _Profile) -> Iterator[str]:
    yield profile.names
    if profile.of_templates and any(part.storyboard is not None for part in parts):
        yield profile.of_templates


def _period(number: int, presentation: Presentation, start_us: int, profile: _Profile) -> Element:
    start = "PT0S" if start_us == 0 else _seconds(start_us)
    period = Element("Period", {"id": str(number), "start": start})
    if presentation.asset:
        period.append(_scheme("AssetIdentifier", ASSET_SCHEME, presentation.asset))
    sets = list(_video_sets(presentation.video, profile))
    captions = list(caption_elements(presentation))
    for video_set in sets:
        place = next(at for at, child in enumerate(video_set) if child.tag == "Role")
        video_set[place:place] = captions  # as the schema has it
    sets += _audio_sets(presentation.audio, profile)
    sets += text_sets(presentation)
    sets += _trick_sets(presentation.video, in_files=profile is _ON_DEMAND)
    if presentation.storyboard is not None:
        sets.append(thumbnail_set(presentation.storyboard, profile=profile.of_templates))
    for place, adaptation_set in enumerate(sets):
        adaptation_set.set("id", str(place))
    period.extend(sets)
    return period


def _same_builds(one: Presentation, other: Presentation) -> bool:
    return [each.build_hash for each in (*one.video, *one.audio)] == [
        each.build_hash for each in (*other.video, *other.audio)
    ]


_BEFORE_SUPPLEMENTS = {"AudioChannelConfiguration", "ContentProtection", "EssentialProperty"}


def _connect(period: Element, to: int) -> None:
    """Say that every AdaptationSet goes on with what that of the same id had in another Period."""
    for adaptation_set in period.iter("AdaptationSet"):
        place = sum(child.tag in _BEFORE_SUPPLEMENTS for child in adaptation_set)
        connection = _scheme("SupplementalProperty", CONNECTIVITY_SCHEME, str(to))
        adaptation_set.insert(place, connection)


def _video_sets(renditions: Sequence[Rendition], profile: _Profile) -> Iterator[Element]:
    for members in _families(renditions):
        yield _video_set(members, profile)


def _trick_sets(renditions: Sequence[Rendition], *, in_files: bool) -> Iterator[Element]:
    """Give the I-frames of each set of pictures; those come first, so their place is their id."""
    for number, members in enumerate(_families(renditions)):
        winding = trick_set(members, str(number), in_files=in_files)
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
            "presentationTimeOffset": str(rendition.origin),
            "startNumber": str(rendition.first),
            "initialization": f"{folder}/{INIT_SEGMENT}",
            "media": f"{folder}/{media_segment('$Number$')}",
        },
    )
    template.append(segment_timeline(_covering(rendition)))
    return (template,)


def _covering(rendition: Rendition) -> Sequence[Span]:
    """Give its segments, of which the first one covers the beginning of the Period.

    Sound is cut at its first sample at or after the cut of the pictures, where the Period begins.
    A sound of which nothing was cut off begins where it begins.
    """
    first, *others = rendition.spans
    late = first.start - rendition.origin
    if late <= 0 or rendition.first == 0:
        return rendition.spans
    return (Span(Ticks(rendition.origin), Ticks(first.duration + late)), *others)


def _one_file(rendition: Rendition) -> Sequence[Element]:
    layout = rendition.layout
    assert layout is not None  # others were left out
    return indexed_file(f"{rendition_folder(rendition)}/{TRACK_FILE}", layout, rendition.timescale)


_CMAF = "urn:mpeg:dash:profile:cmaf:2019"
_FULL = "urn:mpeg:dash:profile:full:2011"
_LIVE = _Profile(
    f"urn:mpeg:dash:profile:isoff-live:2011,{_CMAF}", "segmentAlignment", "startWithSAP", _templates
)
_ON_DEMAND = _Profile(
    f"urn:mpeg:dash:profile:isoff-on-demand:2011,{_CMAF}",
    "subsegmentAlignment",
    "subsegmentStartsWithSAP",
    _one_file,
    of_templates=_FULL,
)


def _scheme(name: str, scheme: str, value: str) -> Element:
    return Element(name, {"schemeIdUri": scheme, "value": value})


def _longest_segment_ms(presentation: Presentation) -> int:
    return max(
        ceil(Fraction(1000 * max(span.duration for span in rendition.spans), rendition.timescale))
        for rendition in (*presentation.video, *presentation.audio)
    )


def _seconds(microseconds: int) -> str:
    """Give an xs:duration, to the millisecond where it is whole ones."""
    seconds, rest = divmod(microseconds, MICROSECONDS)
    digits = f"{rest:06}"
    return f"PT{seconds}.{digits.removesuffix('000')}S"
