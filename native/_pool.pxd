"""What those who make bodies know of a pool."""

from libc.stdint cimport uint64_t

from native._body cimport Body, Pool
from native._memory cimport StoredBody


cdef class BodyPool:
    cdef Pool* pool

    cdef Body* take_idle(self, uint64_t length) noexcept
    cdef StoredBody lend(self, uint64_t length)
