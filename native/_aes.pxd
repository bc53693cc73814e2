"""AES-128 by the processor's instructions: see aes.h. Call none of it without `available`."""

from libc.stdint cimport uint8_t, uint64_t

cdef enum:
    BLOCK = 16

cdef extern from "aes.h" nogil:
    ctypedef struct sluice_aes:
        pass
    # Blocks to encrypt in place, one after the other: the first of each `stride` bytes.
    ctypedef struct sluice_chain:
        uint8_t* at
        size_t blocks
        const uint8_t* iv
    int sluice_aes_available()
    void sluice_aes_expand(sluice_aes* aes, const uint8_t* key)
    void sluice_aes_ctr(const sluice_aes* aes, const uint8_t* start, const uint8_t* data,
                        uint8_t* out, size_t length, uint64_t* block)
    void sluice_aes_cbc(const sluice_aes* aes, uint8_t* chain, const uint8_t* data, uint8_t* out,
                        size_t blocks, size_t stride)
    void sluice_aes_chains(const sluice_aes* aes, const sluice_chain* chains, size_t count,
                           size_t stride)
    void sluice_aes_forget(sluice_aes* aes)
