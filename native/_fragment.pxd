"""The header of a clear media fragment: where its boxes lie, and what samples it speaks of.

It is checked once, before anything walks the samples: every box lies within the one around it, and
the sizes of the samples add up to the body.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

from native._bytes cimport load_be32
from native._segment_header cimport STYP_BYTES, Shape

cdef enum:
    # trun (ISO/IEC 14496-12 §8.8.8)
    DATA_OFFSET = 0x1
    FIRST_FLAGS = 0x4
    SAMPLE_DURATION = 0x100
    SAMPLE_SIZE = 0x200
    SAMPLE_FLAGS = 0x400
    SAMPLE_COMPOSITION = 0x800
    # tfhd (§8.8.7)
    BASE_DATA_OFFSET = 0x1
    DESCRIPTION_INDEX = 0x2
    DEFAULT_DURATION = 0x8
    DEFAULT_SIZE = 0x10


cdef struct Fragment:
    # Where things lie in the header of a clear fragment.
    uint64_t moof
    uint64_t traf
    uint64_t traf_end
    uint64_t run
    uint32_t run_flags
    uint32_t samples
    uint64_t entries
    uint32_t entry_bytes
    uint32_t size_at       # of the size within an entry
    uint32_t size          # of all samples, where the entries do not tell


cdef inline uint32_t sample_size(const uint8_t* header, const Fragment* found,
                                 uint32_t each) noexcept nogil:
    if not found.run_flags & SAMPLE_SIZE:
        return found.size
    return load_be32(header + found.entries + <uint64_t>each * found.entry_bytes + found.size_at)


cdef inline uint32_t largest_sample(const uint8_t* header, const Fragment* found) noexcept nogil:
    """Give the bytes of the largest sample."""
    cdef uint32_t each, largest = 0
    for each in range(found.samples):
        largest = max(largest, sample_size(header, found, each))
    return largest


cdef inline Fragment fragment_of(const Shape* shape, uint32_t count) noexcept nogil:
    """Say where things lie in a header that `put_styp` and what follows it there have written."""
    cdef Fragment found
    found.moof = STYP_BYTES
    found.traf = found.moof + 8 + 16
    found.traf_end = found.moof + shape.moof_bytes
    found.run = found.traf_end - shape.trun_bytes
    found.run_flags = shape.trun_flags
    found.samples = count
    found.entries = found.run + 20
    found.entries += 4 if found.run_flags & FIRST_FLAGS else 0
    found.size_at = 4 if found.run_flags & SAMPLE_DURATION else 0
    found.entry_bytes = shape.entry_bytes
    found.size = shape.size
    return found


cdef inline uint64_t box_end(bytes header, uint64_t at, uint64_t end) except 0:
    """Give where a box ends; its letters are the four bytes from `at` + 4 on."""
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(header)
    cdef uint64_t length
    if end - at < 8:
        raise ValueError(f"the fragment's header ends within a box at byte {at}")
    length = load_be32(data + at)
    if not 8 <= length <= end - at:
        raise ValueError(f"a box at byte {at} of the fragment's header claims {length} bytes")
    return at + length


cdef inline int find_run(bytes header, uint64_t body_bytes, Fragment* found) except -1:
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(header)
    cdef uint64_t at = found.traf + 8
    cdef uint64_t end
    cdef uint64_t total = 0
    cdef uint64_t head
    cdef uint32_t flags, each
    cdef const char* kind
    while at < found.traf_end:
        end = box_end(header, at, found.traf_end)
        kind = <const char*>data + at + 4
        if memcmp(kind, b"tfhd", 4) == 0:
            flags = load_be32(data + at + 8) & 0xFFFFFF if end - at >= 16 else 0
            head = at + 16
            head += 8 if flags & BASE_DATA_OFFSET else 0
            head += 4 if flags & DESCRIPTION_INDEX else 0
            head += 4 if flags & DEFAULT_DURATION else 0
            if flags & DEFAULT_SIZE and head + 4 <= end:
                found.size = load_be32(data + head)
        elif memcmp(kind, b"trun", 4) == 0:
            if found.run:
                raise ValueError("the fragment has more than one run")
            if end - at < 16:
                raise ValueError("the fragment's trun is cut off")
            found.run = at
            found.run_flags = load_be32(data + at + 8) & 0xFFFFFF
            found.samples = load_be32(data + at + 12)
            found.entries = at + 16
            found.entries += 4 if found.run_flags & DATA_OFFSET else 0
            found.entries += 4 if found.run_flags & FIRST_FLAGS else 0
            found.size_at = 4 if found.run_flags & SAMPLE_DURATION else 0
            found.entry_bytes = found.size_at
            found.entry_bytes += 4 if found.run_flags & SAMPLE_SIZE else 0
            found.entry_bytes += 4 if found.run_flags & SAMPLE_FLAGS else 0
            found.entry_bytes += 4 if found.run_flags & SAMPLE_COMPOSITION else 0
            if found.entries + <uint64_t>found.samples * found.entry_bytes > end:
                raise ValueError("the fragment's trun is cut off")
        elif (
            memcmp(kind, b"senc", 4) == 0
            or memcmp(kind, b"saiz", 4) == 0
            or memcmp(kind, b"saio", 4) == 0
        ):
            raise ValueError("the fragment is encrypted already")
        at = end
    if not found.run or not found.run_flags & DATA_OFFSET:
        raise ValueError("the fragment has no run that says where its samples lie")
    if found.samples == 0 or found.samples > body_bytes:
        raise ValueError(f"{found.samples} samples in {body_bytes} bytes")
    for each in range(found.samples):
        total += sample_size(data, found, each)
    if total != body_bytes:
        raise ValueError(f"samples of {total} bytes in {body_bytes}")
    return 0


cdef inline int find(bytes header, uint64_t body_bytes, Fragment* found) except -1:
    """Find what has to change in a header, and prove that it fits the body."""
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(header)
    cdef uint64_t length = len(header)
    cdef uint64_t at = 0
    cdef uint64_t end, moof_end = 0
    memset(found, 0, sizeof(Fragment))
    if (
        length < 8
        or load_be32(data + length - 8) != body_bytes + 8
        or memcmp(data + length - 4, b"mdat", 4) != 0
    ):
        raise ValueError(f"the header does not end in an mdat of {body_bytes} bytes")
    while at < length - 8:
        end = box_end(header, at, length - 8)
        if memcmp(data + at + 4, b"moof", 4) == 0:
            found.moof, moof_end = at, end
        at = end
    if moof_end == 0 or moof_end != length - 8:
        raise ValueError("no moof lies right before mdat")
    at = found.moof + 8
    while at < moof_end:
        end = box_end(header, at, moof_end)
        if memcmp(data + at + 4, b"traf", 4) == 0:
            if found.traf_end:
                raise ValueError("the fragment has more than one track")
            found.traf, found.traf_end = at, end
        at = end
    if not found.traf_end:
        raise ValueError("the fragment has no track")
    return find_run(header, body_bytes, found)
