"""Made segments that are encrypted: sealed by the thread that makes them, and sent as others are.

What is hidden of a picture is found by the heads of its units, read without waiting from the file
that has the samples. What would have to be waited for, does not fit, or makes no sense is Python's:
it waits where nobody else does, and says what is wrong.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, malloc

from native._body cimport Body, body_hold
from native._cipher cimport Cipher
from native._fragment cimport Fragment, fragment_of, largest_sample
from native._linux cimport sluice_add, sluice_peek
from native._pieces cimport SOUND, Source
from native._sample_information cimport Layout, forget, lay_out
from native._seal cimport Seal, seal_length, seal_release
from native._sealing cimport seal_of
from native._segment_header cimport Shape
from native._state cimport Worker
from native._subsamples cimport WHOLE
from native._table cimport Entry
from native._track cimport Track

cdef enum:
    SAMPLE_BYTES = 4194304       # of the largest sample that is divided here
    MOST_DIVIDED = 512           # samples of a segment that take less time than a turn
    SECOND = 2
    THIRD = 3


cdef inline bint can_divide(
    Worker* w, const Cipher* cipher, const Body* header, const Fragment* found
) noexcept nogil:
    """Whether this thread has the time, and a room, for the samples of a segment."""
    if cipher.division.kind == WHOLE:
        return True
    if found.samples > MOST_DIVIDED or largest_sample(header.at, found) > SAMPLE_BYTES:
        return False
    if w.sample == NULL:
        # Its pages come as they are touched: of most samples that is the first alone.
        w.sample = <uint8_t*>malloc(SAMPLE_BYTES)
    return w.sample != NULL


cdef inline bint is_asked_again(const Track* track, uint32_t number) noexcept nogil:
    """Note that a segment is asked for, and say whether Python is to answer this time.

    From memory an encrypted segment costs half of what it takes to make it, a clear one as much.
    Python keeps what it is asked for twice, so of each the second and the third request are its. If
    it is asked for here after that, there was no room.
    """
    cdef int times
    if track.cipher == NULL or number >= track.segments:
        return False
    if sluice_peek(&track.asked[number]) > THIRD:
        return False
    times = sluice_add(&track.asked[number], 1)
    return times == SECOND or times == THIRD


cdef inline Body* body_of(Seal* seal, Body* lender) noexcept nogil:
    """Give the body of a seal, which is taken over; NULL when memory is short."""
    cdef Body* body = <Body*>calloc(1, sizeof(Body))
    if body == NULL:
        seal_release(seal)
        return NULL
    body_hold(lender)
    body.refs = 1
    body.lender = lender
    body.file = lender.file
    body.arena = lender.arena
    body.seal = seal
    body.offset = seal.offset
    body.length = seal_length(seal)
    return body


cdef inline Body* sealed_segment(
    Worker* w, const Entry* track, const Body* header, const Shape* shape, uint32_t count,
    uint64_t first, uint64_t offset
) noexcept nogil:
    """Give a segment encrypted, a body that the caller holds; NULL where Python has to.

    `header` is that of the clear segment, with so many samples, the first of which has the number
    `first` in the track and lies at `offset` in the track's body.
    """
    cdef const Cipher* cipher = track.track.cipher
    cdef Fragment found = fragment_of(shape, count)
    cdef Seal* seal = NULL
    cdef Layout layout
    cdef Source source
    cdef uint32_t where
    if not can_divide(w, cipher, header, &found):
        return NULL
    offset += track.body.offset
    source.file = track.body.file
    source.offset = offset
    source.room = w.sample
    source.begin = source.end = 0
    source.at_once = True
    if lay_out(&cipher.division, header.at, w.sample, &found, &source, &layout, &where) == SOUND:
        seal = seal_of(cipher, header.at, header.length, &found, &layout, first, offset)
    forget(&layout)
    return NULL if seal == NULL else body_of(seal, track.body)
