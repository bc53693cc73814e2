"""What the reader of track indexes owns."""

cimport cython
from cpython.buffer cimport Py_buffer
from libc.stdint cimport uint8_t, uint32_t, uint64_t


@cython.final
cdef class TrackIndex:
    cdef Py_buffer view        # borrowed from the caller's object until __dealloc__
    cdef bint held             # whether view must be released
    cdef const uint8_t* body   # into view, after the header
    cdef readonly uint32_t timescale
    cdef readonly uint64_t sample_count
    cdef readonly uint64_t data_length
    cdef readonly uint64_t duration
    cdef readonly uint64_t base_time
    cdef readonly uint64_t priming
    cdef readonly bytes description

    cdef int read_header(self) except -1
    cdef int check_quantities(self, uint64_t held) except -1
    cdef int check_rows(self) except -1
    cdef int check_range(self, Py_ssize_t first, Py_ssize_t count) except -1
    cdef Py_ssize_t segment_end(self, starts, Py_ssize_t number) except -1
