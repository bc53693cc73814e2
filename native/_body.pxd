"""Bodies: small ones on the heap, larger ones as pages of one memfd, or as files of a disk tier.

A page that `sendfile` was ever given may still be read by the network after every byte has been
acknowledged, so it is never written again: when the last reader of a body has gone, its pages are
punched out of the memfd, and whoever gets that place next writes to fresh ones. Places are handed
out and taken back by Python's thread alone; the data plane's threads only count readers.

A body in a file is bytes of a file that nobody writes to any more. Its pages are the page cache's,
so whoever sends it looks first whether they are there: see `_reader.pxd`.

A body in a file may be sealed: then the file has the samples of a fragment from `offset` on, and
what is sent is the fragment, encrypted. See `_seal.pxd`. One that was made for a single answer
borrows the file of another body, which it holds.

A body that is made to be sent once lies in a buffer of a pool. It is written to the socket and
never given to `sendfile`, so that its buffer, whose pages are there already, can be written anew as
soon as nobody reads it any more. Fresh pages of a memfd cost several times as much as what is done
there.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free

from native._linux cimport (
    munmap,
    pthread_cond_signal,
    pthread_cond_t,
    pthread_mutex_destroy,
    pthread_mutex_lock,
    pthread_mutex_t,
    pthread_mutex_unlock,
    sluice_add,
    sluice_store,
)
from native._seal cimport Seal, seal_release

cdef enum:
    PAGE_BYTES = 4096
    # What is written from memory rather than by sendfile: anything up to the first, and up to the
    # second what begins within a page, which sendfile would send in ragged pieces.
    SMALL_BYTES = 65536
    SMALL_UNALIGNED_BYTES = 131072

cdef struct Warming:
    # A connection's wait for bytes of a file. Where it is told of is the worker's; see `Worker`.
    Warming* next
    Body* body               # held
    uint64_t offset          # in the body
    uint64_t length
    uint32_t place
    uint32_t generation
    bint failed
    pthread_mutex_t* lock
    Warming** done           # guarded by that lock
    int* has_ready
    int wake_fd
    int* sleeping

cdef struct Arena:
    int fd
    uint8_t* base
    uint64_t size
    pthread_mutex_t lock
    Body* freed              # bodies that nobody reads any more, for Python to take back
    int has_freed
    # The readers' queues, guarded by `readers_lock`.
    pthread_mutex_t readers_lock
    pthread_cond_t work
    Warming* cold
    Warming* cold_last
    Body* closing            # files that nobody reads any more
    int readers
    int files                # bodies in files, closed ones not counted
    bint readers_stop

cdef struct Pool:
    # Guarded by `lock`. `holders` counts Python's object and the bodies that are lent.
    pthread_mutex_t lock
    Body* idle
    int holders
    uint64_t idle_bytes
    uint64_t most_idle_bytes
    uint64_t lent_bytes

cdef struct Body:
    int refs
    int file                 # -1: not in a file of its own
    int broken               # atomic: the file could not be read
    Arena* arena             # NULL: the bytes lie behind this struct, or in a buffer of `pool`
    Pool* pool               # NULL: of none
    Seal* seal               # held; NULL: what is sent is what is there
    Body* lender             # held: the file is its; NULL: it has its own, or none
    uint64_t skipped         # bytes of the fragment that come before a sealed one
    const uint8_t* at        # NULL: a file that is not mapped
    uint64_t offset          # in the arena, in the file, or in the buffer
    uint64_t length
    uint64_t room            # how many bytes of the arena it holds, of the buffer, or of addresses
    Body* next


cdef inline void body_hold(Body* body) noexcept nogil:
    sluice_add(&body.refs, 1)


cdef inline void pool_discard(Body* body) noexcept nogil:
    munmap(<void*>(body.at - body.offset), body.room)
    free(body)


cdef inline void pool_leave(Pool* pool, Body* body) noexcept nogil:
    """Give back what was lent, or with NULL the pool itself; it goes with the last holder."""
    cdef bint is_last
    pthread_mutex_lock(&pool.lock)
    if body != NULL:
        pool.lent_bytes -= body.room
        if pool.idle_bytes + body.room <= pool.most_idle_bytes:
            body.next = pool.idle
            pool.idle = body
            pool.idle_bytes += body.room
            body = NULL
    pool.holders -= 1
    is_last = pool.holders == 0
    pthread_mutex_unlock(&pool.lock)
    if body != NULL:
        pool_discard(body)
    if not is_last:
        return
    while pool.idle != NULL:
        body = pool.idle
        pool.idle = body.next
        pool_discard(body)
    pthread_mutex_destroy(&pool.lock)
    free(pool)


cdef inline void mark_broken(Body* body) noexcept nogil:
    """Note that the file of a body could not be read."""
    sluice_store(&body.broken, 1)
    if body.lender != NULL:
        sluice_store(&body.lender.broken, 1)


cdef inline void body_release(Body* body) noexcept nogil:
    cdef Arena* arena
    cdef Body* lender
    if body == NULL or sluice_add(&body.refs, -1) != 0:
        return
    if body.lender != NULL:
        lender = body.lender
        seal_release(body.seal)
        free(body)
        body = lender
        if sluice_add(&body.refs, -1) != 0:
            return
    arena = body.arena
    if body.pool != NULL:
        pool_leave(body.pool, body)
        return
    if arena == NULL:
        free(body)
        return
    if body.file >= 0:
        # To close the last descriptor of an unlinked file is to delete it, which takes the disk.
        pthread_mutex_lock(&arena.readers_lock)
        body.next = arena.closing
        arena.closing = body
        pthread_cond_signal(&arena.work)
        pthread_mutex_unlock(&arena.readers_lock)
        return
    pthread_mutex_lock(&arena.lock)
    body.next = arena.freed
    arena.freed = body
    pthread_mutex_unlock(&arena.lock)
    sluice_store(&arena.has_freed, 1)


cdef inline int body_descriptor(const Body* body) noexcept nogil:
    return body.file if body.file >= 0 else body.arena.fd


cdef inline bint by_sendfile(const Body* body, uint64_t start, uint64_t length) noexcept nogil:
    """Whether these bytes of a body go by sendfile."""
    if body.at == NULL:
        return True
    if body.arena == NULL or length <= SMALL_BYTES:
        return False
    return length > SMALL_UNALIGNED_BYTES or (body.offset + start) % PAGE_BYTES == 0
