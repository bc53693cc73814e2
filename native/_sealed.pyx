# cython: boundscheck=False, wraparound=False, cdivision=True
"""Encrypted fragments whose bytes are made when somebody wants them: see `_seal.pxd`."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc

from native._seal cimport SEAL_ROOM, Stretch, copy_sealed, seal_length, seal_release

# Only ciphers make them: one without its seal must never be reachable.
cdef bint making = False


cdef SealedFragment new_sealed():
    global making
    making = True
    try:
        return SealedFragment.__new__(SealedFragment)
    finally:
        making = False


# What it holds never refers back to it.
@cython.no_gc
@cython.final
cdef class SealedFragment:
    """An encrypted fragment: its header, and what is hidden of samples that stay in their file.

    What is expanded from the key is wiped when the last who holds it goes.
    """

    def __cinit__(self):
        if not making:
            raise TypeError("sealed fragments come from a FragmentCipher")

    def __dealloc__(self):
        seal_release(self.seal)

    def __len__(self):
        return seal_length(self.seal)

    @property
    def held_bytes(self):
        """How much memory it takes."""
        return self.seal.header_bytes + self.seal.count * sizeof(Stretch)

    def read(self, int descriptor, unsigned long long start, unsigned long long stop):
        """Give encrypted bytes; the descriptor is that of the file which the samples are in.

        Other threads run meanwhile, though this may wait for the disk. Raises `EOFError` where the
        file ends or fails.
        """
        cdef uint8_t* room
        cdef bint done
        if not start <= stop <= seal_length(self.seal):
            raise IndexError(f"bytes {start} to {stop} of {seal_length(self.seal)}")
        found = PyBytes_FromStringAndSize(NULL, stop - start)
        out = <uint8_t*>PyBytes_AS_STRING(found)
        room = <uint8_t*>malloc(SEAL_ROOM)
        if room == NULL:
            raise MemoryError
        with nogil:
            done = copy_sealed(self.seal, descriptor, room, out, start, stop)
        free(room)
        if not done:
            raise EOFError(f"the file ends or fails before byte {stop} of a fragment of it")
        return found
