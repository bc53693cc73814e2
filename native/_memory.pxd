"""What the data plane knows of memory: the struct behind each stored body."""

from libc.stdint cimport uint64_t

from native._body cimport Arena, Body


cdef class Memory:
    cdef Arena arena
    cdef uint64_t top
    cdef dict places             # free places by size

    cdef Body* take(self, uint64_t length) except NULL
    cdef Body* take_place(self, uint64_t length) except NULL
    cdef Body* open_file(
        self, int descriptor, uint64_t offset, uint64_t length, bint mapped
    ) except NULL
    cdef int take_back(self) except -1


cdef class StoredBody:
    cdef Memory memory
    cdef Body* body              # held


cdef StoredBody new_body()
