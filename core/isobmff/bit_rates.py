"""What a sample entry says of bit rates: its `btrt` box and, where it has one, its `esds`.

They are known once a track is complete, while the entry is stored before its first sample.
"""

import struct
from typing import Final, NamedTuple

from core.isobmff.box import box
from core.isobmff.box_reader import child_boxes

AUDIO_ENTRY_BYTES: Final = 8 + 28
"""Of an audio sample entry, before the boxes inside (ISO/IEC 14496-12 §12.2.3)."""
LARGEST_U24: Final = 0xFFFFFF
LARGEST_U32: Final = 0xFFFFFFFF


class BitRates(NamedTuple):
    """`buffer_bytes` is what a decoder has to hold; the rates are in bit/s.

    We count the largest sample as buffer, and as the largest rate that of any second, which is how
    both boxes define it.
    """

    buffer_bytes: int
    largest: int
    mean: int


def with_bit_rates(entry: bytes, rates: BitRates) -> bytes:
    """Give a sample entry that ends in `btrt` (ISO/IEC 14496-12 §8.5.2.2).

    The `esds` of an `mp4a` says the same (ISO/IEC 14496-1 §7.2.6.6). Numbers that do not fit their
    field become its largest. Raises `MalformedMovie` for an `mp4a` that is none.
    """
    limited = (min(each, LARGEST_U32) for each in rates)
    told = bytearray(entry + box(b"btrt", struct.pack(">III", *limited)))
    told[:4] = len(told).to_bytes(4)
    if entry[4:8] == b"mp4a":
        for child in child_boxes(memoryview(entry), "mp4a", AUDIO_ENTRY_BYTES, len(entry)):
            if child.kind == b"esds":
                _tell_decoder(told, child.content, rates)
    return bytes(told)


def _tell_decoder(entry: bytearray, content: int, rates: BitRates) -> None:
    """Write the numbers into the DecoderConfigDescriptor of an `esds` that `descriptor.py` made."""
    stream = _behind_head(entry, content + 4)  # version and flags
    decoder = _behind_head(entry, stream + 3)  # ES_ID and flags
    at = decoder + 2  # objectTypeIndication and streamType
    entry[at : at + 3] = min(rates.buffer_bytes, LARGEST_U24).to_bytes(3)
    rest = struct.pack(">II", min(rates.largest, LARGEST_U32), min(rates.mean, LARGEST_U32))
    entry[at + 3 : at + 11] = rest


def _behind_head(entry: bytearray, at: int) -> int:
    """Give where a descriptor's payload begins: behind its tag and the digits of its length."""
    at += 1
    while entry[at] & 0x80:
        at += 1
    return at + 1
