"""Python's bytes as spans: pointed at where they lie, or copied."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from native._text cimport Span


cdef inline Span pointed(bytes data) noexcept:
    """Point at bytes, which the caller keeps; no bytes at all stay no bytes."""
    cdef Span span
    span.at = NULL
    span.length = 0
    if data is not None:
        span.at = <const uint8_t*><const char*>data
        span.length = <uint32_t>len(data)
    return span


cdef inline Span packed(uint8_t** at, bytes data) noexcept:
    """Copy bytes to `at` and move it past them; no bytes at all stay no bytes."""
    cdef Span span
    span.at = NULL
    span.length = 0
    if data is not None:
        memcpy(at[0], <const char*>data, len(data))
        span.at = at[0]
        span.length = <uint32_t>len(data)
        at[0] += len(data)
    return span
