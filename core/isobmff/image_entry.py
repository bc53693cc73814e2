"""The sample entry of a track whose samples are JPEG pictures (ISO/IEC 23008-12 annex H)."""

import struct
from typing import Final

from core.isobmff.box import box

JPEG_CODEC: Final = "mjpg"
"""As HLS playlists name it; it is the sample entry's own name."""


def jpeg_sample_entry(width: int, height: int) -> bytes:
    """Give the `mjpg` box (ISO/IEC 14496-12 §12.1.3); width and height are in pixels."""
    visual = struct.pack(
        ">6xH16xHHIIIH32xHh", 1, width, height, 0x480000, 0x480000, 0, 1, 0x18, -1
    )  # 72 dpi, one picture a sample, no compressor name, colour without alpha
    return box(b"mjpg", visual)
