"""Which bytes of a sample are encrypted: see native/reference/protection.py for the clauses.

A sample is divided into pieces, each so many clear bytes and then so many encrypted ones.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport realloc

from native._aes cimport BLOCK
from native._avc cimport SLICE, SLICE_IDR, AvcSlice, avc_slice_header

cdef enum:
    LARGEST_CLEAR = 0xFFFF     # BytesOfClearData has 16 bits
    MOST_INFORMATION = 255     # sample_info_size has 8
    MOST_STRIDE = 4096

cdef enum Trouble:
    SOUND
    NO_MEMORY
    BROKEN_UNIT
    UNKNOWN_SLICE
    TOO_MANY_PIECES


cdef struct Piece:
    # A subsample: so many clear bytes, then so many encrypted ones.
    uint32_t clear
    uint32_t hidden


cdef struct Pieces:
    Piece* items
    size_t count
    size_t room


cdef struct Division:
    # How the samples of a track are divided.
    bint by_units          # they are made of NAL units, which stay readable
    bint pattern           # cbcs, else cenc
    int length_size
    const AvcSlice* sets


cdef inline bint keep(Pieces* pieces, uint32_t clear, uint32_t hidden) noexcept nogil:
    cdef Piece* items
    if pieces.count == pieces.room:
        items = <Piece*>realloc(pieces.items, 2 * pieces.room * sizeof(Piece))
        if items == NULL:
            return False
        pieces.items = items
        pieces.room *= 2
    pieces.items[pieces.count].clear = clear
    pieces.items[pieces.count].hidden = hidden
    pieces.count += 1
    return True


cdef inline bint keep_all(Pieces* pieces, uint64_t clear, uint32_t hidden) noexcept nogil:
    """Keep a piece whose clear bytes may need entries of their own."""
    while clear > LARGEST_CLEAR:
        if not keep(pieces, LARGEST_CLEAR, 0):
            return False
        clear -= LARGEST_CLEAR
    return keep(pieces, <uint32_t>clear, hidden)


cdef inline uint32_t vector_bytes(const Division* division) noexcept nogil:
    """Give the bytes of a sample's own vector in its entry."""
    return 0 if division.pattern else 8


cdef inline Trouble divide_units(const Division* division, const uint8_t* sample, uint64_t size,
                                 int stride, Pieces* pieces) noexcept nogil:
    """Hide the data of every `stride`th slice."""
    cdef uint64_t at = 0
    cdef uint64_t clear = 0
    cdef uint64_t length, rest
    cdef int64_t head
    cdef int kind, digit
    cdef int slices = 0
    cdef const uint8_t* unit
    while at < size:
        if size - at < <uint64_t>division.length_size:
            return BROKEN_UNIT
        length = 0
        for digit in range(division.length_size):
            length = length << 8 | sample[at + digit]
        if length == 0 or length > size - at - division.length_size:
            return BROKEN_UNIT
        unit = sample + at + division.length_size
        kind = unit[0] & 31
        rest = 0
        if kind == SLICE or kind == SLICE_IDR:
            if slices % stride == 0:
                head = avc_slice_header(unit, length, division.sets)
                if head < 0:
                    return UNKNOWN_SLICE
                rest = length - head
                if not division.pattern:
                    rest -= rest % BLOCK
                elif rest < BLOCK:
                    rest = 0
            slices += 1
        clear += division.length_size + length - rest
        if rest:
            if not keep_all(pieces, clear, <uint32_t>rest):
                return NO_MEMORY
            clear = 0
        at += division.length_size + length
    if clear and not keep_all(pieces, clear, 0):
        return NO_MEMORY
    return SOUND


cdef inline Trouble divide(const Division* division, const uint8_t* sample, uint64_t size,
                           Pieces* pieces) noexcept nogil:
    """Divide a sample; where its entry would be too long, hide only every other slice, or less."""
    cdef size_t before = pieces.count
    cdef size_t most = (MOST_INFORMATION - 2 - vector_bytes(division)) // 6
    cdef Trouble trouble
    cdef int stride
    for stride in range(1, MOST_STRIDE):
        pieces.count = before
        trouble = divide_units(division, sample, size, stride, pieces)
        if trouble != SOUND or pieces.count - before <= most:
            return trouble
    return TOO_MANY_PIECES


cdef inline int refuse(Trouble trouble, uint32_t number) except -1:
    if trouble == SOUND:
        return 0
    if trouble == NO_MEMORY:
        raise MemoryError
    if trouble == BROKEN_UNIT:
        raise ValueError(f"sample {number} of the fragment is not made of whole NAL units")
    if trouble == UNKNOWN_SLICE:
        raise ValueError(f"sample {number} of the fragment has a slice header that makes no sense")
    raise ValueError(f"sample {number} of the fragment has too much that must stay clear")
