# cython: boundscheck=False, wraparound=False, cdivision=True
"""Memory for bodies: places in one memfd handed out, and taken back when nobody reads any more.

Bodies may be files as well, whose pages are the page cache's. Everything here but `Memory.read`
runs on the thread that has the event loop; see `_body.pxd` for what the data plane's threads do
with a body.
"""

cimport cython
from cpython.buffer cimport (
    PyBUF_SIMPLE,
    PyBuffer_FillInfo,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from native._body cimport PAGE_BYTES, Body, body_release
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
    pthread_cond_broadcast,
    pthread_cond_destroy,
    pthread_cond_init,
    pthread_mutex_destroy,
    pthread_mutex_init,
    pthread_mutex_lock,
    pthread_mutex_unlock,
    sluice_add,
    sluice_dup,
    sluice_file_size,
    sluice_load,
    sluice_store,
)
from native._reader cimport be_reader, close_bodies
from native._seal cimport SEAL_ROOM, Seal, copy_sealed, read_all, seal_length
from native._sealed cimport SealedFragment

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


cdef bint read_body(const Body* body, uint8_t* out, uint64_t start, uint64_t stop) noexcept nogil:
    """Copy bytes of a body in a file; False where the file ends or fails."""
    cdef uint8_t* room
    cdef bint done
    if body.seal == NULL:
        return read_all(body.file, out, stop - start, body.offset + start)
    room = <uint8_t*>malloc(SEAL_ROOM)
    done = room != NULL and copy_sealed(body.seal, body.file, room, out, body.skipped + start,
                                        body.skipped + stop)
    free(room)
    return done


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
        pthread_mutex_init(&self.arena.readers_lock, NULL)
        pthread_cond_init(&self.arena.work, NULL)
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
        close_bodies(self.arena.closing)
        if self.arena.base != NULL:
            munmap(self.arena.base, self.arena.size)
        if self.arena.fd >= 0:
            close(self.arena.fd)
        pthread_mutex_destroy(&self.arena.lock)
        pthread_mutex_destroy(&self.arena.readers_lock)
        pthread_cond_destroy(&self.arena.work)

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

    def keep_file(
        self, int descriptor, unsigned long long offset, unsigned long long length, *,
        bint mapped=True,
    ):
        """Let `length` bytes from `offset` on of a file be a body, which are never written again.

        Short stretches are sent from a mapping, unless there is to be none: then none of its pages
        count as ours. The descriptor stays the caller's. Raises `OSError` when it is no regular
        file that has those bytes, or when descriptors have run out.
        """
        cdef StoredBody kept
        cdef int64_t size = sluice_file_size(descriptor)
        if size < 0 or offset > <uint64_t>size or length > <uint64_t>size - offset or length == 0:
            raise OSError(f"no regular file with the bytes {offset} to {offset + length}")
        kept = new_body()
        kept.memory = self
        kept.body = self.open_file(descriptor, offset, length, mapped)
        return kept

    def keep_sealed(self, int descriptor, SealedFragment sealed not None,
                    unsigned long long start, unsigned long long stop):
        """Let bytes of a fragment be a body that is encrypted when it is sent.

        The descriptor, that of the file with its samples, stays the caller's. Raises `OSError` when
        it is no regular file that has them, or when descriptors have run out.
        """
        cdef StoredBody kept
        cdef Seal* seal = sealed.seal
        cdef int64_t size = sluice_file_size(descriptor)
        if size < 0 or seal.offset > <uint64_t>size \
                or seal.sample_bytes > <uint64_t>size - seal.offset:
            raise OSError("no regular file that has the samples")
        if not start < stop <= seal_length(seal):
            raise IndexError(f"bytes {start} to {stop} of {seal_length(seal)}")
        kept = new_body()
        kept.memory = self
        kept.body = self.open_file(descriptor, seal.offset, stop - start, False)
        sluice_add(&seal.refs, 1)
        kept.body.seal = seal
        kept.body.skipped = start
        return kept

    cdef Body* open_file(
        self, int descriptor, uint64_t offset, uint64_t length, bint mapped
    ) except NULL:
        cdef Body* body = <Body*>calloc(1, sizeof(Body))
        cdef void* pages
        if body == NULL:
            raise MemoryError(f"no room for a body of {length} bytes")
        body.refs = 1
        body.arena = &self.arena
        body.offset = offset
        body.length = length
        body.file = sluice_dup(descriptor)
        if body.file < 0:
            free(body)
            raise OSError("no descriptor is left for a body in a file")
        sluice_add(&self.arena.files, 1)
        if not mapped:
            return body
        body.room = length + offset % PAGE_BYTES
        pages = mmap(
            NULL, body.room, PROT_READ, MAP_SHARED, body.file, offset - offset % PAGE_BYTES
        )
        # Without a mapping, which are numbered, it all goes by sendfile.
        if pages != MAP_FAILED:
            body.at = <uint8_t*>pages + offset % PAGE_BYTES
        return body

    @property
    def files(self):
        """How many files are open as bodies."""
        return sluice_load(&self.arena.files)

    def read(self):
        """Be one of the readers, who wait for the disk so that nobody else has to, until `stop`."""
        cdef bint done
        with nogil:
            done = be_reader(&self.arena)
        if not done:
            raise MemoryError("no room for a reader")

    def stop(self):
        """Let the readers end, once what they were asked for is done."""
        pthread_mutex_lock(&self.arena.readers_lock)
        self.arena.readers_stop = True
        pthread_cond_broadcast(&self.arena.work)
        pthread_mutex_unlock(&self.arena.readers_lock)

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
        body.file = -1
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
        body.file = -1
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


# Only this module and pools make bodies: one without its memory must never be reachable.
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
    """A body: in memory, as a buffer of bytes that never change, or in a file."""

    def __cinit__(self):
        if not making:
            raise TypeError("bodies come from a Memory or a BodyPool")

    def __dealloc__(self):
        body_release(self.body)

    def __len__(self):
        return self.body.length

    @property
    def in_file(self):
        """Whether it is in a file, and so has no buffer: `read` it, in a thread that may wait."""
        return self.body.file >= 0

    @property
    def broken(self):
        """Whether its file could not be read when somebody wanted it."""
        return bool(sluice_load(&self.body.broken))

    def read(self, unsigned long long start, unsigned long long stop):
        """Copy bytes; of a file this waits for the disk. Raises `OSError` when it cannot be read.

        Other threads run meanwhile.
        """
        cdef Body* body = self.body
        cdef uint8_t* out
        cdef bint done
        if not start <= stop <= body.length:
            raise IndexError(f"bytes {start} to {stop} of a body of {body.length}")
        if body.file < 0:
            return PyBytes_FromStringAndSize(<char*>body.at + start, stop - start)
        found = PyBytes_FromStringAndSize(NULL, stop - start)
        out = <uint8_t*>PyBytes_AS_STRING(found)
        with nogil:
            done = read_body(body, out, start, stop)
        if not done:
            sluice_store(&body.broken, 1)
            raise OSError(f"the file of a body ends or fails before byte {stop} of {body.length}")
        return found

    def __getbuffer__(self, Py_buffer* view, int flags):
        if self.body.file >= 0:
            raise BufferError("a body in a file is read, which may wait for the disk")
        PyBuffer_FillInfo(view, self, <void*>self.body.at, self.body.length, True, flags)

    def __releasebuffer__(self, Py_buffer* view):
        pass
