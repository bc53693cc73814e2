"""What those who make and send encrypted fragments know of them."""

from native._seal cimport Seal


cdef class SealedFragment:
    cdef Seal* seal              # held


cdef SealedFragment new_sealed()
