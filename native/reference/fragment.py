"""The header of a CMAF media segment: `styp`, `moof` and the head of `mdat`.

ISO/IEC 14496-12 §8.16.2 (styp), §8.8 (moof and its boxes), §8.1.1 (mdat); ISO/IEC 23000-19 §7.3
(CMAF segments and fragments). The body that follows is one byte range of the track's flat file.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from native.reference.layout import LARGEST_U32, OPEN_RANDOM_ACCESS, SYNC

# tfhd (§8.8.7)
DEFAULT_DURATION = 0x000008
DEFAULT_SIZE = 0x000010
DEFAULT_FLAGS = 0x000020
DEFAULT_BASE_IS_MOOF = 0x020000
# trun (§8.8.8)
DATA_OFFSET = 0x000001
FIRST_SAMPLE_FLAGS = 0x000004
SAMPLE_DURATION = 0x000100
SAMPLE_SIZE = 0x000200
SAMPLE_FLAGS = 0x000400
SAMPLE_COMPOSITION_OFFSET = 0x000800

# sample flags (§8.8.3.1): sample_depends_on in bits 24-25, sample_is_non_sync_sample in bit 16
DEPENDS_ON_NONE = 0x02000000
DEPENDS_ON_OTHERS = 0x01000000
IS_NON_SYNC = 0x00010000

TRACK_ID = 1
LARGEST_BODY = LARGEST_U32 - 8
"""An mdat with an 8-byte header holds no more; a media segment never needs the 16-byte form."""

STYP = struct.pack(">I4s4sI4s4s4s", 28, b"styp", b"msdh", 0, b"msdh", b"cmfs", b"cmff")


class Row(NamedTuple):
    """One sample of the index."""

    size: int
    duration: int
    composition_offset: int
    flags: int


def sample_flags(flags: int) -> int:
    """Translate the index's flags to those of ISO/IEC 14496-12 §8.8.3.1.

    A picture of open random access depends on no other, yet it is no sync sample: pictures that
    follow it in decoding order but precede it in presentation cannot be decoded from there.
    """
    if flags & SYNC:
        return DEPENDS_ON_NONE
    if flags & OPEN_RANDOM_ACCESS:
        return DEPENDS_ON_NONE | IS_NON_SYNC
    return DEPENDS_ON_OTHERS | IS_NON_SYNC


def fragment_header(rows: Sequence[Row], decode_time: int, sequence: int) -> bytes:
    """Write the header of a segment that holds `rows`; `decode_time` is the first one's, in ticks.

    What is constant over the fragment is said once, in `tfhd`; flags that differ only in the
    first sample (the usual GOP) take one extra word. Raises
    `OverflowError` when moof outgrows `trun`'s signed data offset.
    """
    tfhd_flags, trun_flags = DEFAULT_BASE_IS_MOOF, DATA_OFFSET
    defaults, first_flags = b"", b""
    flags = [sample_flags(row.flags) for row in rows]
    if _constant([row.duration for row in rows]):
        tfhd_flags |= DEFAULT_DURATION
        defaults += struct.pack(">I", rows[0].duration)
    else:
        trun_flags |= SAMPLE_DURATION
    if _constant([row.size for row in rows]):
        tfhd_flags |= DEFAULT_SIZE
        defaults += struct.pack(">I", rows[0].size)
    else:
        trun_flags |= SAMPLE_SIZE
    if _constant(flags[1:]):
        tfhd_flags |= DEFAULT_FLAGS
        defaults += struct.pack(">I", flags[-1])
        if flags[0] != flags[-1]:
            trun_flags |= FIRST_SAMPLE_FLAGS
            first_flags = struct.pack(">I", flags[0])
    else:
        trun_flags |= SAMPLE_FLAGS
    if any(row.composition_offset for row in rows):
        trun_flags |= SAMPLE_COMPOSITION_OFFSET

    samples = b"".join(
        _sample(row, each, trun_flags) for row, each in zip(rows, flags, strict=True)
    )
    mfhd = _full_box(b"mfhd", 0, 0, struct.pack(">I", sequence))
    tfhd = _full_box(b"tfhd", 0, tfhd_flags, struct.pack(">I", TRACK_ID) + defaults)
    tfdt = _full_box(b"tfdt", 1, 0, struct.pack(">Q", decode_time))
    trun_length = 20 + len(first_flags) + len(samples)
    moof_length = 8 + len(mfhd) + 8 + len(tfhd) + len(tfdt) + trun_length
    if moof_length + 8 > 0x7FFFFFFF:
        raise OverflowError(f"a segment of {len(rows)} samples does not fit a moof of 2 GiB")
    head = struct.pack(">Ii", len(rows), moof_length + 8)
    trun = _full_box(b"trun", 1, trun_flags, head + first_flags + samples)
    moof = _box(b"moof", mfhd + _box(b"traf", tfhd + tfdt + trun))
    body_length = sum(row.size for row in rows)
    return STYP + moof + struct.pack(">I4s", 8 + body_length, b"mdat")


def _constant(values: Sequence[int]) -> bool:
    return all(value == values[0] for value in values)


def _sample(row: Row, flags: int, trun_flags: int) -> bytes:
    entry = b""
    if trun_flags & SAMPLE_DURATION:
        entry += struct.pack(">I", row.duration)
    if trun_flags & SAMPLE_SIZE:
        entry += struct.pack(">I", row.size)
    if trun_flags & SAMPLE_FLAGS:
        entry += struct.pack(">I", flags)
    if trun_flags & SAMPLE_COMPOSITION_OFFSET:
        entry += struct.pack(">i", row.composition_offset)
    return entry


def _box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def _full_box(kind: bytes, version: int, flags: int, payload: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + payload)
