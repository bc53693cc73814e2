"""Where the I-frames lie in a folder: at the head of every segment."""

from collections.abc import Sequence

from core.manifest.urls import TRACK_FILE, media_segment
from core.media.build import SegmentTable
from core.media.file_layout import FileLayout
from core.media.iframes import ByteRange, IFrames
from core.media.key_pictures import iframe_bandwidths
from native import SEGMENT_TYPE_BYTES, TrackIndex


def leading_pictures(
    index: TrackIndex,
    table: SegmentTable,
    layout: FileLayout | None = None,
    heads: Sequence[int] = (),
) -> IFrames:
    """Give the I-frames with which the segments of a picture track begin, where they lie.

    That is in the segments' own files or, with its layout, in the track's one file: from the first
    byte of a segment to the last of its first picture, as its header says how to decode it. `heads`
    are the bytes before the samples of each, where they are not as the index has them.
    """
    ranges = []
    for number, (first, count) in enumerate(zip(table.first, table.count, strict=True)):
        _, body, _, _ = index.segment(first, count)
        head = heads[number] if heads else table.byte_lengths[number] - body
        if layout is not None and not heads:
            head -= SEGMENT_TYPE_BYTES
        length = head + index.sample(first)[1]
        if layout is None:
            ranges.append(ByteRange(media_segment(number), 0, length))
        else:
            ranges.append(ByteRange(TRACK_FILE, layout.fragments[number], length))
    bounds = [*(span.start for span in table.spans), table.spans[-1].end]
    lengths = [each.length for each in ranges]
    rates = iframe_bandwidths(lengths, bounds, index.timescale)
    return IFrames(table.first, bounds, *rates, tuple(ranges))
