# cython: boundscheck=False, wraparound=False, cdivision=True
"""Buffers for bodies that are made, sent and forgotten: used again rather than let go of.

To ask the kernel for pages costs more than to fill them, and to give them back costs once more.
"""

cimport cython
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc, free

from native._body cimport Body, Pool, pool_leave
from native._linux cimport (
    MAP_ANONYMOUS,
    MAP_FAILED,
    MAP_PRIVATE,
    PROT_READ,
    PROT_WRITE,
    mmap,
    pthread_mutex_init,
    pthread_mutex_lock,
    pthread_mutex_unlock,
)
from native._memory cimport StoredBody, new_body

cdef enum:
    GRANULE = 65536              # buffers have multiples of this


# What it holds never refers back to it.
@cython.no_gc
@cython.final
cdef class BodyPool:
    """Lends buffers; of those that came back it keeps at most `idle_bytes`, the last ones first.

    A body of it may outlast it.
    """

    def __cinit__(self, unsigned long long idle_bytes):
        self.pool = <Pool*>calloc(1, sizeof(Pool))
        if self.pool == NULL:
            raise MemoryError
        pthread_mutex_init(&self.pool.lock, NULL)
        self.pool.holders = 1
        self.pool.most_idle_bytes = idle_bytes

    def __dealloc__(self):
        if self.pool != NULL:
            pool_leave(self.pool, NULL)

    @property
    def lent_bytes(self):
        """How much memory bodies have that somebody still reads."""
        cdef uint64_t lent_bytes
        pthread_mutex_lock(&self.pool.lock)
        lent_bytes = self.pool.lent_bytes
        pthread_mutex_unlock(&self.pool.lock)
        return lent_bytes

    cdef StoredBody lend(self, uint64_t length):
        """Give a body of so many bytes, to be written before anybody else has it."""
        cdef StoredBody made = new_body()
        cdef Body* body = self.take_idle(length)
        cdef void* room
        if body == NULL:
            body = <Body*>calloc(1, sizeof(Body))
            if body == NULL:
                raise MemoryError(f"no room for a body of {length} bytes")
            body.room = (length + GRANULE - 1) // GRANULE * GRANULE
            room = mmap(NULL, body.room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            if room == MAP_FAILED:
                free(body)
                raise MemoryError(f"no room for a body of {length} bytes")
            body.file = -1
            body.pool = self.pool
            body.at = <const uint8_t*>room
        body.at -= body.offset
        body.offset = 0
        body.length = length
        body.refs = 1
        pthread_mutex_lock(&self.pool.lock)
        self.pool.holders += 1
        self.pool.lent_bytes += body.room
        pthread_mutex_unlock(&self.pool.lock)
        made.body = body
        return made

    cdef Body* take_idle(self, uint64_t length) noexcept:
        """Take the last buffer that came back and is large enough, but not much too large."""
        cdef Body** place = &self.pool.idle
        cdef Body* body
        pthread_mutex_lock(&self.pool.lock)
        while place[0] != NULL and not length <= place[0].room <= 2 * length + GRANULE:
            place = &place[0].next
        body = place[0]
        if body != NULL:
            place[0] = body.next
            self.pool.idle_bytes -= body.room
        pthread_mutex_unlock(&self.pool.lock)
        return body
