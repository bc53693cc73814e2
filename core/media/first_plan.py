"""Where a presentation is cut when its first tracks are published together."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from core.errors import InputFault
from core.media.presentation import TrackKind
from core.media.ticks import Ticks, rescale
from core.media.timeline import CutPlan, Span, cut_plan, even_plan, plan_segments
from native import TrackIndex

MOST_TARGETS = 3
"""A segment that common key pictures make longer than so many targets, and 12 s, is refused."""
LONGEST_SEGMENT_S = 12
LARGEST_END_DIFFERENCE_S = 0.2


class UnfitRenditions(InputFault):
    """Pictures that are to be renditions of one presentation do not fit together."""

    status = 422
    code = "media.unfit_renditions"


def first_plan(tracks: Sequence[tuple[TrackKind, TrackIndex]], segment_s: float) -> CutPlan:
    """Cut at the key pictures that all pictures have in common; evenly where there is none.

    Raises `UnfitRenditions` for pictures that end at different times, or that have too few key
    pictures at the same times to be cut at.
    """
    videos = [index for kind, index in tracks if kind is TrackKind.VIDEO]
    # The finest clock: its times can be told in every other one's ticks.
    reference = max(videos or [index for _, index in tracks], key=lambda index: index.timescale)
    target = Ticks(round(segment_s * reference.timescale))
    end = _end(reference)
    if not videos:
        return cut_plan(even_plan(end, target), reference.timescale)
    for other in videos:
        _check_end(reference, other)
    spans = plan_segments(_common(reference, videos), end, target)
    if len(videos) > 1:
        _check_lengths(spans, max(MOST_TARGETS * segment_s, LONGEST_SEGMENT_S), reference.timescale)
    return cut_plan(spans, reference.timescale)


def _common(reference: TrackIndex, videos: Iterable[TrackIndex]) -> list[Ticks]:
    """Give the presentation times at which every track has a sync sample, on one clock."""
    times = _sync_times(reference)
    for other in videos:
        if other is not reference:
            known = set(_sync_times(other))
            times = [
                time
                for time in times
                if rescale(time, reference.timescale, other.timescale) in known
            ]
    return times


def _sync_times(index: TrackIndex) -> list[Ticks]:
    return [Ticks(time) for _, time in index.sync_times()]


def _end(index: TrackIndex) -> Ticks:
    return Ticks(index.base_time + index.duration - index.priming)


def _check_end(reference: TrackIndex, other: TrackIndex) -> None:
    ends_s = [_end(index) / index.timescale for index in (reference, other)]
    if abs(ends_s[0] - ends_s[1]) > LARGEST_END_DIFFERENCE_S:
        raise UnfitRenditions(
            f"one picture lasts {min(ends_s):.2f} s and another {max(ends_s):.2f} s, so they are "
            "not renditions of the same film"
        )


def _check_lengths(spans: Sequence[Span], longest_s: float, timescale: int) -> None:
    bounds = [0, *(span.start for span in spans), *(span.end for span in spans[-1:])]
    for start, stop in pairwise(bounds):
        if stop - start > longest_s * timescale:
            raise UnfitRenditions(
                f"between {start / timescale:.2f} s and {stop / timescale:.2f} s the pictures have "
                "no key picture at the same time, so a player could not switch between them"
            )
    if not spans:
        raise UnfitRenditions("the pictures have no key picture at the same time")
