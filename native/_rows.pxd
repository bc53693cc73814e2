"""Samples of a file as rows of equal length: see `native/reference/sample_rows.py`."""

from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef struct SampleRow:
    uint64_t offset
    uint64_t decode_time
    int64_t composition_offset
    uint32_t size
    uint32_t duration
    uint32_t access
    uint32_t description
