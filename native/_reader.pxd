"""Readers: the few threads that wait for a disk, so that no thread of the data plane ever does.

Before bytes of a file are sent, their pages must be in memory. Where they are not, the connection
waits, and a reader reads them into the page cache; others are served meanwhile. Between the look
and the sending the kernel may take pages away again: then that one `sendfile` waits for the disk.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc

from native._bell cimport ring_bell
from native._body cimport PAGE_BYTES, Arena, Body, Warming, body_hold, body_release, mark_broken
from native._linux cimport (
    EINTR,
    close,
    mincore,
    munmap,
    pread,
    pthread_cond_signal,
    pthread_cond_wait,
    pthread_mutex_lock,
    pthread_mutex_t,
    pthread_mutex_unlock,
    sluice_add,
    sluice_cached_pages,
    sluice_errno,
    sluice_store,
)
from native._seal cimport seal_release

cdef enum:
    GULP_BYTES = 262144          # how much a reader reads at once
    WARM_BYTES = 1048576         # how much a connection waits for, and sends, at most
    WARM_PAGES = 258


cdef inline bint is_resident(const Body* body, uint64_t start, uint64_t length) noexcept nogil:
    """Whether these bytes of a body in a file, at most `WARM_BYTES`, are in memory."""
    cdef uint64_t first = (body.offset + start) // PAGE_BYTES
    cdef uint64_t last = (body.offset + start + length - 1) // PAGE_BYTES
    cdef int64_t pages = sluice_cached_pages(
        body.file, first * PAGE_BYTES, (last - first + 1) * PAGE_BYTES
    )
    if pages >= 0:
        return <uint64_t>pages == last - first + 1
    return mapped_pages_resident(body, first, last - first + 1)


cdef inline bint mapped_pages_resident(
    const Body* body, uint64_t first, uint64_t count
) noexcept nogil:
    """Do the same by the mapping, for kernels before 6.5."""
    cdef unsigned char[258] pages    # WARM_PAGES
    cdef uint64_t each
    cdef uint8_t* base
    if body.at == NULL or count > WARM_PAGES:
        return False
    base = <uint8_t*>body.at - body.offset % PAGE_BYTES
    base += (first - body.offset // PAGE_BYTES) * PAGE_BYTES
    if mincore(base, count * PAGE_BYTES, pages) != 0:
        return False
    for each in range(count):
        if not pages[each] & 1:
            return False
    return True


cdef inline bint ask_reader(Warming* wanted) noexcept nogil:
    """Queue a wait; False when no reader is there to end it."""
    cdef Arena* arena = wanted.body.arena
    cdef bint taken
    pthread_mutex_lock(&arena.readers_lock)
    taken = arena.readers > 0 and not arena.readers_stop
    if taken:
        wanted.next = NULL
        if arena.cold == NULL:
            arena.cold = wanted
        else:
            arena.cold_last.next = wanted
        arena.cold_last = wanted
        pthread_cond_signal(&arena.work)
    pthread_mutex_unlock(&arena.readers_lock)
    return taken


cdef inline void tell_worker_of(Warming* wanted) noexcept nogil:
    """Give a wait back to the thread whose connection waits."""
    # Whoever hears of it frees it, even before the bell rings.
    cdef pthread_mutex_t* lock = wanted.lock
    cdef int* sleeping = wanted.sleeping
    cdef int wake_fd = wanted.wake_fd
    pthread_mutex_lock(lock)
    wanted.next = wanted.done[0]
    wanted.done[0] = wanted
    sluice_store(wanted.has_ready, 1)
    pthread_mutex_unlock(lock)
    ring_bell(wake_fd, sleeping)


cdef inline void warming_free(Warming* wanted) noexcept nogil:
    body_release(wanted.body)
    free(wanted)


cdef inline bint read_into_cache(Warming* wanted, uint8_t* room) noexcept nogil:
    """Read what is wanted, and throw it away: the page cache keeps it. False when it fails."""
    cdef uint64_t at = wanted.body.offset + wanted.offset
    cdef uint64_t stop = at + wanted.length
    cdef ssize_t count
    while at < stop:
        count = pread(wanted.body.file, room, min(<uint64_t>GULP_BYTES, stop - at), at)
        if count < 0 and sluice_errno() == EINTR:
            continue
        if count <= 0:
            return False
        at += count
    return True


cdef inline void close_body(Body* body) noexcept nogil:
    """Let go of a file that nobody reads any more."""
    sluice_add(&body.arena.files, -1)
    if body.at != NULL:
        munmap(<uint8_t*>body.at - body.offset % PAGE_BYTES, body.room)
    close(body.file)
    seal_release(body.seal)
    free(body)


cdef inline void close_bodies(Body* body) noexcept nogil:
    cdef Body* next
    while body != NULL:
        next = body.next
        close_body(body)
        body = next


cdef inline bint be_reader(Arena* arena) noexcept nogil:
    """Read and close until told to stop; False when memory is short."""
    cdef uint8_t* room = <uint8_t*>malloc(GULP_BYTES)
    cdef Warming* wanted
    cdef Body* closing
    if room == NULL:
        return False
    pthread_mutex_lock(&arena.readers_lock)
    arena.readers += 1
    while True:
        wanted = arena.cold
        closing = arena.closing
        if wanted != NULL:
            arena.cold = wanted.next
            pthread_mutex_unlock(&arena.readers_lock)
            wanted.failed = not read_into_cache(wanted, room)
            if wanted.failed:
                mark_broken(wanted.body)
            tell_worker_of(wanted)
            pthread_mutex_lock(&arena.readers_lock)
        elif closing != NULL:
            arena.closing = closing.next
            pthread_mutex_unlock(&arena.readers_lock)
            close_body(closing)
            pthread_mutex_lock(&arena.readers_lock)
        elif arena.readers_stop:
            break
        else:
            pthread_cond_wait(&arena.work, &arena.readers_lock)
    arena.readers -= 1
    pthread_mutex_unlock(&arena.readers_lock)
    free(room)
    return True
