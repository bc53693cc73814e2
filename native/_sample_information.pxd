"""What a fragment says of its encryption: `saiz`, `saio` and `senc` are added to its `traf`."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from native._av1 cimport Av1State
from native._bytes cimport load_be32, put_be32, put_be64, put_head
from native._fragment cimport Fragment, sample_size
from native._pieces cimport (
    NO_MEMORY,
    SOUND,
    TOO_MANY_SAMPLES,
    Piece,
    Pieces,
    Source,
    Trouble,
)
from native._seal cimport vector_of
from native._subsamples cimport (
    PADDED_PIECES,
    WHOLE,
    Division,
    divide,
    vector_bytes,
)

cdef enum:
    # Of the boxes that are added: a head, version and flags, and what stands before the entries.
    SAIZ_BYTES = 17
    SAIO_BYTES = 20
    SENC_BYTES = 16
    FREE_BYTES = 8
    USES_SUBSAMPLES = 2


cdef struct Layout:
    # What is added to the header of a fragment. `counts` has the pieces of each sample.
    Pieces pieces
    uint32_t* counts
    uint64_t entry_bytes   # of all entries of senc
    bint even              # all entries have the same length
    uint64_t padding       # in a `free` box behind them
    uint64_t added


cdef inline void forget(Layout* layout) noexcept nogil:
    free(layout.pieces.items)
    free(layout.counts)


cdef inline uint64_t padded_bytes(const Division* division, const Fragment* found) noexcept nogil:
    """Give what is added where that is to depend on the number of samples alone."""
    cdef uint64_t each = 1 + vector_bytes(division) + 2 + 6 * PADDED_PIECES
    return SAIZ_BYTES + SAIO_BYTES + SENC_BYTES + FREE_BYTES + each * found.samples


cdef inline Trouble divide_all(const Division* division, const uint8_t* header,
                               const uint8_t* samples, const Fragment* found, Source* source,
                               Layout* layout, uint32_t* where) noexcept nogil:
    """Divide every sample, and see how long the entries are; `where` is the one with trouble."""
    cdef Trouble trouble
    cdef uint64_t entry, first_entry = 0
    cdef size_t before
    cdef uint32_t each, size
    cdef Av1State state
    memset(&state, 0, sizeof(state))
    layout.pieces.room = 2 * <size_t>found.samples
    layout.pieces.items = <Piece*>malloc(layout.pieces.room * sizeof(Piece))
    layout.counts = <uint32_t*>malloc(found.samples * sizeof(uint32_t))
    if layout.pieces.items == NULL or layout.counts == NULL:
        return NO_MEMORY
    for each in range(found.samples):
        where[0] = each
        size = sample_size(header, found, each)
        before = layout.pieces.count
        trouble = divide(division, samples, size, source, &state, &layout.pieces)
        if trouble != SOUND:
            return trouble
        layout.counts[each] = <uint32_t>(layout.pieces.count - before)
        entry = vector_bytes(division) + 2 + 6 * layout.counts[each]
        if each == 0:
            first_entry = entry
        elif entry != first_entry:
            layout.even = False
        layout.entry_bytes += entry
        if source == NULL:
            samples += size
        else:
            source.offset += size
            source.begin = source.end = 0
    return SOUND


cdef inline Trouble lay_out(const Division* division, const uint8_t* header, const uint8_t* samples,
                            const Fragment* found, Source* source, Layout* layout,
                            uint32_t* where) noexcept nogil:
    """Divide every sample; the caller has `layout` forgotten, whatever happens.

    With a `source` the samples are read from it, as far as they have to be, one after the other
    into its room, where `samples` points to.
    """
    cdef Trouble trouble
    memset(layout, 0, sizeof(Layout))
    layout.even = True
    if division.kind == WHOLE and division.pattern:
        return SOUND  # a constant vector over whole samples needs no word
    if division.kind != WHOLE:
        trouble = divide_all(division, header, samples, found, source, layout, where)
        if trouble != SOUND:
            return trouble
    else:
        layout.entry_bytes = <uint64_t>vector_bytes(division) * found.samples
    layout.added = SAIZ_BYTES + SAIO_BYTES + SENC_BYTES + layout.entry_bytes
    if not layout.even:
        layout.added += found.samples
    if division.padded and division.kind != WHOLE:
        layout.padding = padded_bytes(division, found) - layout.added
        layout.added += layout.padding
    if layout.added > 0x3FFFFFFF:
        where[0] = found.samples
        return TOO_MANY_SAMPLES
    return SOUND


cdef inline void grow(uint8_t* at, uint64_t by) noexcept nogil:
    put_be32(at, <uint32_t>(load_be32(at) + by))


cdef inline void put_information(uint8_t* out, const Division* division, const uint8_t* iv,
                                 const Fragment* found, const Layout* layout,
                                 uint64_t first) noexcept nogil:
    """Write saiz, saio, senc, and what fills them up."""
    cdef uint32_t information = vector_bytes(division)
    cdef uint32_t count = found.samples
    cdef uint32_t saiz = SAIZ_BYTES + (0 if layout.even else count)
    cdef uint64_t piece = 0
    cdef uint32_t each, _part
    out = put_head(out, saiz, b"saiz")
    out = put_be32(out, 0)
    out[0] = <uint8_t>(layout.entry_bytes // count) if layout.even else 0
    out = put_be32(out + 1, count)
    if not layout.even:
        for each in range(count):
            out[each] = <uint8_t>(information + 2 + 6 * layout.counts[each])
        out += count
    out = put_head(out, SAIO_BYTES, b"saio")
    out = put_be32(out, 0)
    out = put_be32(out, 1)
    out = put_be32(out, <uint32_t>(
        found.traf_end - found.moof + saiz + SAIO_BYTES + SENC_BYTES
    ))
    out = put_head(out, <uint32_t>(SENC_BYTES + layout.entry_bytes), b"senc")
    out = put_be32(out, USES_SUBSAMPLES if division.kind != WHOLE else 0)
    out = put_be32(out, count)
    for each in range(count):
        if information:
            out = put_be64(out, vector_of(iv, first + each))
        if division.kind == WHOLE:
            continue
        out[0] = <uint8_t>(layout.counts[each] >> 8)
        out[1] = <uint8_t>layout.counts[each]
        out += 2
        for _part in range(layout.counts[each]):
            out[0] = <uint8_t>(layout.pieces.items[piece].clear >> 8)
            out[1] = <uint8_t>layout.pieces.items[piece].clear
            out = put_be32(out + 2, layout.pieces.items[piece].hidden)
            piece += 1
    if layout.padding:
        out = put_head(out, <uint32_t>layout.padding, b"free")
        memset(out, 0, layout.padding - FREE_BYTES)


cdef inline void put_header(uint8_t* out, const uint8_t* header, uint64_t header_bytes,
                            const Division* division, const uint8_t* iv, const Fragment* found,
                            const Layout* layout, uint64_t first) noexcept nogil:
    """Write the encrypted fragment's header, `layout.added` bytes longer than the clear one."""
    cdef uint64_t tail = header_bytes - found.traf_end
    memcpy(out, header, found.traf_end)
    memcpy(out + found.traf_end + layout.added, header + found.traf_end, tail)
    if layout.added == 0:
        return
    grow(out + found.moof, layout.added)
    grow(out + found.traf, layout.added)
    grow(out + found.run + 16, layout.added)  # data_offset
    put_information(out + found.traf_end, division, iv, found, layout, first)
