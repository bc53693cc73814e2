"""The expanded key of a track, and how its samples are divided: what encrypts its fragments.

Whoever makes or sends encrypted fragments holds it. The key is wiped when the last of them lets go.
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport free

from native._aes cimport sluice_aes, sluice_aes_forget
from native._linux cimport sluice_add
from native._subsamples cimport Division

cdef struct Cipher:
    int refs
    sluice_aes aes
    uint8_t[16] iv               # under cenc eight bytes and zeros
    Division division            # its tables are owned


cdef inline Cipher* cipher_hold(Cipher* cipher) noexcept nogil:
    sluice_add(&cipher.refs, 1)
    return cipher


cdef inline void cipher_release(Cipher* cipher) noexcept nogil:
    if cipher == NULL or sluice_add(&cipher.refs, -1) != 0:
        return
    sluice_aes_forget(&cipher.aes)
    free(cipher.division.avc)
    free(cipher.division.hevc)
    free(cipher)
