"""How long a slice header of H.264 is (ITU-T H.264 §7.3.3): see native/reference/avc_slice.py.

Nothing is read outside of the NAL unit: past its end the reader gives zeros and says so at last.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    SLICE = 1
    SLICE_IDR = 5
    FIRST_PARTITION = 2        # data partitions A to C (table 7-1)
    LAST_PARTITION = 4
    AUXILIARY = 19             # slices of an auxiliary picture
    EXTENSION = 20             # slices of further views and layers, with a longer header
    DEPTH_EXTENSION = 21
    EXTENSION_HEADER_BYTES = 4
    TYPE_P = 0
    TYPE_B = 1
    TYPE_I = 2
    TYPE_SP = 3
    TYPE_SI = 4
    MOST_PICTURE_SETS = 256
    MOST_REFERENCES = 32
    MOST_COMMANDS = 256  # far more than reordering or marking can need


cdef struct AvcSlice:
    # What of the parameter sets a slice header depends on; `known` is 0 where there is no such set.
    bint known
    bint separate_colour_planes
    bint has_chroma
    bint frames_only
    bint delta_is_zero
    bint bottom_field_order
    bint redundant_pictures
    bint weighted
    bint arithmetic
    bint deblocking
    int frame_number_bits
    int order_type
    int order_bits
    int weighted_bipred
    int slice_group_bits
    uint32_t references_0
    uint32_t references_1


cdef struct Bits:
    # A reader of a NAL unit that passes over emulation prevention bytes (§7.4.1).
    const uint8_t* at
    const uint8_t* end
    uint32_t zeros      # how many zero bytes lie right before `at`
    uint32_t byte       # the one being read
    int left            # bits of it that are left
    bint over           # more was read than there is


cdef inline uint32_t bit(Bits* bits) noexcept nogil:
    if bits.left == 0:
        if bits.at < bits.end and bits.zeros >= 2 and bits.at[0] == 3:
            bits.at += 1
            bits.zeros = 0
        if bits.at >= bits.end:
            bits.over = True
            return 0
        bits.byte = bits.at[0]
        bits.zeros = bits.zeros + 1 if bits.byte == 0 else 0
        bits.at += 1
        bits.left = 8
    bits.left -= 1
    return bits.byte >> bits.left & 1


cdef inline uint32_t number(Bits* bits, int count) noexcept nogil:
    cdef uint32_t value = 0
    cdef int _each
    for _each in range(count):
        value = value << 1 | bit(bits)
    return value


cdef inline uint32_t golomb(Bits* bits) noexcept nogil:
    """Read ue(v) (§9.1); what takes more than 32 bits is no number that a header holds."""
    cdef int zeros = 0
    while bit(bits) == 0:
        zeros += 1
        if zeros > 31 or bits.over:
            bits.over = True
            return 0
    return (<uint32_t>1 << zeros) - 1 + number(bits, zeros)


cdef inline void skip_reordering(Bits* bits) noexcept nogil:
    """Read ref_pic_list_modification for one list (§7.3.3.1)."""
    cdef int _each
    if bit(bits) == 0:
        return
    for _each in range(MOST_COMMANDS):
        if golomb(bits) == 3 or bits.over:
            return
        golomb(bits)
    bits.over = True


cdef inline void skip_weights(Bits* bits, uint32_t count, bint has_chroma) noexcept nogil:
    """Read the weights of one list (§7.3.3.2)."""
    cdef uint32_t _each
    for _each in range(count):
        if bit(bits):
            golomb(bits)
            golomb(bits)
        if has_chroma and bit(bits):
            golomb(bits)
            golomb(bits)
            golomb(bits)
            golomb(bits)


cdef inline void skip_marking(Bits* bits, bint idr) noexcept nogil:
    """Read dec_ref_pic_marking (§7.3.3.3)."""
    cdef uint32_t command
    cdef int _each
    if idr:
        number(bits, 2)
        return
    if bit(bits) == 0:
        return
    for _each in range(MOST_COMMANDS):
        command = golomb(bits)
        if command == 0 or bits.over:
            return
        if command == 1 or command == 2 or command == 3 or command == 4 or command == 6:
            golomb(bits)
        if command == 3:
            golomb(bits)
    bits.over = True


cdef inline int other_avc_picture(const uint8_t* unit, uint64_t length) noexcept nogil:
    """Give the bytes that lead a coded picture whose slices are not read here; 0 of other units."""
    cdef int kind = unit[0] & 31
    if kind == EXTENSION or kind == DEPTH_EXTENSION:
        return EXTENSION_HEADER_BYTES if length > EXTENSION_HEADER_BYTES else 0
    if FIRST_PARTITION <= kind <= LAST_PARTITION or kind == AUXILIARY:
        return 1 if length > 1 else 0
    return 0


cdef inline int64_t avc_slice_header(
    const uint8_t* unit, uint64_t length, const AvcSlice* sets
) noexcept nogil:
    """Give the bytes of a slice's NAL unit that hold its NAL unit header and slice header.

    `unit` is of type 1 or 5, `sets` has 256 entries. -1 where the header cannot be read.
    """
    cdef Bits bits
    cdef const AvcSlice* known
    cdef uint32_t kind, picture_set, references_0, references_1
    cdef bint idr = (unit[0] & 31) == SLICE_IDR
    cdef bint field = False
    bits.at = unit + 1
    bits.end = unit + length
    bits.zeros = 0
    bits.byte = 0
    bits.left = 0
    bits.over = False
    golomb(&bits)  # first_mb_in_slice
    kind = golomb(&bits) % 5
    picture_set = golomb(&bits)
    if picture_set >= MOST_PICTURE_SETS or not sets[picture_set].known:
        return -1
    known = &sets[picture_set]
    if known.separate_colour_planes:
        number(&bits, 2)
    number(&bits, known.frame_number_bits)
    if not known.frames_only:
        field = bit(&bits)
        if field:
            bit(&bits)
    if idr:
        golomb(&bits)
    if known.order_type == 0:
        number(&bits, known.order_bits)
        if known.bottom_field_order and not field:
            golomb(&bits)
    elif known.order_type == 1 and not known.delta_is_zero:
        golomb(&bits)
        if known.bottom_field_order and not field:
            golomb(&bits)
    if known.redundant_pictures:
        golomb(&bits)
    references_0 = known.references_0
    references_1 = known.references_1
    if kind == TYPE_B:
        bit(&bits)  # direct_spatial_mv_pred_flag
    if (kind == TYPE_P or kind == TYPE_SP or kind == TYPE_B) and bit(&bits):
        references_0 = golomb(&bits) + 1
        if kind == TYPE_B:
            references_1 = golomb(&bits) + 1
    if references_0 > MOST_REFERENCES or references_1 > MOST_REFERENCES:
        return -1
    if kind != TYPE_I and kind != TYPE_SI:
        skip_reordering(&bits)
    if kind == TYPE_B:
        skip_reordering(&bits)
    if (
        (known.weighted and (kind == TYPE_P or kind == TYPE_SP))
        or (known.weighted_bipred == 1 and kind == TYPE_B)
    ):
        golomb(&bits)
        if known.has_chroma:
            golomb(&bits)
        skip_weights(&bits, references_0, known.has_chroma)
        if kind == TYPE_B:
            skip_weights(&bits, references_1, known.has_chroma)
    if unit[0] >> 5 & 3:
        skip_marking(&bits, idr)
    if known.arithmetic and kind != TYPE_I and kind != TYPE_SI:
        golomb(&bits)  # cabac_init_idc
    golomb(&bits)  # slice_qp_delta
    if kind == TYPE_SP:
        bit(&bits)
    if kind == TYPE_SP or kind == TYPE_SI:
        golomb(&bits)
    if known.deblocking and golomb(&bits) != 1:
        golomb(&bits)
        golomb(&bits)
    number(&bits, known.slice_group_bits)
    return -1 if bits.over else bits.at - unit
