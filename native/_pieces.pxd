"""The pieces that samples are divided into, and the file that samples are read from."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport realloc

from native._linux cimport EINTR, RWF_NOWAIT, iovec, preadv2, sluice_errno

cdef enum:
    LARGEST_CLEAR = 0xFFFF     # BytesOfClearData has 16 bits
    HEAD_BYTES = 256           # how much is read for the head of a unit, and what may follow it
    SHORT_HEAD_BYTES = 64      # with so much in hand none is read

cdef enum Trouble:
    SOUND
    NO_MEMORY
    BROKEN_UNIT
    UNKNOWN_SLICE
    BROKEN_FRAMES
    UNKNOWN_FRAME
    LOST_REFERENCE             # a header depends on a picture before the first sample
    TOO_MANY_PIECES
    TOO_MANY_SAMPLES
    ENDED                      # the file ends or fails too early
    WAITING                    # the disk would have to be waited for


cdef struct Piece:
    # A subsample: so many clear bytes, then so many encrypted ones.
    uint32_t clear
    uint32_t hidden


cdef struct Pieces:
    Piece* items
    size_t count
    size_t room


cdef struct Source:
    # A file that has a sample, and how much of it has come: the bytes [begin, end) of it. What
    # comes is put into a room for one sample, at its place, so that all of a fragment go through
    # the same few pages.
    int file
    uint64_t offset            # of the sample
    uint8_t* room
    uint64_t begin
    uint64_t end
    bint at_once               # without waiting for a disk


cdef inline Trouble fetch(Source* source, const uint8_t* at, uint64_t least,
                          uint64_t most) noexcept nogil:
    """See to it that `least` bytes from a place in the room on are there, or read up to `most`."""
    cdef uint64_t place = at - source.room
    cdef uint64_t stop = place + most
    cdef iovec piece
    cdef ssize_t count
    if source.begin <= place and place + least <= source.end:
        return SOUND
    source.begin = source.end = place
    while source.end < stop:
        piece.iov_base = source.room + source.end
        piece.iov_len = stop - source.end
        count = preadv2(source.file, &piece, 1, source.offset + source.end,
                        RWF_NOWAIT if source.at_once else 0)
        if count < 0 and sluice_errno() == EINTR:
            continue
        if count <= 0:
            return WAITING if source.at_once else ENDED
        source.end += count
    return SOUND


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
