"""From a clear fragment and a cipher to a seal: the encrypted header, and what is hidden."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, malloc
from libc.string cimport memcpy

from native._aes cimport BLOCK
from native._cipher cimport Cipher
from native._fragment cimport Fragment, sample_size
from native._pieces cimport Piece
from native._sample_information cimport Layout, put_header
from native._seal cimport Seal, Stretch, seal_release
from native._subsamples cimport WHOLE

cdef enum:
    PATTERN = 10               # one block in ten is encrypted


cdef inline void hide_samples(Seal* seal, const uint8_t* header,
                              const Fragment* found) noexcept nogil:
    """Have samples encrypted whole."""
    cdef Stretch* stretch = seal.stretches
    cdef uint32_t each
    for each in range(found.samples):
        stretch.at = seal.sample_bytes
        stretch.clear = stretch.block = 0
        stretch.hidden = sample_size(header, found, each)
        stretch.sample = each
        seal.sample_bytes += stretch.hidden
        stretch += 1


cdef inline void hide_pieces(Seal* seal, const Fragment* found,
                             const Layout* layout) noexcept nogil:
    """Have samples encrypted as they are divided."""
    cdef Stretch* stretch = seal.stretches
    cdef const Piece* piece = layout.pieces.items
    cdef uint32_t each, block, _part
    for each in range(found.samples):
        block = 0
        for _part in range(layout.counts[each]):
            stretch.at = seal.sample_bytes
            stretch.clear = piece.clear
            stretch.hidden = piece.hidden
            stretch.sample = each
            stretch.block = block
            block += piece.hidden // BLOCK
            seal.sample_bytes += <uint64_t>piece.clear + piece.hidden
            stretch += 1
            piece += 1


cdef inline Seal* seal_of(const Cipher* cipher, const uint8_t* header, uint64_t header_bytes,
                          const Fragment* found, const Layout* layout, uint64_t first,
                          uint64_t offset) noexcept nogil:
    """Say how a fragment is encrypted; NULL when memory is short.

    `first` is the number of its first sample in the track, `offset` where that lies in the file.
    """
    cdef bint whole = cipher.division.kind == WHOLE
    cdef Seal* seal = <Seal*>calloc(1, sizeof(Seal))
    if seal == NULL:
        return NULL
    seal.refs = 1
    seal.aes = cipher.aes
    memcpy(seal.iv, cipher.iv, BLOCK)
    seal.pattern = cipher.division.pattern
    seal.stride = PATTERN * BLOCK if seal.pattern and not whole else BLOCK
    seal.first = first
    seal.offset = offset
    seal.header_bytes = header_bytes + layout.added
    seal.header = <uint8_t*>malloc(seal.header_bytes)
    seal.count = found.samples if whole else layout.pieces.count
    seal.stretches = <Stretch*>malloc(seal.count * sizeof(Stretch))
    if seal.header == NULL or seal.stretches == NULL:
        seal_release(seal)
        return NULL
    put_header(seal.header, header, header_bytes, &cipher.division, cipher.iv, found, layout, first)
    if whole:
        hide_samples(seal, header, found)
    else:
        hide_pieces(seal, found, layout)
    return seal
