"""Integers in byte strings, little- and big-endian, at any alignment; inlined where cimported.

No function here checks bounds: the caller has, and says so beside the call.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from "<endian.h>" nogil:
    uint32_t le32toh(uint32_t)
    uint64_t le64toh(uint64_t)
    uint32_t htobe32(uint32_t)
    uint64_t htobe64(uint64_t)
    uint32_t be32toh(uint32_t)
    uint64_t be64toh(uint64_t)


cdef inline uint32_t load_le32(const uint8_t* at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return le32toh(value)


cdef inline uint64_t load_le64(const uint8_t* at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return le64toh(value)


cdef inline uint32_t load_be32(const uint8_t* at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return be32toh(value)


cdef inline uint64_t load_be64(const uint8_t* at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return be64toh(value)


cdef inline void store_le32(uint8_t* at, uint32_t value) noexcept nogil:
    value = le32toh(value)  # the same swap in both directions
    memcpy(at, &value, 4)


cdef inline void store_le64(uint8_t* at, uint64_t value) noexcept nogil:
    value = le64toh(value)
    memcpy(at, &value, 8)


cdef inline uint8_t* put_be32(uint8_t* at, uint32_t value) noexcept nogil:
    value = htobe32(value)
    memcpy(at, &value, 4)
    return at + 4


cdef inline uint8_t* put_be64(uint8_t* at, uint64_t value) noexcept nogil:
    value = htobe64(value)
    memcpy(at, &value, 8)
    return at + 8


cdef inline uint8_t* put_head(uint8_t* at, uint32_t length, const char* kind) noexcept nogil:
    """Write the head of a box: its length and its four letters (ISO/IEC 14496-12 §4.2)."""
    at = put_be32(at, length)
    memcpy(at, kind, 4)
    return at + 4
