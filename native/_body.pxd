"""Bodies in memory: small ones on the heap, larger ones as pages of one memfd.

A page that `sendfile` was ever given may still be read by the network after every byte has been
acknowledged, so it is never written again: when the last reader of a body has gone, its pages are
punched out of the file, and whoever gets that place next writes to fresh ones. Places are handed
out and taken back by Python's thread alone; the data plane's threads only count readers.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free

from native._linux cimport (
    pthread_mutex_lock,
    pthread_mutex_t,
    pthread_mutex_unlock,
    sluice_add,
    sluice_store,
)

cdef enum:
    PAGE_BYTES = 4096
    # What is written from memory rather than by sendfile: anything up to the first, and up to the
    # second what begins within a page, which sendfile would send in ragged pieces.
    SMALL_BYTES = 8192
    SMALL_UNALIGNED_BYTES = 131072

cdef struct Arena:
    int fd
    uint8_t* base
    uint64_t size
    pthread_mutex_t lock
    Body* freed              # bodies that nobody reads any more, for Python to take back
    int has_freed

cdef struct Body:
    int refs
    Arena* arena             # NULL: the bytes lie behind this struct
    const uint8_t* at
    uint64_t offset
    uint64_t length
    uint64_t room            # how many bytes of the arena it holds
    Body* next


cdef inline void body_hold(Body* body) noexcept nogil:
    sluice_add(&body.refs, 1)


cdef inline void body_release(Body* body) noexcept nogil:
    cdef Arena* arena
    if body == NULL or sluice_add(&body.refs, -1) != 0:
        return
    arena = body.arena
    if arena == NULL:
        free(body)
        return
    pthread_mutex_lock(&arena.lock)
    body.next = arena.freed
    arena.freed = body
    pthread_mutex_unlock(&arena.lock)
    sluice_store(&arena.has_freed, 1)


cdef inline bint by_sendfile(const Body* body, uint64_t start, uint64_t length) noexcept nogil:
    """Whether these bytes of a body go by sendfile."""
    if body.arena == NULL or length <= SMALL_BYTES:
        return False
    return length > SMALL_UNALIGNED_BYTES or (body.offset + start) % PAGE_BYTES == 0
