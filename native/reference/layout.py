"""The layout of `track.idx`: numbers of the format that reader and writer share.

All integers are little-endian. A header of 72 fixed bytes is followed by the description, padded
with zeros to a multiple of 16; then blocks of 64 samples, each an anchor followed by one row per
sample. Anchors make the position and time of any sample at most 63 additions away, so a segment
costs the same at minute one and in hour two.
"""

import struct

MAGIC = b"SLICEIX1"
# magic, header crc, header length, body crc, timescale, sample count, data length, duration,
# base time, priming, description length, reserved
HEADER = struct.Struct("<8sIIIIQQQQQII")
HEADER_CRC_AT = 8
BODY_CRC_AT = 16
ANCHOR = struct.Struct("<QQ")  # offset in the flat file, decode time
ROW = struct.Struct("<IIiI")  # size, duration, composition offset, flags
BLOCK_SAMPLES = 64
BLOCK_BYTES = ANCHOR.size + BLOCK_SAMPLES * ROW.size

SYNC = 0x1
OPEN_RANDOM_ACCESS = 0x2

LARGEST_U32 = 0xFFFFFFFF
LARGEST_TIME = 0x7FFFFFFFFFFFFFFF
"""Times and offsets stay below 2**63: sums with signed composition offsets cannot overflow."""


def header_length(description_length: int) -> int:
    """Give the length of a header that holds a description, a multiple of 16."""
    return (HEADER.size + description_length + 15) // 16 * 16


def body_length(sample_count: int) -> int:
    """Give the length of a body with that many samples."""
    blocks = (sample_count + BLOCK_SAMPLES - 1) // BLOCK_SAMPLES
    return blocks * ANCHOR.size + sample_count * ROW.size


def row_offset(number: int) -> int:
    """Give the offset of a sample's row within the body."""
    block, row = divmod(number, BLOCK_SAMPLES)
    return block * BLOCK_BYTES + ANCHOR.size + row * ROW.size


def flags_problem(flags: int) -> str:
    """Say what is wrong with a sample's flags; empty when nothing is.

    Only the sync and the open-random-access bit have a meaning today, and a sample is not both.
    Sample description number 0 is the only one, because a track has one description.
    """
    if flags & ~(SYNC | OPEN_RANDOM_ACCESS):
        return f"has bits without a meaning: {flags:#x}"
    if flags == SYNC | OPEN_RANDOM_ACCESS:
        return "says both sync and open random access"
    return ""
