# cython: boundscheck=False, wraparound=False, cdivision=True
"""Memory for bodies: places in one memfd handed out, and taken back when nobody reads any more.

Everything here runs on the thread that has the event loop; see `_body.pxd` for what the data
plane's threads do with a body.
"""

cimport cython
from cpython.buffer cimport (
    PyBUF_SIMPLE,
    PyBuffer_FillInfo,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from native._body cimport Body, body_release
from native._linux cimport (
    FALLOC_FL_KEEP_SIZE,
    FALLOC_FL_PUNCH_HOLE,
    MADV_NOHUGEPAGE,
    MAP_FAILED,
    MAP_NORESERVE,
    MAP_SHARED,
    MFD_CLOEXEC,
    PROT_READ,
    PROT_WRITE,
    close,
    fallocate,
    ftruncate,
    madvise,
    memfd_create,
    mmap,
    munmap,
    pthread_mutex_destroy,
    pthread_mutex_init,
    pthread_mutex_lock,
    pthread_mutex_unlock,
    sluice_load,
    sluice_store,
)

cdef enum:
    GRANULE = 4096               # places in the arena begin at multiples of this: a page
    HEAP_BYTES = 8192            # a body up to this long lies on the heap


cdef uint64_t room_for(uint64_t length) noexcept:
    """Round up to a place's size: four sizes to each doubling, so that places fit again."""
    cdef uint64_t granules = (length + GRANULE - 1) // GRANULE
    cdef uint64_t step = 1
    while granules > step * 8:
        step *= 2
    return (granules + step - 1) // step * step * GRANULE


# What it holds never refers back to it, and must outlast it.
@cython.no_gc
@cython.final
cdef class Memory:
    """Where bodies are kept: one sparse memfd of `size_bytes` addresses, and the heap.

    Addresses are not memory: only pages that were written take any, so give many times what is to
    be kept. Raises `OSError` when the kernel refuses them.
    """

    def __cinit__(self, unsigned long long size_bytes):
        self.arena.fd = -1
        self.arena.size = (size_bytes + GRANULE - 1) // GRANULE * GRANULE
        self.places = {}
        pthread_mutex_init(&self.arena.lock, NULL)
        self.arena.fd = memfd_create(b"sluice", MFD_CLOEXEC)
        if self.arena.fd < 0 or ftruncate(self.arena.fd, self.arena.size) != 0:
            raise OSError(f"no memory file of {self.arena.size} bytes")
        self.arena.base = <uint8_t*>mmap(
            NULL, self.arena.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
            self.arena.fd, 0,
        )
        if self.arena.base == MAP_FAILED:
            self.arena.base = NULL
            raise OSError(f"no addresses for {self.arena.size} bytes")
        # A part of a huge page that a socket still holds is not punched out but overwritten with
        # zeros. A kernel without huge pages refuses the advice, and needs none.
        madvise(self.arena.base, self.arena.size, MADV_NOHUGEPAGE)

    def __dealloc__(self):
        # Every body holds this object, and the threads are gone before the last of them is.
        self.take_back()
        if self.arena.base != NULL:
            munmap(self.arena.base, self.arena.size)
        if self.arena.fd >= 0:
            close(self.arena.fd)
        pthread_mutex_destroy(&self.arena.lock)

    def keep(self, data not None):
        """Copy a body into memory. Raises `MemoryError` when there is no room."""
        cdef StoredBody kept
        cdef Py_buffer view
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            kept = new_body()
            kept.memory = self
            kept.body = self.take(view.len)
            memcpy(<void*>kept.body.at, view.buf, view.len)
            return kept
        finally:
            PyBuffer_Release(&view)

    def reclaim(self):
        """Take back what nobody reads any more; `keep` does so, too."""
        self.take_back()

    cdef Body* take(self, uint64_t length) except NULL:
        cdef Body* body
        self.take_back()
        if length > HEAP_BYTES:
            return self.take_place(length)
        body = <Body*>malloc(sizeof(Body) + length)
        if body == NULL:
            raise MemoryError(f"no room for a body of {length} bytes")
        memset(body, 0, sizeof(Body))
        body.refs = 1
        body.at = <uint8_t*>body + sizeof(Body)
        body.length = length
        return body

    cdef Body* take_place(self, uint64_t length) except NULL:
        cdef uint64_t room = room_for(length)
        cdef list free_places = self.places.get(room)
        cdef Body* body
        if not free_places and room > self.arena.size - self.top:
            raise MemoryError(f"no place for a body of {length} bytes")
        body = <Body*>calloc(1, sizeof(Body))
        if body == NULL:
            raise MemoryError(f"no room for a body of {length} bytes")
        body.refs = 1
        body.arena = &self.arena
        body.room = room
        body.length = length
        if free_places:
            body.offset = free_places.pop()
        else:
            body.offset = self.top
            self.top += room
        body.at = self.arena.base + body.offset
        return body

    cdef int take_back(self) except -1:
        """Punch out the pages of what nobody reads any more, and let their places be taken."""
        cdef Body* body
        cdef Body* next
        if not sluice_load(&self.arena.has_freed):
            return 0
        pthread_mutex_lock(&self.arena.lock)
        body = self.arena.freed
        self.arena.freed = NULL
        sluice_store(&self.arena.has_freed, 0)
        pthread_mutex_unlock(&self.arena.lock)
        while body != NULL:
            next = body.next
            # A place whose pages cannot be punched out is not used again.
            if fallocate(self.arena.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                         body.offset, body.room) == 0:
                self.places.setdefault(body.room, []).append(body.offset)
            free(body)
            body = next
        return 0


# Only this module makes bodies: one without its memory must never be reachable.
cdef bint making = False


cdef StoredBody new_body():
    global making
    making = True
    try:
        return StoredBody.__new__(StoredBody)
    finally:
        making = False


# What it holds never refers back to it, and must outlast it.
@cython.no_gc
@cython.final
cdef class StoredBody:
    """A body in memory, as a buffer of bytes that never change."""

    def __cinit__(self):
        if not making:
            raise TypeError("bodies come from Memory.keep")

    def __dealloc__(self):
        body_release(self.body)

    def __len__(self):
        return self.body.length

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, <void*>self.body.at, self.body.length, True, flags)

    def __releasebuffer__(self, Py_buffer* view):
        pass
