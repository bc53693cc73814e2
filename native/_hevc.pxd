"""How long a slice header of HEVC is (ITU-T H.265 §7.3.6.1): native/reference/hevc_slice.py.

Nothing is read outside of the NAL unit: past its end the reader gives zeros and says so at last.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from native._avc cimport Bits, bit, golomb, number

cdef enum:
    # Types of NAL units (table 7-1): from the first to the second of these are no slices.
    FIRST_RESERVED = 10
    FIRST_RANDOM_ACCESS = 16
    LAST_SLICE_DEFINED = 21
    IDR_WITH_LEADING = 19
    IDR_ALONE = 20
    LAST_RANDOM_ACCESS = 23
    FIRST_PARAMETERS = 32      # all types before are of coded pictures
    ENHANCEMENT = 63           # of Dolby Vision, unspecified in the standard
    HEVC_UNIT_HEADER_BYTES = 2
    HEVC_B = 0
    HEVC_P = 1
    HEVC_I = 2
    MOST_HEVC_SETS = 64
    MOST_HEVC_REFERENCES = 16
    MOST_REFERENCE_SETS = 64
    MOST_DELTAS = 16
    MOST_LONG_TERM = 33
    MOST_ENTRY_POINTS = 440 * 135
    MOST_EXTENSION = 256


cdef struct HevcSlice:
    # What of the parameter sets a slice header depends on; `known` is 0 where there is no such set.
    bint known
    bint dependent_slices
    bint output_flag
    bint separate_colour_planes
    bint has_chroma
    bint long_term
    bint temporal_vectors
    bint sample_offset
    bint list_modification
    bint cabac_init
    bint weighted
    bint weighted_bipred
    bint chroma_qp_offsets
    bint chroma_qp_lists
    bint deblocking_override
    bint deblocking_disabled
    bint filter_across
    bint entry_points
    bint header_extension
    int extra_bits
    int address_bits
    int order_bits
    uint32_t references_0
    uint32_t references_1
    int sets
    int long_terms
    uint8_t[MOST_REFERENCE_SETS] set_deltas
    uint8_t[MOST_REFERENCE_SETS] set_used
    uint8_t[MOST_LONG_TERM] long_term_used


cdef inline bint is_hevc_slice(const uint8_t* unit, uint64_t length) noexcept nogil:
    """Whether a NAL unit is a slice segment of the base layer."""
    cdef int kind = unit[0] >> 1 & 63
    if length < 3 or unit[0] & 1 or unit[1] >> 3:
        return False
    return kind < FIRST_RESERVED or FIRST_RANDOM_ACCESS <= kind <= LAST_SLICE_DEFINED


cdef inline int other_hevc_picture(const uint8_t* unit, uint64_t length) noexcept nogil:
    """Give the bytes that lead a coded picture which is no slice of the base layer; else 0."""
    cdef int kind = unit[0] >> 1 & 63
    if length <= HEVC_UNIT_HEADER_BYTES or FIRST_PARAMETERS <= kind < ENHANCEMENT:
        return 0
    return HEVC_UNIT_HEADER_BYTES


cdef inline int bits_for(uint32_t count) noexcept nogil:
    """Give the bits of a number below `count`."""
    cdef int bits = 0
    while bits < 31 and <uint32_t>1 << bits < count:
        bits += 1
    return bits


cdef inline uint32_t read_reference_set(Bits* bits, const HevcSlice* known) noexcept nogil:
    """Read the slice's own st_ref_pic_set (§7.3.7); give how many of it the picture uses."""
    cdef uint32_t used = 0
    cdef uint32_t before, after, back
    cdef uint32_t _each
    if known.sets and bit(bits):  # inter_ref_pic_set_prediction_flag
        back = golomb(bits) + 1
        if back > <uint32_t>known.sets:
            bits.over = True
            return 0
        bit(bits)
        golomb(bits)
        for _each in range(<uint32_t>known.set_deltas[known.sets - back] + 1):
            if bit(bits):
                used += 1
            else:
                bit(bits)
        return used
    before, after = golomb(bits), golomb(bits)
    if before > MOST_DELTAS or after > MOST_DELTAS:
        bits.over = True
        return 0
    for _each in range(before + after):
        golomb(bits)
        used += bit(bits)
    return used


cdef inline uint32_t read_long_term(Bits* bits, const HevcSlice* known) noexcept nogil:
    """Read the long-term reference pictures; give how many the picture uses."""
    cdef uint32_t used = 0
    cdef uint32_t listed = golomb(bits) if known.long_terms else 0
    cdef uint32_t own = golomb(bits)
    cdef uint32_t each, place
    if listed > MOST_LONG_TERM or own > MOST_LONG_TERM:
        bits.over = True
        return 0
    for each in range(listed + own):
        if each < listed:
            place = number(bits, bits_for(known.long_terms))
            if place < <uint32_t>known.long_terms:
                used += known.long_term_used[place]
        else:
            number(bits, known.order_bits)
            used += bit(bits)
        if bit(bits):
            golomb(bits)
    return used


cdef inline uint32_t read_references(Bits* bits, const HevcSlice* known,
                                     bint* temporal) noexcept nogil:
    """Read what a picture that is no IDR says of others; give how many of them it uses."""
    cdef uint32_t used, place
    number(bits, known.order_bits)
    if bit(bits) == 0:
        used = read_reference_set(bits, known)
    else:
        place = number(bits, bits_for(known.sets))
        if place >= <uint32_t>known.sets:
            bits.over = True
            return 0
        used = known.set_used[place]
    if known.long_term:
        used += read_long_term(bits, known)
    if known.temporal_vectors:
        temporal[0] = bit(bits)
    return used


