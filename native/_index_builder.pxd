"""What the writer of track indexes owns."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t


@cython.final
cdef class IndexBuilder:
    cdef uint8_t[1040] block   # the block being filled
    cdef uint32_t filled       # bytes of it in use
    cdef uint32_t timescale
    cdef uint32_t body_crc
    cdef bint finished
    cdef uint64_t base_time
    cdef bytes description
    cdef list ready            # whole blocks that nobody took yet
    cdef readonly uint32_t header_length
    cdef readonly uint64_t sample_count
    cdef readonly uint64_t data_length
    cdef readonly uint64_t duration

    cdef int append(self, long long size, long long duration, long long composition_offset,
                    long long flags) except -1
    cdef int check(self, long long size, long long duration, long long composition_offset,
                   long long flags) except -1
    cdef int close_block(self) except -1
    cdef bytes header(self, uint64_t priming)
