"""Chooses the I-frames of a track that a player may fetch one by one."""

from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from core.media.build import SegmentTable, bit_rate, peak_bandwidth
from core.media.iframes import IFrames
from native import PICTURE_HEADER_BYTES, TrackIndex

MOST_PER_SECOND: Final = 2
"""Films in which every picture is an I-frame would have playlists of megabytes otherwise."""


def key_pictures(index: TrackIndex, table: SegmentTable) -> IFrames | None:
    """Choose the I-frames of a picture track; None where it has none that is ever shown.

    They are sync samples. A random access of the open kind is left out: what claims to be one was
    not proved to decode alone. Of those closer together than `MOST_PER_SECOND` the first is taken.
    """
    end = table.spans[-1].end
    samples, bounds = array("q"), array("q")
    for sample, time in index.sync_times():
        if not 0 <= time < end:
            continue
        if bounds and MOST_PER_SECOND * (time - bounds[-1]) < index.timescale:
            continue
        samples.append(sample)
        bounds.append(time)
    if not samples:
        return None
    bounds.append(end)
    lengths = [PICTURE_HEADER_BYTES + index.sample(sample)[1] for sample in samples]
    return IFrames(samples, bounds, *iframe_bandwidths(lengths, bounds, index.timescale))


def iframe_bandwidths(
    lengths: Sequence[int], bounds: Sequence[int], timescale: int
) -> tuple[int, int]:
    """Give peak and mean bit rate of I-frames: their bytes, and when they and the end come."""
    durations = [stop - start for start, stop in pairwise(bounds)]
    return (
        peak_bandwidth(lengths, durations, timescale, max(durations)),
        bit_rate(sum(lengths), sum(durations), timescale),
    )