cdef inline void skip_modification(Bits* bits, uint32_t references, uint32_t used) noexcept nogil:
    cdef uint32_t _each
    if bit(bits):
        for _each in range(references):
            number(bits, bits_for(used))


cdef inline void skip_hevc_weights(Bits* bits, uint32_t count, bint has_chroma) noexcept nogil:
    """Read the weights of one list (§7.3.6.3): all flags of luma, then of chroma, then weights."""
    cdef uint32_t luma = 0
    cdef uint32_t chroma = 0
    cdef uint32_t each, _value
    for each in range(count):
        luma |= bit(bits) << each
    if has_chroma:
        for each in range(count):
            chroma |= bit(bits) << each
    for each in range(count):
        if luma >> each & 1:
            golomb(bits)
            golomb(bits)
        if chroma >> each & 1:
            for _value in range(4):
                golomb(bits)


cdef inline void skip_prediction(Bits* bits, const HevcSlice* known, uint32_t kind,
                                 uint32_t used, bint temporal) noexcept nogil:
    """Read what slices that predict from other pictures have."""
    cdef uint32_t references_0 = known.references_0
    cdef uint32_t references_1 = known.references_1 if kind == HEVC_B else 0
    cdef bint from_first = True
    if bit(bits):
        references_0 = golomb(bits) + 1
        if kind == HEVC_B:
            references_1 = golomb(bits) + 1
    if references_0 > MOST_HEVC_REFERENCES or references_1 > MOST_HEVC_REFERENCES:
        bits.over = True
        return
    if known.list_modification and used > 1:
        skip_modification(bits, references_0, used)
        if kind == HEVC_B:
            skip_modification(bits, references_1, used)
    if kind == HEVC_B:
        bit(bits)  # mvd_l1_zero_flag
    if known.cabac_init:
        bit(bits)
    if temporal:
        if kind == HEVC_B:
            from_first = bit(bits)
        if (references_0 if from_first else references_1) > 1:
            golomb(bits)
    if (known.weighted and kind == HEVC_P) or (known.weighted_bipred and kind == HEVC_B):
        golomb(bits)
        if known.has_chroma:
            golomb(bits)
        skip_hevc_weights(bits, references_0, known.has_chroma)
        skip_hevc_weights(bits, references_1, known.has_chroma)
    golomb(bits)  # five_minus_max_num_merge_cand


cdef inline void skip_filters(Bits* bits, const HevcSlice* known, bint offset) noexcept nogil:
    """Read quantisation and deblocking; `offset` says that the slice has sample offsets."""
    cdef bint disabled = known.deblocking_disabled
    golomb(bits)  # slice_qp_delta
    if known.chroma_qp_offsets:
        golomb(bits)
        golomb(bits)
    if known.chroma_qp_lists:
        bit(bits)
    if known.deblocking_override and bit(bits):
        disabled = bit(bits)
        if not disabled:
            golomb(bits)
            golomb(bits)
    if known.filter_across and (offset or not disabled):
        bit(bits)


cdef inline void skip_independent(Bits* bits, const HevcSlice* known, int unit_kind) noexcept nogil:
    """Read what a slice segment has that goes on from no other."""
    cdef uint32_t kind
    cdef uint32_t used = 0
    cdef bint temporal = False
    cdef bint offset = False
    number(bits, known.extra_bits)
    kind = golomb(bits)
    if kind > HEVC_I:
        bits.over = True
        return
    if known.output_flag:
        bit(bits)
    if known.separate_colour_planes:
        number(bits, 2)
    if unit_kind != IDR_WITH_LEADING and unit_kind != IDR_ALONE:
        used = read_references(bits, known, &temporal)
    if known.sample_offset:
        offset = bit(bits)
        if known.has_chroma and bit(bits):
            offset = True
    if kind != HEVC_I:
        skip_prediction(bits, known, kind, used, temporal)
    skip_filters(bits, known, offset)


cdef inline void skip_tail(Bits* bits, const HevcSlice* known) noexcept nogil:
    """Read entry points, the extension, and the alignment."""
    cdef uint32_t count, length, _each
    if known.entry_points:
        count = golomb(bits)
        if count:
            length = golomb(bits) + 1
            if count > MOST_ENTRY_POINTS or length > 32:
                bits.over = True
                return
            for _each in range(count):
                number(bits, length)
                if bits.over:
                    return
    if known.header_extension:
        length = golomb(bits)
        if length > MOST_EXTENSION:
            bits.over = True
            return
        for _each in range(length):
            number(bits, 8)
    bit(bits)  # the one that ends the header; zeros fill its byte


cdef inline int64_t hevc_slice_header(
    const uint8_t* unit, uint64_t length, const HevcSlice* sets
) noexcept nogil:
    """Give the bytes of a slice segment's NAL unit that hold its NAL unit header and its own.

    `sets` has 64 entries. -1 where the header cannot be read.
    """
    cdef Bits bits
    cdef const HevcSlice* known
    cdef uint32_t picture_set
    cdef int kind = unit[0] >> 1 & 63
    cdef bint is_first
    cdef bint dependent = False
    bits.at = unit + 2
    bits.end = unit + length
    bits.zeros = 0
    bits.byte = 0
    bits.left = 0
    bits.over = False
    is_first = bit(&bits)
    if FIRST_RANDOM_ACCESS <= kind <= LAST_RANDOM_ACCESS:
        bit(&bits)
    picture_set = golomb(&bits)
    if picture_set >= MOST_HEVC_SETS or not sets[picture_set].known:
        return -1
    known = &sets[picture_set]
    if not is_first:
        if known.dependent_slices:
            dependent = bit(&bits)
        number(&bits, known.address_bits)
    if not dependent:
        skip_independent(&bits, known, kind)
    skip_tail(&bits, known)
    return -1 if bits.over else bits.at - unit
