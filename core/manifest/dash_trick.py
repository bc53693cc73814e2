"""Trick mode in DASH: sets of I-frames, by which players wind (DASH-IF IOP, trick mode).

A template names every I-frame in the live profile; in the on-demand profile one file has them all.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from core.manifest.dash_file import indexed_file
from core.manifest.dash_protection import content_protection
from core.manifest.dash_timeline import segment_timeline
from core.manifest.urls import IFRAME_FILE, INIT_SEGMENT, iframe_segment, rendition_folder
from core.media.iframes import IFrames
from core.media.presentation import Rendition, VideoTraits

TRICK_MODE: Final = "http://dashif.org/guidelines/trickmode"
USUAL_RATE: Final = Fraction(25)
LARGEST_DENOMINATOR: Final = 1001


def trick_set(
    members: Sequence[tuple[Rendition, VideoTraits]], main_id: str, *, in_files: bool = False
) -> Element | None:
    """Give the I-frames of one AdaptationSet's renditions; None where none has any.

    `main_id` is the id of that AdaptationSet. Players that know nothing of trick mode pass this one
    over (ISO/IEC 23009-1 §5.8.4.8). With `in_files` each rendition's are in one file.
    """
    winding = [
        (each, each.iframes, traits)
        for each, traits in members
        if each.iframes is not None and _is_addressed(each, each.iframes, in_files=in_files)
    ]
    if not winding:
        return None
    units = "subsegment" if in_files else "segment"
    adaptation_set = Element(
        "AdaptationSet",
        {
            "id": "",
            "contentType": "video",
            "mimeType": "video/mp4",
            f"{units}Alignment": "true",
            "subsegmentStartsWithSAP" if in_files else "startWithSAP": "1",
            "codingDependency": "false",
        },
    )
    adaptation_set.extend(content_protection(each for each, _, _ in winding))
    SubElement(adaptation_set, "EssentialProperty", schemeIdUri=TRICK_MODE, value=main_id)
    for rendition, shown, traits in winding:
        representation = _representation(rendition, shown, traits)
        representation.extend(_one_file(rendition) if in_files else _templates(rendition, shown))
        adaptation_set.append(representation)
    return adaptation_set


def _is_addressed(rendition: Rendition, shown: IFrames, *, in_files: bool) -> bool:
    """Whether there is an address of the kind that is wanted: a template can name no ranges."""
    return rendition.iframe_file is not None if in_files else not shown.ranges


def _representation(rendition: Rendition, shown: IFrames, traits: VideoTraits) -> Element:
    """Give one rendition's I-frames.

    A decoder that keeps up with the whole film keeps up with its I-frames at `maxPlayoutRate`: so
    much faster as there are less of them.
    """
    rate = Fraction(rendition.timescale * len(shown), shown.bounds[-1] - shown.bounds[0])
    return Element(
        "Representation",
        {
            "id": f"{rendition.kind}-{rendition.name}-iframes",
            "codecs": rendition.codec,
            "bandwidth": str(shown.peak_bandwidth),
            "width": str(traits.width),
            "height": str(traits.height),
            "sar": "1:1",
            "frameRate": _frame_rate(rate),
            "maxPlayoutRate": str(max(1, int((traits.frame_rate or USUAL_RATE) / rate))),
        },
    )


def _templates(rendition: Rendition, shown: IFrames) -> Sequence[Element]:
    folder = rendition_folder(rendition)
    template = Element(
        "SegmentTemplate",
        {
            "timescale": str(rendition.timescale),
            "presentationTimeOffset": str(rendition.origin),
            "startNumber": str(shown.first),
            "initialization": f"{folder}/{INIT_SEGMENT}",
            "media": f"{folder}/{iframe_segment('$Number$')}",
        },
    )
    template.append(segment_timeline(shown.spans))
    return (template,)


def _one_file(rendition: Rendition) -> Sequence[Element]:
    assert rendition.iframe_file is not None  # others were left out
    address = f"{rendition_folder(rendition)}/{IFRAME_FILE}"
    return indexed_file(address, rendition.iframe_file, rendition.timescale)


def _frame_rate(rate: Fraction) -> str:
    """Give a mean rate as the schema's FrameRateType has it, never 0."""
    near = rate.limit_denominator(LARGEST_DENOMINATOR)
    return str(max(near, Fraction(1, LARGEST_DENOMINATOR)))
