# cython: boundscheck=False, wraparound=False, cdivision=True
"""Encrypts media fragments, compiled: see `native/reference/protection.py` for the clauses.

One call turns a clear fragment into an encrypted one: it finds in each sample what may be hidden,
writes the boxes that say so, and encrypts into the buffer that it gives. The GIL is released while
samples are walked. Before that the header's own boxes are checked once: the sizes of its samples
add up to the body, and every box lies within the one around it.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from native._avc cimport SLICE, SLICE_IDR, AvcSlice, avc_slice_header
from native._bytes cimport load_be32, put_be32, put_be64, put_head

cdef extern from "aes.h" nogil:
    ctypedef struct sluice_aes:
        pass
    int sluice_aes_available()
    void sluice_aes_expand(sluice_aes* aes, const uint8_t* key)
    void sluice_aes_ctr(const sluice_aes* aes, const uint8_t* start, const uint8_t* data,
                        uint8_t* out, size_t length, uint64_t* block)
    void sluice_aes_cbc(const sluice_aes* aes, uint8_t* chain, const uint8_t* data, uint8_t* out,
                        size_t blocks, size_t stride)
    void sluice_aes_forget(sluice_aes* aes)

AES_INSTRUCTIONS = bool(sluice_aes_available())

cdef enum:
    BLOCK = 16
    PATTERN = 10               # one block in ten is encrypted
    LARGEST_CLEAR = 0xFFFF     # BytesOfClearData has 16 bits
    MOST_INFORMATION = 255     # sample_info_size has 8
    PARAMETER_SETS = 256
    MOST_STRIDE = 4096
    # Of the boxes that are added: a head, version and flags, and what stands before the entries.
    SAIZ_BYTES = 17
    SAIO_BYTES = 20
    SENC_BYTES = 16
    USES_SUBSAMPLES = 2
    # trun (ISO/IEC 14496-12 §8.8.8)
    DATA_OFFSET = 0x1
    FIRST_FLAGS = 0x4
    SAMPLE_DURATION = 0x100
    SAMPLE_SIZE = 0x200
    SAMPLE_FLAGS = 0x400
    SAMPLE_COMPOSITION = 0x800
    # tfhd (§8.8.7)
    BASE_DATA_OFFSET = 0x1
    DESCRIPTION_INDEX = 0x2
    DEFAULT_DURATION = 0x8
    DEFAULT_SIZE = 0x10

cdef enum Trouble:
    SOUND
    NO_MEMORY
    BROKEN_UNIT
    UNKNOWN_SLICE
    TOO_MANY_PIECES


cdef struct Piece:
    # A subsample: so many clear bytes, then so many encrypted ones.
    uint32_t clear
    uint32_t hidden


cdef struct Pieces:
    Piece* items
    size_t count
    size_t room


cdef struct Fragment:
    # Where things lie in the header of a clear fragment.
    uint64_t moof
    uint64_t traf
    uint64_t traf_end
    uint64_t run
    uint32_t run_flags
    uint32_t samples
    uint64_t entries
    uint32_t entry_bytes
    uint32_t size_at       # of the size within an entry
    uint32_t size          # of all samples, where the entries do not tell


cdef struct Layout:
    # What is added to the header of a fragment. `counts` has the pieces of each sample.
    Pieces pieces
    uint32_t* counts
    uint64_t entry_bytes   # of all entries of senc
    bint even              # all entries have the same length
    uint64_t added


cdef inline uint32_t sample_size(const uint8_t* header, const Fragment* found,
                                 uint32_t each) noexcept nogil:
    if not found.run_flags & SAMPLE_SIZE:
        return found.size
    return load_be32(header + found.entries + <uint64_t>each * found.entry_bytes + found.size_at)


cdef inline bint keep(Pieces* pieces, uint32_t clear, uint32_t hidden) noexcept nogil:
    cdef Piece* items
    if pieces.count == pieces.room:
        items = <Piece*>realloc(pieces.items, 2 * pieces.room * sizeof(Piece))
        if items == NULL:
            return False
        pieces.items = items
        pieces.room *= 2
    pieces.items[pieces.count].clear = clear
    pieces.items[pieces.count].hidden = hidden
    pieces.count += 1
    return True


cdef inline bint keep_all(Pieces* pieces, uint64_t clear, uint32_t hidden) noexcept nogil:
    """Keep a piece whose clear bytes may need entries of their own."""
    while clear > LARGEST_CLEAR:
        if not keep(pieces, LARGEST_CLEAR, 0):
            return False
        clear -= LARGEST_CLEAR
    return keep(pieces, <uint32_t>clear, hidden)


def _box(bytes header, uint64_t at, uint64_t end):
    """Give the letters of a box and where it ends."""
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(header)
    cdef uint64_t length
    if end - at < 8:
        raise ValueError(f"the fragment's header ends within a box at byte {at}")
    length = load_be32(data + at)
    if not 8 <= length <= end - at:
        raise ValueError(f"a box at byte {at} of the fragment's header claims {length} bytes")
    return header[at + 4:at + 8], at + length


cdef int find(bytes header, uint64_t body_bytes, Fragment* found) except -1:
    """Find what has to change in a header, and prove that it fits the body."""
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(header)
    cdef uint64_t length = len(header)
    cdef uint64_t at = 0
    cdef uint64_t end, moof_end = 0
    memset(found, 0, sizeof(Fragment))
    if (
        length < 8
        or load_be32(data + length - 8) != body_bytes + 8
        or memcmp(data + length - 4, b"mdat", 4) != 0
    ):
        raise ValueError(f"the header does not end in an mdat of {body_bytes} bytes")
    while at < length - 8:
        kind, end = _box(header, at, length - 8)
        if kind == b"moof":
            found.moof, moof_end = at, end
        at = end
    if moof_end == 0 or moof_end != length - 8:
        raise ValueError("no moof lies right before mdat")
    at = found.moof + 8
    while at < moof_end:
        kind, end = _box(header, at, moof_end)
        if kind == b"traf":
            if found.traf_end:
                raise ValueError("the fragment has more than one track")
            found.traf, found.traf_end = at, end
        at = end
    if not found.traf_end:
        raise ValueError("the fragment has no track")
    return find_run(header, body_bytes, found)


cdef int find_run(bytes header, uint64_t body_bytes, Fragment* found) except -1:
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(header)
    cdef uint64_t at = found.traf + 8
    cdef uint64_t end
    cdef uint64_t total = 0
    cdef uint64_t head
    cdef uint32_t flags, each
    while at < found.traf_end:
        kind, end = _box(header, at, found.traf_end)
        if kind == b"tfhd":
            flags = load_be32(data + at + 8) & 0xFFFFFF if end - at >= 16 else 0
            head = at + 16
            head += 8 if flags & BASE_DATA_OFFSET else 0
            head += 4 if flags & DESCRIPTION_INDEX else 0
            head += 4 if flags & DEFAULT_DURATION else 0
            if flags & DEFAULT_SIZE and head + 4 <= end:
                found.size = load_be32(data + head)
        elif kind == b"trun":
            if found.run:
                raise ValueError("the fragment has more than one run")
            if end - at < 16:
                raise ValueError("the fragment's trun is cut off")
            found.run = at
            found.run_flags = load_be32(data + at + 8) & 0xFFFFFF
            found.samples = load_be32(data + at + 12)
            found.entries = at + 16
            found.entries += 4 if found.run_flags & DATA_OFFSET else 0
            found.entries += 4 if found.run_flags & FIRST_FLAGS else 0
            found.size_at = 4 if found.run_flags & SAMPLE_DURATION else 0
            found.entry_bytes = found.size_at
            found.entry_bytes += 4 if found.run_flags & SAMPLE_SIZE else 0
            found.entry_bytes += 4 if found.run_flags & SAMPLE_FLAGS else 0
            found.entry_bytes += 4 if found.run_flags & SAMPLE_COMPOSITION else 0
            if found.entries + <uint64_t>found.samples * found.entry_bytes > end:
                raise ValueError("the fragment's trun is cut off")
        elif kind == b"senc" or kind == b"saiz" or kind == b"saio":
            raise ValueError("the fragment is encrypted already")
        at = end
    if not found.run or not found.run_flags & DATA_OFFSET:
        raise ValueError("the fragment has no run that says where its samples lie")
    if found.samples == 0 or found.samples > body_bytes:
        raise ValueError(f"{found.samples} samples in {body_bytes} bytes")
    for each in range(found.samples):
        total += sample_size(data, found, each)
    if total != body_bytes:
        raise ValueError(f"samples of {total} bytes in {body_bytes}")
    return 0


@cython.final
cdef class FragmentCipher:
    """Encrypts the fragments of one track under one key: see the twin.

    What is expanded from the key is wiped when the object goes.
    """

    cdef sluice_aes aes
    cdef uint8_t[16] iv
    cdef bint pattern          # cbcs, else cenc
    cdef bint by_units         # samples are made of NAL units, which stay readable
    cdef int length_size
    cdef AvcSlice* sets
    cdef readonly str scheme

    def __cinit__(self, str scheme not None, bytes key not None, bytes iv not None, *,
                  slices=None, int length_size=4):
        if not sluice_aes_available():
            raise RuntimeError("this processor has no instructions for AES")
        if scheme not in ("cenc", "cbcs"):
            raise ValueError(f"no scheme {scheme!r}: there are cenc and cbcs")
        if len(key) != 16:
            raise ValueError(f"a key of {len(key)} bytes where AES-128 takes 16")
        if len(iv) != (8 if scheme == "cenc" else 16):
            raise ValueError(f"an initialisation vector of {len(iv)} bytes for {scheme}")
        if not 1 <= length_size <= 4:
            raise ValueError(f"a length field has 1 to 4 bytes, not {length_size}")
        self.scheme = scheme
        self.pattern = scheme == "cbcs"
        self.length_size = length_size
        memset(self.iv, 0, 16)
        memcpy(self.iv, PyBytes_AS_STRING(iv), len(iv))
        sluice_aes_expand(&self.aes, <const uint8_t*>PyBytes_AS_STRING(key))
        if slices is not None:
            self.by_units = True
            self.take_sets(slices)

    def __dealloc__(self):
        sluice_aes_forget(&self.aes)
        free(self.sets)

    cdef int take_sets(self, slices) except -1:
        cdef AvcSlice* at
        self.sets = <AvcSlice*>malloc(PARAMETER_SETS * sizeof(AvcSlice))
        if self.sets == NULL:
            raise MemoryError
        memset(self.sets, 0, PARAMETER_SETS * sizeof(AvcSlice))
        for number, each in slices.items():
            if not 0 <= number < PARAMETER_SETS:
                raise ValueError(f"no picture parameter set has number {number}")
            for bits in (each.frame_number_bits, each.order_bits, each.slice_group_bits):
                if not 0 <= bits <= 32:
                    raise ValueError(f"a field of {bits} bits")
            at = &self.sets[number]
            at.separate_colour_planes = each.separate_colour_planes
            at.has_chroma = each.has_chroma
            at.frames_only = each.frames_only
            at.frame_number_bits = each.frame_number_bits
            at.order_type = each.order_type
            at.order_bits = each.order_bits
            at.delta_is_zero = each.delta_is_zero
            at.bottom_field_order = each.bottom_field_order
            at.redundant_pictures = each.redundant_pictures
            at.references_0 = each.references_0
            at.references_1 = each.references_1
            at.weighted = each.weighted
            at.weighted_bipred = each.weighted_bipred
            at.arithmetic = each.arithmetic
            at.deblocking = each.deblocking
            at.slice_group_bits = each.slice_group_bits
            at.known = True
        return 0

    def fragment(self, bytes header not None, bytes body not None, uint64_t first):
        """Give the encrypted fragment whose first sample has the number `first` in its track.

        `header` is what comes before the samples, head of `mdat` included, `body` the samples.
        Raises `ValueError` where they contradict each other, or a sample has what cannot be read.
        """
        cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(header)
        cdef const uint8_t* samples = <const uint8_t*>PyBytes_AS_STRING(body)
        cdef uint64_t header_bytes = len(header)
        cdef Fragment found
        cdef Layout layout
        cdef uint8_t* out
        find(header, len(body), &found)
        try:
            self.lay_out(data, samples, &found, &layout)
            made = PyBytes_FromStringAndSize(NULL, header_bytes + layout.added + len(body))
            out = <uint8_t*>PyBytes_AS_STRING(made)
            with nogil:
                self.put_header(out, data, header_bytes, &found, &layout, first)
                self.encrypt(out + header_bytes + layout.added, samples, data, &found, &layout,
                             first)
            return made
        finally:
            free(layout.pieces.items)
            free(layout.counts)

    def fragment_length(self, bytes header not None, bytes body not None):
        """Give the length of what `fragment` gives, without encrypting. Raises what it does."""
        cdef Fragment found
        cdef Layout layout
        find(header, len(body), &found)
        try:
            self.lay_out(<const uint8_t*>PyBytes_AS_STRING(header),
                         <const uint8_t*>PyBytes_AS_STRING(body), &found, &layout)
            return len(header) + layout.added + len(body)
        finally:
            free(layout.pieces.items)
            free(layout.counts)

    def subsamples(self, bytes sample not None):
        """Give (clear, encrypted) bytes of each piece of a sample; none where it is taken whole.

        Raises `ValueError` where its NAL units or slice headers cannot be read.
        """
        cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(sample)
        cdef uint64_t size = len(sample)
        cdef Pieces pieces
        cdef Trouble trouble
        cdef size_t each
        if not self.by_units:
            return []
        pieces.count = 0
        pieces.room = 16
        pieces.items = <Piece*>malloc(pieces.room * sizeof(Piece))
        if pieces.items == NULL:
            raise MemoryError
        try:
            with nogil:
                trouble = self.divide(data, size, &pieces)
            refuse(trouble, 0)
            return [(pieces.items[each].clear, pieces.items[each].hidden)
                    for each in range(pieces.count)]
        finally:
            free(pieces.items)

    cdef int lay_out(self, const uint8_t* header, const uint8_t* samples, const Fragment* found,
                     Layout* layout) except -1:
        """Divide every sample; the caller frees what `layout` owns, whatever happens."""
        cdef Trouble trouble = SOUND
        cdef uint64_t offset = 0
        cdef uint64_t entry, information
        cdef size_t before
        cdef uint32_t each, size, first_entry = 0
        layout.pieces.items = NULL
        layout.pieces.count = layout.pieces.room = 0
        layout.counts = NULL
        layout.entry_bytes = 0
        layout.even = True
        layout.added = 0
        if not self.by_units and self.pattern:
            return 0  # a constant vector over whole samples needs no word
        information = 0 if self.pattern else 8
        if self.by_units:
            layout.pieces.room = 2 * <size_t>found.samples
            layout.pieces.items = <Piece*>malloc(layout.pieces.room * sizeof(Piece))
            layout.counts = <uint32_t*>malloc(found.samples * sizeof(uint32_t))
            if layout.pieces.items == NULL or layout.counts == NULL:
                raise MemoryError
            with nogil:
                for each in range(found.samples):
                    size = sample_size(header, found, each)
                    before = layout.pieces.count
                    trouble = self.divide(samples + offset, size, &layout.pieces)
                    if trouble != SOUND:
                        break
                    layout.counts[each] = <uint32_t>(layout.pieces.count - before)
                    entry = information + 2 + 6 * layout.counts[each]
                    if each == 0:
                        first_entry = <uint32_t>entry
                    elif entry != first_entry:
                        layout.even = False
                    layout.entry_bytes += entry
                    offset += size
            refuse(trouble, each)
        else:
            layout.entry_bytes = information * found.samples
        layout.added = SAIZ_BYTES + SAIO_BYTES + SENC_BYTES + layout.entry_bytes
        if not layout.even:
            layout.added += found.samples
        if layout.added > 0x3FFFFFFF:
            raise ValueError(f"{found.samples} samples are too many for a fragment")
        return 0

    cdef Trouble divide(self, const uint8_t* sample, uint64_t size, Pieces* pieces) noexcept nogil:
        """Divide a sample; where its entry would be too long, hide only every other slice, or less.
        """
        cdef size_t before = pieces.count
        cdef size_t most = (MOST_INFORMATION - 2 - (0 if self.pattern else 8)) // 6
        cdef Trouble trouble
        cdef int stride
        for stride in range(1, MOST_STRIDE):
            pieces.count = before
            trouble = self.divide_by(sample, size, stride, pieces)
            if trouble != SOUND or pieces.count - before <= most:
                return trouble
        return TOO_MANY_PIECES

    cdef Trouble divide_by(self, const uint8_t* sample, uint64_t size, int stride,
                           Pieces* pieces) noexcept nogil:
        cdef uint64_t at = 0
        cdef uint64_t clear = 0
        cdef uint64_t length, rest
        cdef int64_t head
        cdef int kind, digit
        cdef int slices = 0
        cdef const uint8_t* unit
        while at < size:
            if size - at < <uint64_t>self.length_size:
                return BROKEN_UNIT
            length = 0
            for digit in range(self.length_size):
                length = length << 8 | sample[at + digit]
            if length == 0 or length > size - at - self.length_size:
                return BROKEN_UNIT
            unit = sample + at + self.length_size
            kind = unit[0] & 31
            rest = 0
            if kind == SLICE or kind == SLICE_IDR:
                if slices % stride == 0:
                    head = avc_slice_header(unit, length, self.sets)
                    if head < 0:
                        return UNKNOWN_SLICE
                    rest = length - head
                    if not self.pattern:
                        rest -= rest % BLOCK
                    elif rest < BLOCK:
                        rest = 0
                slices += 1
            clear += self.length_size + length - rest
            if rest:
                if not keep_all(pieces, clear, <uint32_t>rest):
                    return NO_MEMORY
                clear = 0
            at += self.length_size + length
        if clear and not keep_all(pieces, clear, 0):
            return NO_MEMORY
        return SOUND

    cdef void put_header(self, uint8_t* out, const uint8_t* header, uint64_t header_bytes,
                         const Fragment* found, const Layout* layout,
                         uint64_t first) noexcept nogil:
        cdef uint64_t tail = header_bytes - found.traf_end
        memcpy(out, header, found.traf_end)
        memcpy(out + found.traf_end + layout.added, header + found.traf_end, tail)
        if layout.added == 0:
            return
        grow(out + found.moof, layout.added)
        grow(out + found.traf, layout.added)
        grow(out + found.run + 16, layout.added)  # data_offset
        self.put_information(out + found.traf_end, found, layout, first)

    cdef void put_information(self, uint8_t* out, const Fragment* found, const Layout* layout,
                              uint64_t first) noexcept nogil:
        """Write saiz, saio and senc."""
        cdef uint32_t information = 0 if self.pattern else 8
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
        out = put_be32(out, USES_SUBSAMPLES if self.by_units else 0)
        out = put_be32(out, count)
        for each in range(count):
            if not self.pattern:
                self.put_iv(out, first + each)
                out += 8
            if not self.by_units:
                continue
            out[0] = <uint8_t>(layout.counts[each] >> 8)
            out[1] = <uint8_t>layout.counts[each]
            out += 2
            for _part in range(layout.counts[each]):
                out[0] = <uint8_t>(layout.pieces.items[piece].clear >> 8)
                out[1] = <uint8_t>layout.pieces.items[piece].clear
                out = put_be32(out + 2, layout.pieces.items[piece].hidden)
                piece += 1

    cdef inline void put_iv(self, uint8_t* out, uint64_t number) noexcept nogil:
        cdef uint64_t start = (<uint64_t>load_be32(self.iv) << 32) | load_be32(self.iv + 4)
        put_be64(out, start + number)

    cdef void encrypt(self, uint8_t* out, const uint8_t* samples, const uint8_t* header,
                      const Fragment* found, const Layout* layout, uint64_t first) noexcept nogil:
        cdef uint8_t[16] start
        cdef uint64_t piece = 0
        cdef uint64_t block
        cdef uint64_t size
        cdef uint32_t each, _part
        cdef Piece now
        memset(start, 0, 16)
        for each in range(found.samples):
            size = sample_size(header, found, each)
            block = 0
            if not self.pattern:
                self.put_iv(start, first + each)
            if not self.by_units:
                if self.pattern:
                    self.chain(out, samples, size, BLOCK)
                else:
                    sluice_aes_ctr(&self.aes, start, samples, out, size, &block)
                out += size
                samples += size
                continue
            for _part in range(layout.counts[each]):
                now = layout.pieces.items[piece]
                piece += 1
                memcpy(out, samples, now.clear)
                out += now.clear
                samples += now.clear
                if self.pattern:
                    self.chain(out, samples, now.hidden, PATTERN * BLOCK)
                else:
                    sluice_aes_ctr(&self.aes, start, samples, out, now.hidden, &block)
                out += now.hidden
                samples += now.hidden

    cdef inline void chain(self, uint8_t* out, const uint8_t* data, uint64_t length,
                           uint64_t stride) noexcept nogil:
        """Encrypt the first whole block of every `stride` bytes, from the constant vector on."""
        cdef uint8_t[16] vector
        memcpy(out, data, length)
        if length < BLOCK:
            return
        memcpy(vector, self.iv, 16)
        sluice_aes_cbc(&self.aes, vector, out, out, (length - BLOCK) // stride + 1, stride)


cdef inline void grow(uint8_t* at, uint64_t by) noexcept nogil:
    put_be32(at, <uint32_t>(load_be32(at) + by))


cdef int refuse(Trouble trouble, uint32_t number) except -1:
    if trouble == SOUND:
        return 0
    if trouble == NO_MEMORY:
        raise MemoryError
    if trouble == BROKEN_UNIT:
        raise ValueError(f"sample {number} of the fragment is not made of whole NAL units")
    if trouble == UNKNOWN_SLICE:
        raise ValueError(f"sample {number} of the fragment has a slice header that makes no sense")
    raise ValueError(f"sample {number} of the fragment has too much that must stay clear")


def encrypt_resource(bytes key not None, bytes iv not None, bytes head not None,
                     bytes body not None):
    """Encrypt `head` and `body`, one behind the other, as one resource of HLS: see the twin."""
    cdef sluice_aes aes
    cdef uint8_t[16] chain
    cdef uint64_t head_bytes = len(head)
    cdef uint64_t body_bytes = len(body)
    cdef uint64_t length = head_bytes + body_bytes
    cdef uint64_t padding = BLOCK - length % BLOCK
    cdef uint8_t* out
    if not sluice_aes_available():
        raise RuntimeError("this processor has no instructions for AES")
    if len(key) != 16 or len(iv) != 16:
        raise ValueError(f"a key of {len(key)} and a vector of {len(iv)} bytes: AES-128 takes 16")
    made = PyBytes_FromStringAndSize(NULL, length + padding)
    out = <uint8_t*>PyBytes_AS_STRING(made)
    memcpy(out, PyBytes_AS_STRING(head), head_bytes)
    memcpy(out + head_bytes, PyBytes_AS_STRING(body), body_bytes)
    memset(out + length, <int>padding, padding)
    memcpy(chain, PyBytes_AS_STRING(iv), BLOCK)
    sluice_aes_expand(&aes, <const uint8_t*>PyBytes_AS_STRING(key))
    with nogil:
        sluice_aes_cbc(&aes, chain, out, out, (length + padding) // BLOCK, BLOCK)
    sluice_aes_forget(&aes)
    return made
