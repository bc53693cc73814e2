"""What the tables and the fragments of a track have in common: a sample, and how far it got.

Sums cannot wrap: counts and sizes have 32 bits, bytes are compared with the file's length before
they are added up, and decode times stay below 2**62 from one run to the next.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    SYNC = 1
    OPEN_RANDOM_ACCESS = 2
    LONGEST_DURATION = 0x7FFFFFFF
    LATEST_TIME = 0x4000000000000000


cdef struct Span:
    # A table's rows: where they begin, how many there are. No rows where the box is absent.
    const uint8_t* rows
    uint64_t count


cdef struct Sample:
    uint64_t offset
    uint64_t size
    uint64_t time
    int64_t composition
    uint64_t duration
    uint32_t access
    uint32_t description


cdef struct Reached:
    # A track's samples so far: their number, the decode time behind the last one and that of the
    # last one itself; the byte behind the farthest, and whether each lies behind those before it.
    uint64_t samples
    uint64_t duration
    uint64_t last_time
    uint64_t file_bytes
    uint64_t data_end
    bint ascending


cdef inline int claim(Reached* track, uint64_t offset, uint64_t length) noexcept nogil:
    """Note that the track has these bytes; -1 where the file does not."""
    if offset > track.file_bytes or length > track.file_bytes - offset:
        return -1
    if offset < track.data_end:
        track.ascending = False
    if offset + length > track.data_end:
        track.data_end = offset + length
    return 0


cdef inline str beyond(const Reached* track, uint64_t offset, uint64_t length):
    return f"places {length} bytes at {offset}, beyond the file's {track.file_bytes}"
