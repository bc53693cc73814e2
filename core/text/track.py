"""A published text track: one file of WebVTT, cut at the same times as the picture."""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from core.media.timeline import CutPlan, Span
from core.text.cues import Cue, TextDocument
from core.text.webvtt import write_segment, write_webvtt

FORMAT_VERSION: Final = 1
"""Part of every hash; raise it when the same file comes to give other segments."""
HASH_DIGITS: Final = 20
CODEC: Final = "wvtt"
MILLISECONDS: Final = 1000
TEXT_NAME: Final = "text.vtt"
"""The file of a text track, in a folder of its own."""


class TextTrack:
    """A document and the plan of its presentation; segments are made when they are asked for.

    A segment holds every cue that is shown within its span, at its own times: a cue that spans a
    cut stands in both. The first begins, and the last ends, with the document.
    """

    def __init__(self, content: TextDocument, plan: CutPlan) -> None:
        self.content = content
        self._plan = plan
        self._starts = [cue.start_ms for cue in content.cues]
        # The latest end of all cues up to each: it rises, so it can be searched.
        self._ends = list(accumulate((cue.end_ms for cue in content.cues), max))

    @property
    def spans(self) -> tuple[Span, ...]:
        """The segments, in ticks of the plan."""
        return self._plan.spans

    def segment(self, number: int, *, zero: int = 0) -> str:
        """Write a segment, counted from 0, whose times begin at `zero`. Raises `IndexError`."""
        return write_segment(self.content, self.cues(number), zero=zero)

    def cues(self, number: int) -> Sequence[Cue]:
        """Give the cues of a segment. Raises `IndexError`."""
        starts = self._plan.starts
        last = len(starts) - 1
        if not 0 <= number <= last:
            raise IndexError(number)
        begin = self._thousandths(starts[number]) if number else -1
        end = self._thousandths(starts[number + 1]) if number < last else None
        scale = self._plan.timescale
        stop = len(self._starts)
        if end is not None:
            stop = bisect_left(self._starts, end, key=lambda ms: ms * scale)
        first = bisect_right(self._ends, begin, hi=stop, key=lambda ms: ms * scale)
        return [cue for cue in self.content.cues[first:stop] if cue.end_ms * scale > begin]

    def _thousandths(self, ticks: int) -> int:
        """Give a time that can be compared with milliseconds times the timescale."""
        return ticks * MILLISECONDS


def text_hash(data: bytes) -> str:
    """Name a build of a text track: 20 hexadecimal digits.

    The cut plan is no part of it: that of a playback id never changes once it is published, and
    before that no segment can be asked for.
    """
    hashed = hashlib.sha256(b"sluice text" + FORMAT_VERSION.to_bytes(4, "little"))
    hashed.update(data)
    return hashed.hexdigest()[:HASH_DIGITS]


def text_key(build_hash: str) -> str:
    """Give the surrogate key of everything of one build of a text track."""
    return f"text:{build_hash}"


def bit_rates(content: TextDocument, duration_ms: int) -> tuple[int, int]:
    """Give peak and mean bit/s of a document over a film; the peak is that of its fullest 10 s."""
    size = len(write_webvtt(content).encode())
    mean = -(-size * 8 * MILLISECONDS // max(duration_ms, content.end_ms, 1))
    windows: dict[int, int] = {}
    for cue in content.cues:
        windows[cue.start_ms // 10_000] = (
            windows.get(cue.start_ms // 10_000, 0) + len(cue.text) + 40
        )
    return max(mean, max(windows.values(), default=0) * 8 // 10), mean


def track_name(language: str, roles: Sequence[str], taken: frozenset[str]) -> str:
    """Name a text track: its language, its roles, and a number where that is taken."""
    own = "-".join((language, *roles))
    name, number = own, 2
    while name in taken:
        name, number = f"{own}-{number}", number + 1
    return name
