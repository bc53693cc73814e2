"""The header of a media segment: see native/reference/fragment.py for the clauses.

No function here checks bounds: the caller has proved that the samples lie within the body.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from native._bytes cimport put_be32, put_be64, put_head
from native._index_layout cimport (
    ANCHOR_BYTES,
    BLOCK_SAMPLES,
    OPEN_RANDOM_ACCESS,
    ROW_BYTES,
    SYNC,
    row_at,
    row_composition_offset,
    row_duration,
    row_flags,
    row_size,
)

cdef enum:
    STYP_BYTES = 28
    DEFAULT_DURATION = 0x000008
    DEFAULT_SIZE = 0x000010
    DEFAULT_FLAGS = 0x000020
    DEFAULT_BASE_IS_MOOF = 0x020000
    DATA_OFFSET = 0x000001
    FIRST_SAMPLE_FLAGS = 0x000004
    SAMPLE_DURATION = 0x000100
    SAMPLE_SIZE = 0x000200
    SAMPLE_FLAGS = 0x000400
    SAMPLE_COMPOSITION_OFFSET = 0x000800
    DEPENDS_ON_NONE = 0x02000000
    DEPENDS_ON_OTHERS = 0x01000000
    IS_NON_SYNC = 0x00010000
    TRACK_ID = 1


cdef struct Shape:
    # What a fragment's samples have in common, and the lengths that follow from it.
    uint32_t tfhd_flags
    uint32_t trun_flags
    uint32_t duration
    uint32_t size
    uint32_t first_flags
    uint32_t other_flags
    uint32_t entry_bytes
    uint64_t tfhd_bytes
    uint64_t trun_bytes
    uint64_t moof_bytes


cdef inline uint32_t sample_flags(uint32_t flags) noexcept nogil:
    if flags & SYNC:
        return DEPENDS_ON_NONE
    if flags & OPEN_RANDOM_ACCESS:
        return DEPENDS_ON_NONE | IS_NON_SYNC
    return DEPENDS_ON_OTHERS | IS_NON_SYNC


cdef inline Shape shape_of(const uint8_t* body, uint64_t first, uint64_t count) noexcept nogil:
    """Find what is constant over the samples; `first` and `count` are within the body."""
    cdef Shape shape
    cdef const uint8_t* row = row_at(body, first)
    cdef uint32_t duration = row_duration(row)
    cdef uint32_t size = row_size(row)
    cdef uint32_t other = row_flags(row_at(body, first + count - 1))
    cdef uint32_t durations = 0  # bits in which any value differs from the first
    cdef uint32_t sizes = 0
    cdef uint32_t flags = 0
    cdef uint32_t offsets = row_composition_offset(row)
    cdef uint64_t each
    for each in range(first + 1, first + count):
        row += ROW_BYTES
        if each % BLOCK_SAMPLES == 0:
            row += ANCHOR_BYTES
        sizes |= row_size(row) ^ size
        durations |= row_duration(row) ^ duration
        offsets |= <uint32_t>row_composition_offset(row)
        flags |= row_flags(row) ^ other
    shape.duration = duration
    shape.size = size
    shape.first_flags = sample_flags(row_flags(row_at(body, first)))
    shape.other_flags = sample_flags(other)
    shape.tfhd_flags = DEFAULT_BASE_IS_MOOF
    shape.trun_flags = DATA_OFFSET
    shape.tfhd_bytes = 16
    shape.trun_bytes = 20
    shape.entry_bytes = 0
    if durations:
        shape.trun_flags |= SAMPLE_DURATION
        shape.entry_bytes += 4
    else:
        shape.tfhd_flags |= DEFAULT_DURATION
        shape.tfhd_bytes += 4
    if sizes:
        shape.trun_flags |= SAMPLE_SIZE
        shape.entry_bytes += 4
    else:
        shape.tfhd_flags |= DEFAULT_SIZE
        shape.tfhd_bytes += 4
    if flags:
        shape.trun_flags |= SAMPLE_FLAGS
        shape.entry_bytes += 4
    else:
        shape.tfhd_flags |= DEFAULT_FLAGS
        shape.tfhd_bytes += 4
        if shape.first_flags != shape.other_flags:
            shape.trun_flags |= FIRST_SAMPLE_FLAGS
            shape.trun_bytes += 4
    if offsets:
        shape.trun_flags |= SAMPLE_COMPOSITION_OFFSET
        shape.entry_bytes += 4
    shape.trun_bytes += count * shape.entry_bytes
    # moof and traf heads, mfhd, tfhd, tfdt, trun
    shape.moof_bytes = 8 + 16 + 8 + shape.tfhd_bytes + 20 + shape.trun_bytes
    return shape


cdef inline Shape lone_picture(uint32_t size, uint32_t duration) noexcept nogil:
    """Give the shape of a fragment of one sync sample, all of which `tfhd` says."""
    cdef Shape shape
    shape.tfhd_flags = DEFAULT_BASE_IS_MOOF | DEFAULT_DURATION | DEFAULT_SIZE | DEFAULT_FLAGS
    shape.trun_flags = DATA_OFFSET
    shape.duration = duration
    shape.size = size
    shape.first_flags = shape.other_flags = DEPENDS_ON_NONE
    shape.entry_bytes = 0
    shape.tfhd_bytes = 16 + 12
    shape.trun_bytes = 20
    shape.moof_bytes = 8 + 16 + 8 + shape.tfhd_bytes + 20 + shape.trun_bytes
    return shape


cdef inline uint8_t* put_styp(uint8_t* out) noexcept nogil:
    """Write the box that begins a segment, of `STYP_BYTES`."""
    memcpy(out, b"\x00\x00\x00\x1cstypmsdh\x00\x00\x00\x00msdhcmfscmff", STYP_BYTES)
    return out + STYP_BYTES


cdef inline uint8_t* put_moof(uint8_t* out, const Shape* shape, uint64_t count,
                              uint32_t sequence, uint64_t decode_time) noexcept nogil:
    """Write moof up to the first entry of trun; `out` has room for `shape.moof_bytes`."""
    out = put_head(out, <uint32_t>shape.moof_bytes, b"moof")
    out = put_head(out, 16, b"mfhd")
    out = put_be32(out, 0)
    out = put_be32(out, sequence)
    out = put_head(out, <uint32_t>(8 + shape.tfhd_bytes + 20 + shape.trun_bytes), b"traf")
    out = put_head(out, <uint32_t>shape.tfhd_bytes, b"tfhd")
    out = put_be32(out, shape.tfhd_flags)
    out = put_be32(out, TRACK_ID)
    if shape.tfhd_flags & DEFAULT_DURATION:
        out = put_be32(out, shape.duration)
    if shape.tfhd_flags & DEFAULT_SIZE:
        out = put_be32(out, shape.size)
    if shape.tfhd_flags & DEFAULT_FLAGS:
        out = put_be32(out, shape.other_flags)
    out = put_head(out, 20, b"tfdt")
    out = put_be32(out, 1 << 24)
    out = put_be64(out, decode_time)
    out = put_head(out, <uint32_t>shape.trun_bytes, b"trun")
    out = put_be32(out, 1 << 24 | shape.trun_flags)
    out = put_be32(out, <uint32_t>count)
    out = put_be32(out, <uint32_t>(shape.moof_bytes + 8))
    if shape.trun_flags & FIRST_SAMPLE_FLAGS:
        out = put_be32(out, shape.first_flags)
    return out


cdef inline uint8_t* put_entries(uint8_t* out, uint32_t trun_flags, const uint8_t* body,
                                 uint64_t first, uint64_t count) noexcept nogil:
    """Write the entries of trun; what each holds was decided once, so the length is known."""
    cdef const uint8_t* row = row_at(body, first)
    cdef uint64_t each
    if trun_flags & (SAMPLE_DURATION | SAMPLE_SIZE | SAMPLE_FLAGS | SAMPLE_COMPOSITION_OFFSET) == 0:
        return out
    for each in range(first, first + count):
        if each != first:
            row += ROW_BYTES
            if each % BLOCK_SAMPLES == 0:
                row += ANCHOR_BYTES
        if trun_flags & SAMPLE_DURATION:
            out = put_be32(out, row_duration(row))
        if trun_flags & SAMPLE_SIZE:
            out = put_be32(out, row_size(row))
        if trun_flags & SAMPLE_FLAGS:
            out = put_be32(out, sample_flags(row_flags(row)))
        if trun_flags & SAMPLE_COMPOSITION_OFFSET:
            out = put_be32(out, <uint32_t>row_composition_offset(row))
    return out
