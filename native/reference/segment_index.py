"""The segment index of a track kept in one file: the `sidx` box (ISO/IEC 14496-12 §8.16.3).

Every reference is to media and begins with a sync sample. Where that is also the first to be
presented it is a stream access point of type 1, where leading pictures go before it one of type 3
(ISO/IEC 14496-12 annex I). The time of a reference is that of its access point and the end of the
one before, with the track's edit applied, as in a manifest: leading pictures, which are shown in
the time before it, do not move the boundaries that all renditions share.
"""

import struct
from collections.abc import Sequence

from native.reference.fragment import TRACK_ID
from native.reference.layout import LARGEST_U32

MOST_REFERENCES = 0xFFFF
LARGEST_REFERENCE = 0x7FFFFFFF
STARTS_WITH_SAP_1 = 0x90000000
STARTS_WITH_SAP_3 = 0xB0000000
VERSION = 1


def segment_index(
    timescale: int, lengths: Sequence[int], times: Sequence[int], are_open: Sequence[bool]
) -> bytes:
    """Write `sidx` for segments of `lengths` bytes that follow it at once.

    `times` are the ticks at which they begin, and at last the end; `are_open` says which of them
    leading pictures follow. Raises `OverflowError` for what
    the box cannot hold, `ValueError` where a segment would last no time.
    """
    if not 1 <= len(lengths) <= MOST_REFERENCES:
        raise OverflowError(f"a sidx holds 1 to {MOST_REFERENCES} references, not {len(lengths)}")
    references = b"".join(
        _reference(number, length, times[number], times[number + 1], is_open=are_open[number])
        for number, length in enumerate(lengths)
    )
    head = struct.pack(">IIIQQHH", VERSION << 24, TRACK_ID, timescale, times[0], 0, 0, len(lengths))
    return struct.pack(">I4s", 8 + len(head) + len(references), b"sidx") + head + references


def _reference(number: int, length: int, start: int, end: int, *, is_open: bool) -> bytes:
    if length > LARGEST_REFERENCE:
        raise OverflowError(f"a segment of {length} bytes does not fit a sidx of 31 bits")
    if end <= start:
        raise ValueError(f"segment {number} lasts from {start} to {end}")
    if end - start > LARGEST_U32:
        raise OverflowError(f"a segment of {end - start} ticks does not fit a sidx")
    access = STARTS_WITH_SAP_3 if is_open else STARTS_WITH_SAP_1
    return struct.pack(">III", length, end - start, access)
