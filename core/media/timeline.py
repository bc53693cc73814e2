"""Where a track is cut into segments: integer ticks throughout, no floats, no clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.errors import InternalFault
from core.media.ticks import Ticks


class InvalidCutPlan(InternalFault):
    """A stored cut plan does not rise from start to end."""

    code = "media.cut_plan"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a track's timeline, in ticks of that track's timescale."""

    start: Ticks
    duration: Ticks

    @property
    def end(self) -> Ticks:
        """The first tick after the span."""
        return Ticks(self.start + self.duration)


@dataclass(frozen=True, slots=True)
class CutPlan:
    """The presentation times at which every track of a presentation is cut.

    The plan is fixed at first publication. `starts` and `end` are ticks of `timescale`, which is
    that of the reference track (the video, where there is one). Renditions that join later are
    cut at the same places, so players may switch at every boundary.
    """

    timescale: int
    starts: tuple[Ticks, ...]
    end: Ticks

    def __post_init__(self) -> None:
        if self.timescale < 1:
            raise InvalidCutPlan(f"the cut plan's timescale is {self.timescale}")
        if not self.starts:
            raise InvalidCutPlan("the cut plan has no segment")
        if self.starts[0] < 0:
            raise InvalidCutPlan(f"the cut plan starts at {self.starts[0]}, before zero")
        bounds = (*self.starts, self.end)
        for before, after in pairwise(bounds):
            if after <= before:
                raise InvalidCutPlan(f"the cut plan goes from {before} to {after}")

    @property
    def spans(self) -> tuple[Span, ...]:
        """The planned segments; they tile the timeline from the first start to the end."""
        return _spans(self.starts, self.end)


def plan_segments(sync_times: Sequence[Ticks], end: Ticks, target: Ticks) -> list[Span]:
    """Cut at the first sync time at or past each target; the last segment takes the rest.

    `sync_times` are presentation times of sync samples, rising. No sync time gives no segment.
    """
    if not sync_times:
        return []
    cuts = [sync_times[0]]
    for at in sync_times[1:]:
        if at - cuts[-1] >= target and at < end:
            cuts.append(at)
    return list(_spans(cuts, end))


def even_plan(end: Ticks, target: Ticks) -> list[Span]:
    """Cut every `target` ticks: for audio alone, where every sample is a sync sample.

    A rest shorter than half the target joins the segment before it. Raises `ValueError` when
    target is not positive.
    """
    if target < 1:
        raise ValueError(f"a segment's target duration is positive, not {target}")
    if end < 1:
        return []
    count = max(1, (2 * end + target) // (2 * target))
    return list(_spans([Ticks(number * target) for number in range(count)], end))


def cut_plan(spans: Sequence[Span], timescale: int) -> CutPlan:
    """Fix planned segments as the plan of a presentation.

    Raises `InvalidCutPlan` when there is no segment or one is empty.
    """
    end = spans[-1].end if spans else Ticks(0)
    return CutPlan(timescale, tuple(span.start for span in spans), end)


def _spans(starts: Iterable[Ticks], end: Ticks) -> tuple[Span, ...]:
    cuts = tuple(starts)
    return tuple(
        Span(start, Ticks(stop - start)) for start, stop in zip(cuts, (*cuts[1:], end), strict=True)
    )
