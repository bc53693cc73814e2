"""The SegmentTimeline of an MPD (ISO/IEC 23009-1 §5.3.9.6)."""

from collections.abc import Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement

from core.media.timeline import Span


def segment_timeline(spans: Sequence[Span]) -> Element:
    """Give when segments that tile a track begin, and how long they last, in its ticks."""
    timeline = Element("SegmentTimeline")
    for duration, run in groupby(spans, key=lambda span: span.duration):
        first, *others = run
        segments = SubElement(timeline, "S")
        if first is spans[0]:
            segments.set("t", str(first.start))
        segments.set("d", str(duration))
        if others:
            segments.set("r", str(len(others)))
    return timeline
