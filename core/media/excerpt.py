"""Excerpts: the whole segments of a film that hold a stretch of it, and the exact stretch.

Nothing is cut anew. An excerpt begins with the segment in which its stretch begins, which is at a
key picture, and ends with the one in which it ends; the exact points go to the player.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import ClassVar

from core.errors import InputFault
from core.media.presentation import Rendition, TrackKind, Window
from core.media.ticks import MICROSECONDS, Ticks, milliseconds, rescale
from core.media.timeline import CutPlan, Span


class OutsideFilm(InputFault):
    """The stretch is not one of this film."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "excerpt.outside"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The cuts `first` up to `stop` of a plan, which hold the stretch `start_ms` to `end_ms`.

    `origin` is where its timeline begins and `end` where its segments do, in ticks of `timescale`
    on the film's timeline. `is_last` says that nothing of the film follows.
    """

    timescale: int
    first: int
    stop: int
    origin: Ticks
    end: Ticks
    start_ms: int
    end_ms: int
    is_last: bool

    @property
    def origin_us(self) -> int:
        """Where its timeline begins, on that of the film."""
        return rescale(self.origin, self.timescale, MICROSECONDS)

    @property
    def length_us(self) -> int:
        """How long its segments last."""
        return rescale(self.end, self.timescale, MICROSECONDS) - self.origin_us

    @property
    def lead_us(self) -> int:
        """What of it comes before its stretch; a cut within half a millisecond is at its start."""
        return max(0, 1000 * self.start_ms - self.origin_us)

    @property
    def exact_us(self) -> int:
        """The time from its beginning to the exact end of its stretch."""
        return 1000 * self.end_ms - self.origin_us


def excerpt(plan: CutPlan, duration_ms: int, start_ms: int, end_ms: int | None) -> Excerpt:
    """Give the segments that hold a stretch; to the end of the film without `end_ms`.

    Raises `OutsideFilm` for a stretch that is empty or does not lie within `duration_ms`.
    """
    stop_ms = duration_ms if end_ms is None else end_ms
    if not 0 <= start_ms < stop_ms <= duration_ms:
        raise OutsideFilm(f"{start_ms} to {stop_ms} ms is no stretch of a film of {duration_ms} ms")
    first = max(0, bisect_right(plan.starts, start_ms, key=_in_ms(plan)) - 1)
    stop = max(first + 1, bisect_left(plan.starts, stop_ms, key=_in_ms(plan)))
    is_last = stop == len(plan.starts)
    return Excerpt(
        timescale=plan.timescale,
        first=first,
        stop=stop,
        origin=plan.starts[first] if first else Ticks(0),
        end=plan.end if is_last else plan.starts[stop],
        start_ms=start_ms,
        end_ms=stop_ms,
        is_last=is_last,
    )


def excerpt_of(rendition: Rendition, part: Excerpt) -> Rendition | None:
    """Give the run of a rendition's segments that belongs to an excerpt; None where there is none.

    Pictures and text are cut exactly at the plan's times, sound at its first sample at or after
    them, so what begins at or after the excerpt's cut belongs to it. Nothing of a rendition is
    moved: its times stay those of the film, and all renditions count from the same origin.
    """
    first, stop = _run(rendition, part)
    if first == stop:
        return None
    spans = rendition.spans[first:stop]
    shown = rendition.iframes
    return replace(
        rendition,
        spans=spans,
        layout=None,
        iframe_file=None,
        iframes=None if shown is None else shown.between(spans[0].start, spans[-1].end),
        window=Window(
            first=first,
            origin=rescale(part.origin, part.timescale, rendition.timescale),
            start_us=part.lead_us,
        ),
    )


def _run(rendition: Rendition, part: Excerpt) -> tuple[int, int]:
    count = len(rendition.spans)
    if rendition.kind is not TrackKind.AUDIO:
        return min(part.first, count), min(part.stop, count)
    spans = rendition.spans
    begin = rescale(part.origin, part.timescale, rendition.timescale)
    end = rescale(part.end, part.timescale, rendition.timescale)
    first = bisect_left(spans, begin, key=_start) if part.first else 0
    return first, count if part.is_last else max(first, bisect_left(spans, end, key=_start))


def _start(span: Span) -> Ticks:
    return span.start


def _in_ms(plan: CutPlan) -> "_Milliseconds":
    return _Milliseconds(plan.timescale)


@dataclass(frozen=True, slots=True)
class _Milliseconds:
    """A plan's ticks in milliseconds: what people can ask for."""

    timescale: int

    def __call__(self, ticks: Ticks) -> int:
        return milliseconds(ticks, self.timescale)
