"""An edit list in words (ISO/IEC 14496-12 §8.6.6)."""

from collections.abc import Sequence

from core.isobmff.movie import NORMAL_RATE, Edit

MOST_WORDS = 8
"""Edits that are told one by one."""
WHOLE_RATE = 1 << 16


def edit_words(edits: Sequence[Edit], movie_scale: int, track_scale: int) -> str:
    """Say what is shown and for how long; empty where there is no list."""
    told = [_words(edit, movie_scale, track_scale) for edit in edits[:MOST_WORDS]]
    if len(edits) > MOST_WORDS:
        told.append(f"{len(edits) - MOST_WORDS} more edits")
    return ", then ".join(told)


def _words(edit: Edit, movie_scale: int, track_scale: int) -> str:
    seconds = f"{edit.duration / movie_scale:.3f} s"
    if edit.media_time < 0:
        return f"nothing for {seconds}"
    at = f"{edit.media_time / track_scale:.3f} s"
    if edit.rate == (0, 0):
        return f"the picture at {at} for {seconds}"
    length = seconds if edit.duration else "all there is"
    if edit.rate == NORMAL_RATE:
        return f"{length} from {at} on"
    whole, fraction = edit.rate
    return f"{length} from {at} on at {whole + (fraction & 0xFFFF) / WHOLE_RATE:g} times the speed"
