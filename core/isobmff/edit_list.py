"""What an edit list presents of a track (ISO/IEC 14496-12 §8.6.6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from core.isobmff.movie import NORMAL_RATE, Edit
from core.media.ticks import rescale


class IrregularEdits(ValueError):
    """An edit list that repeats, leaves out, or changes the speed of media.

    The message goes on where the list was named.
    """


@dataclass(frozen=True, slots=True)
class EditWindow:
    """One stretch of a track's media and when it begins.

    What is presented lies from `start` to before `end` (None: to the last sample), in ticks of the
    track; it begins `delay` seconds into the movie. `slack` is the track's time in which the movie
    counts: `end` is no more exact than that.
    """

    start: int = 0
    end: int | None = None
    delay: Fraction = Fraction(0)
    slack: int = 1


def edit_window(
    edits: Sequence[Edit], movie_scale: int, track_scale: int, *, fragmented: bool
) -> EditWindow:
    """Join edits that follow one another in the media into one window.

    In a fragmented file the list knows nothing of the fragments' length, so it sets no end. Raises
    `IrregularEdits` for what is no single stretch at normal speed.
    """
    leading = _leading_empty(edits)
    delay = Fraction(sum(edit.duration for edit in edits[:leading]), movie_scale)
    shown = [edit for edit in edits[leading:] if edit.media_time >= 0]
    if len(shown) != len(edits) - leading - _trailing_empty(edits[leading:]):
        raise IrregularEdits("has a pause in the middle")
    if any(edit.rate != NORMAL_RATE for edit in shown):
        raise IrregularEdits("changes the speed")
    if not shown:
        if edits:
            raise IrregularEdits("presents nothing")
        return EditWindow(delay=delay)
    start = shown[0].media_time
    _check_joined(shown, movie_scale, track_scale)
    total = sum(edit.duration for edit in shown)
    if fragmented or shown[-1].duration == 0:
        return EditWindow(start, None, delay)
    end = start + rescale(total, movie_scale, track_scale)
    return EditWindow(start, end, delay, _slack(movie_scale, track_scale))


def _check_joined(shown: Sequence[Edit], movie_scale: int, track_scale: int) -> None:
    slack = _slack(movie_scale, track_scale)
    end = shown[0].media_time
    for edit in shown:
        if abs(edit.media_time - end) > slack:
            raise IrregularEdits(f"jumps from {end} to {edit.media_time}")
        end = edit.media_time + rescale(edit.duration, movie_scale, track_scale)


def _slack(movie_scale: int, track_scale: int) -> int:
    return -(-track_scale // movie_scale)


def _leading_empty(edits: Sequence[Edit]) -> int:
    for number, edit in enumerate(edits):
        if edit.media_time >= 0:
            return number
    return len(edits)


def _trailing_empty(edits: Sequence[Edit]) -> int:
    return _leading_empty(edits[::-1])
