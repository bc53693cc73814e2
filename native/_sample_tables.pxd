"""The sample tables of `stbl` and a place in them; rows are read where they lie.

Nothing here checks bounds: `SampleTables` has, before it hands its tables out.
"""

cimport cython
from cpython.buffer cimport Py_buffer
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from native._bytes cimport load_be32, load_be64
from native._sample cimport OPEN_RANDOM_ACCESS, SYNC, Reached, Sample, Span


cdef struct Tables:
    # The tables of a track, which have been checked against each other and the file.
    uint64_t samples
    const uint8_t* sizes
    uint64_t constant_size
    uint32_t size_bits
    Span chunks
    uint64_t chunk_width
    Span maps
    Span durations
    Span compositions
    Span sync
    bint has_sync
    Span partial
    Span groups


cdef struct Folded:
    # A place in a table of run-length rows of eight bytes.
    const uint8_t* row
    uint64_t rows_left
    uint64_t samples_left
    uint32_t value


cdef struct Numbers:
    # A place in a table of sample numbers.
    const uint8_t* row
    uint64_t left


cdef struct TablePlace:
    Folded durations
    Folded compositions
    Folded groups
    Numbers sync
    Numbers partial
    uint64_t sample       # from 0
    uint64_t chunk        # from 0
    uint64_t map          # row of stsc that tells of the chunk
    uint64_t in_chunk     # samples of the chunk that were given
    uint64_t offset
    uint64_t time


cdef inline uint64_t size_of(const Tables* tables, uint64_t number) noexcept nogil:
    cdef const uint8_t* at
    if tables.constant_size:
        return tables.constant_size
    if tables.size_bits == 32:
        return load_be32(tables.sizes + 4 * number)
    if tables.size_bits == 16:
        at = tables.sizes + 2 * number
        return <uint64_t>at[0] << 8 | at[1]
    if tables.size_bits == 8:
        return tables.sizes[number]
    at = tables.sizes + number // 2
    return at[0] & 15 if number % 2 else at[0] >> 4


cdef inline uint64_t bytes_of(const Tables* tables, uint64_t first, uint64_t count) noexcept nogil:
    cdef uint64_t length = 0
    cdef uint64_t number
    if tables.constant_size:
        return tables.constant_size * count
    for number in range(first, first + count):
        length += size_of(tables, number)
    return length


cdef inline uint64_t chunk_offset(const Tables* tables, uint64_t number) noexcept nogil:
    cdef const uint8_t* at = tables.chunks.rows + number * tables.chunk_width
    return load_be64(at) if tables.chunk_width == 8 else load_be32(at)


cdef inline uint64_t map_first(const Tables* tables, uint64_t number) noexcept nogil:
    return load_be32(tables.maps.rows + 12 * number)


cdef inline uint64_t map_samples(const Tables* tables, uint64_t number) noexcept nogil:
    return load_be32(tables.maps.rows + 12 * number + 4)


cdef inline uint64_t map_end(const Tables* tables, uint64_t number) noexcept nogil:
    """Give the first chunk, from 0, that the row does not tell of."""
    if number + 1 < tables.maps.count:
        return map_first(tables, number + 1) - 1
    return tables.chunks.count


cdef inline Folded folded(Span span) noexcept nogil:
    cdef Folded at
    at.row = span.rows
    at.rows_left = span.count
    at.samples_left = 0
    at.value = 0
    return at


cdef inline uint32_t unfold(Folded* at) noexcept nogil:
    """Give the value of the next sample, zero behind the last row."""
    while at.samples_left == 0:
        if at.rows_left == 0:
            return 0
        at.samples_left = load_be32(at.row)
        at.value = load_be32(at.row + 4)
        at.row += 8
        at.rows_left -= 1
    at.samples_left -= 1
    return at.value


cdef inline Numbers numbers(Span span) noexcept nogil:
    cdef Numbers at
    at.row = span.rows
    at.left = span.count
    return at


cdef inline bint names(Numbers* at, uint64_t number) noexcept nogil:
    """Whether the table names the sample, from 1; asked for rising numbers."""
    if at.left == 0 or load_be32(at.row) != number:
        return False
    at.row += 4
    at.left -= 1
    return True


cdef inline TablePlace first_place(const Tables* tables) noexcept nogil:
    cdef TablePlace at
    at.durations = folded(tables.durations)
    at.compositions = folded(tables.compositions)
    at.groups = folded(tables.groups)
    at.sync = numbers(tables.sync)
    at.partial = numbers(tables.partial)
    at.sample = at.chunk = at.map = at.in_chunk = 0
    at.offset = at.time = 0
    return at


cdef inline void table_sample(const Tables* tables, TablePlace* at, Sample* out) noexcept nogil:
    """Give the sample at a place, which is not behind the last one, and move on."""
    if at.in_chunk == map_samples(tables, at.map):
        at.in_chunk = 0
        at.chunk += 1
        if at.chunk == map_end(tables, at.map):
            at.map += 1
    if at.in_chunk == 0:
        at.offset = chunk_offset(tables, at.chunk)
    out.offset = at.offset
    out.size = size_of(tables, at.sample)
    out.time = at.time
    out.composition = <int32_t>unfold(&at.compositions)
    out.duration = unfold(&at.durations)
    out.access = OPEN_RANDOM_ACCESS if unfold(&at.groups) else 0
    at.sample += 1
    if names(&at.partial, at.sample):
        out.access = OPEN_RANDOM_ACCESS
    if names(&at.sync, at.sample) or not tables.has_sync:
        out.access = SYNC
    out.description = load_be32(tables.maps.rows + 12 * at.map + 8)
    at.in_chunk += 1
    at.offset += out.size
    at.time += out.duration


@cython.final
cdef class SampleTables:
    cdef Py_buffer view        # borrowed from the caller's object until __dealloc__
    cdef bint held             # whether view must be released
    cdef const uint8_t* data
    cdef dict boxes
    cdef str path
    cdef uint64_t descriptions
    cdef str size_kind
    cdef str chunk_kind
    cdef Tables tables
    cdef Reached reached

    cdef tuple box(self, str kind)
    cdef object wrong(self, str kind, uint64_t at, str problem)
    cdef uint64_t where(self, const uint8_t* at) noexcept
    cdef Span entries(self, str kind, uint64_t head, uint64_t width) except *
    cdef int read_sizes(self) except -1
    cdef uint64_t first_without_bytes(self) noexcept nogil
    cdef int read_chunks(self) except -1
    cdef int check_maps(self) except -1
    cdef int read_durations(self) except -1
    cdef int read_compositions(self) except -1
    cdef int check_counts(self, str kind, Span span, bint exact) except -1
    cdef Span read_numbers(self, str kind) except *
    cdef int read_groups(self) except -1
