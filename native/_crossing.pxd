"""What the data plane knows of crossings."""

from native._state cimport Exchange, Out


cdef class Crossing:
    cdef Exchange* exchange
    cdef object plane            # keeps the worker

    cdef int append(self, Out* out) except -1
    cdef int conclude(self, int ending) except -1


cdef Crossing crossing_of(Exchange* exchange, object plane)
