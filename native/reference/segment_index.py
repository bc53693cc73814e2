"""The segment index of a track kept in one file: the `sidx` box (ISO/IEC 14496-12 §8.16.3).

Every reference is to media, begins with a sync sample that is also the first to be presented (SAP
type 1, ISO/IEC 14496-12 annex I), and its earliest presentation time is the end of the one before.
Times have the track's edit applied, as those of a manifest have.
"""

import struct
from collections.abc import Sequence

from native.reference.fragment import TRACK_ID
from native.reference.layout import LARGEST_U32

MOST_REFERENCES = 0xFFFF
LARGEST_REFERENCE = 0x7FFFFFFF
STARTS_WITH_SAP_1 = 0x90000000
VERSION = 1


def segment_index(timescale: int, lengths: Sequence[int], times: Sequence[int]) -> bytes:
    """Write `sidx` for segments of `lengths` bytes that follow it at once.

    `times` are the ticks at which they begin, and at last the end. Raises `OverflowError` for what
    the box cannot hold, `ValueError` where a segment would last no time.
    """
    if not 1 <= len(lengths) <= MOST_REFERENCES:
        raise OverflowError(f"a sidx holds 1 to {MOST_REFERENCES} references, not {len(lengths)}")
    references = b"".join(
        _reference(number, length, times[number], times[number + 1])
        for number, length in enumerate(lengths)
    )
    head = struct.pack(">IIIQQHH", VERSION << 24, TRACK_ID, timescale, times[0], 0, 0, len(lengths))
    return struct.pack(">I4s", 8 + len(head) + len(references), b"sidx") + head + references


def _reference(number: int, length: int, start: int, end: int) -> bytes:
    if length > LARGEST_REFERENCE:
        raise OverflowError(f"a segment of {length} bytes does not fit a sidx of 31 bits")
    if end <= start:
        raise ValueError(f"segment {number} lasts from {start} to {end}")
    if end - start > LARGEST_U32:
        raise OverflowError(f"a segment of {end - start} ticks does not fit a sidx")
    return struct.pack(">III", length, end - start, STARTS_WITH_SAP_1)
