"""Small pictures of what was cut: the tiles of a film that stand for what an excerpt shows."""

import msgspec

from core.media.excerpt import Excerpt
from core.media.storyboard import Storyboard
from core.media.ticks import MICROSECONDS, rescale


def cut_storyboard(board: Storyboard, part: Excerpt, at_us: int = 0) -> Storyboard:
    """Give the tiles that stand for what an excerpt's segments show; there is one at least.

    `at_us` is where the excerpt begins in what several were joined to.
    """
    origin_ms = rescale(part.origin_us, MICROSECONDS, 1000)
    end_ms = rescale(part.origin_us + part.length_us, MICROSECONDS, 1000)
    first = min(board.count - 1, origin_ms // board.interval_ms)
    last = min(board.count - 1, (end_ms - 1) // board.interval_ms)
    return msgspec.structs.replace(
        board,
        columns=1,
        rows=1,
        count=last - first + 1,
        duration_ms=end_ms - origin_ms,
        first=first,
        lead_ms=origin_ms - first * board.interval_ms,
        at_ms=rescale(at_us, MICROSECONDS, 1000),
        is_single=True,
    )
