"""What those who encrypt fragments by themselves know of a cipher."""

from native._cipher cimport Cipher


cdef class FragmentCipher:
    cdef Cipher* cipher          # held
    cdef readonly str scheme
