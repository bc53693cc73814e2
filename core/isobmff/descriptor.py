"""Descriptors of MPEG-4 systems, which the `esds` box is made of (ISO/IEC 14496-1 §7.2.6)."""

import struct

from core.isobmff.box import full_box

AUDIO_STREAM = 0x15
"""streamType audio, upStream 0, and the reserved bit that is 1."""


def esds(object_type: int, specific_info: bytes) -> bytes:
    """Give the ES_Descriptor box of a sound (ISO/IEC 14496-14 §5.6).

    `object_type` is the objectTypeIndication; without `specific_info` there is no such descriptor.
    Buffer and bit rates are 0, which is unknown: see `bit_rates.py`.
    """
    specific = _descriptor(0x05, specific_info) if specific_info else b""
    decoder_config = _descriptor(
        0x04,
        struct.pack(">BB11x", object_type, AUDIO_STREAM),
        specific,
    )
    sync_layer = _descriptor(0x06, b"\x02")  # predefined for MP4 files
    stream = _descriptor(0x03, struct.pack(">HB", 0, 0), decoder_config, sync_layer)
    return full_box(b"esds", 0, 0, stream)


def _descriptor(tag: int, *payload: bytes) -> bytes:
    """Give a descriptor; its length takes seven bits a byte (ISO/IEC 14496-1 §8.3.3)."""
    length = sum(map(len, payload))
    digits = [length & 0x7F]
    while length := length >> 7:
        digits.insert(0, length & 0x7F | 0x80)
    return bytes((tag, *digits)) + b"".join(payload)
