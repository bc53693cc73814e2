"""The layout of `track.idx`: numbers of the format that reader and writer share.

All integers are little-endian; times are ticks of the track's timescale.

    header   0  8s   magic, SLICEIX1
             8  u32  crc32 of the header with this field 0
            12  u32  header length, a multiple of 16
            16  u32  crc32 of all that follows the header
            20  u32  timescale, ticks per second
            24  u64  samples
            32  u64  bytes of the flat file: the sum of the sizes
            40  u64  the sum of the durations
            48  u64  decode time of the first sample
            56  u64  priming: media time of the track's one edit
            64  u32  length of the description
            68  u32  0
            72       the description, then zeros up to the header length
    block    0  u64  offset of the block's first sample in the flat file
             8  u64  its decode time
            16       one row for each sample
    row      0  u32  size, at least 1
             4  u32  duration
             8  i32  composition offset
            12  u32  flags: 1 sync, 2 open random access

A block has 64 samples, the last what is left. Its two anchors make the place and the time of any
sample at most 63 additions away, so a segment costs the same at minute one and in hour two; and as
each block is complete before the next begins, an index is written while samples arrive.

A sample is presented at its decode time plus its composition offset, less the priming. Before the
priming is taken off, no sample is presented before 0.
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
