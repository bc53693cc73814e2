"""The track index's layout: see `native/reference/layout.py`.

No function here checks bounds: the caller has proved that its samples lie within the body.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from native._bytes cimport load_le32

cdef enum:
    FIXED_HEADER = 72
    BLOCK_SAMPLES = 64
    ANCHOR_BYTES = 16
    ROW_BYTES = 16
    BLOCK_BYTES = 1040  # ANCHOR_BYTES + BLOCK_SAMPLES * ROW_BYTES
    SYNC = 1
    OPEN_RANDOM_ACCESS = 2

cdef extern from *:
    """
    #include <stdint.h>
    #define INDEX_MAGIC "SLICEIX1"
    #define LARGEST_U32 ((uint64_t)UINT32_MAX)
    #define LARGEST_TIME ((uint64_t)INT64_MAX)
    """
    const char* INDEX_MAGIC
    const uint64_t LARGEST_U32
    const uint64_t LARGEST_TIME


cdef inline const uint8_t* row_at(const uint8_t* body, uint64_t number) noexcept nogil:
    return (body + (number // BLOCK_SAMPLES) * BLOCK_BYTES + ANCHOR_BYTES
            + (number % BLOCK_SAMPLES) * ROW_BYTES)


cdef inline uint32_t row_size(const uint8_t* row) noexcept nogil:
    return load_le32(row)


cdef inline uint32_t row_duration(const uint8_t* row) noexcept nogil:
    return load_le32(row + 4)


cdef inline int32_t row_composition_offset(const uint8_t* row) noexcept nogil:
    return <int32_t>load_le32(row + 8)


cdef inline uint32_t row_flags(const uint8_t* row) noexcept nogil:
    return load_le32(row + 12)


cdef inline bint flags_are_wrong(uint64_t flags) noexcept nogil:
    return flags > OPEN_RANDOM_ACCESS


cdef inline str flags_problem(uint64_t flags):
    if flags & ~<uint64_t>(SYNC | OPEN_RANDOM_ACCESS):
        return f"has bits without a meaning: {flags:#x}"
    return "says both sync and open random access"
