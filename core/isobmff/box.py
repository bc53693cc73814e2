"""Boxes, the units of every ISO base media file (ISO/IEC 14496-12 §4.2)."""

import struct


def box(kind: bytes, *payload: bytes) -> bytes:
    """Give a box of the four-letter kind around its payload."""
    length = 8 + sum(map(len, payload))
    return b"".join((struct.pack(">I4s", length, kind), *payload))


def full_box(kind: bytes, version: int, flags: int, *payload: bytes) -> bytes:
    """Give a box that begins with a version and 24 bits of flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *payload)
