"""What AV1 keeps of earlier pictures, and into how many tiles it cuts one.

See native/reference/av1_references.py and av1_tiles.py. Bits are read as those of VP9 are: past the
end there are zeros, and it is said at last.
"""

from libc.stdint cimport int16_t, uint8_t, uint16_t, uint32_t

from native._vp9 cimport FrameBits, take

cdef enum:
    SLOTS = 8
    REFERENCES = 7
    SEGMENTS = 8
    GOLDEN = 3                 # the place of GOLDEN_FRAME among the references
    NO_SLOT = 255
    MOST_POINTS = 32           # operating points
    MOST_ACROSS = 64           # MAX_TILE_COLS and MAX_TILE_ROWS
    WIDEST_TILE = 4096
    LARGEST_TILE = 9437184     # 4096 * 2304

cdef enum Reading:
    HEADER_READ
    HEADER_UNKNOWN             # it makes no sense
    HEADER_LOST                # it depends on a picture that nothing is known of


cdef struct Av1Sequence:
    # What the sequence header says: see native/values.py.
    bint reduced
    bint decoder_model
    bint large_superblocks
    bint reference_vectors
    bint warped_motion
    bint superresolution
    bint directional_enhancement
    bint restoration
    bint monochrome
    bint subsampled
    bint separate_chroma_quantisers
    bint film_grain
    int screen_content_tools
    int integer_vectors
    int presentation_bits
    int removal_bits
    int width_bits
    int height_bits
    int frame_id_bits
    int delta_id_bits
    int order_bits
    uint32_t width
    uint32_t height
    int points
    uint16_t[MOST_POINTS] removal_points


cdef struct Av1Slot:
    # What is in a slot; `altered` has a bit for each segment with a quantiser of its own.
    bint is_known
    bint is_key
    uint32_t order
    uint32_t width
    uint32_t height
    uint8_t altered
    int16_t[SEGMENTS] quantisers


cdef struct Av1Tiles:
    uint32_t count             # 0: no frame's tiles are awaited
    int number_bits
    int size_bytes


cdef struct Av1State:
    # Where the samples of a fragment have come to. All zeros: to no one's end.
    Av1Slot[SLOTS] slots
    Av1Tiles tiles
    uint32_t next_tile


cdef inline uint32_t take_below(FrameBits* bits, uint32_t limit) noexcept nogil:
    """Read ns(n) (§4.10.7)."""
    cdef int width = 0
    cdef uint32_t short_codes, value
    while limit >> width:
        width += 1
    short_codes = (<uint32_t>1 << width) - limit
    value = take(bits, width - 1)
    if value < short_codes:
        return value
    return (value << 1) - short_codes + take(bits, 1)


# ---- order hints

cdef inline int distance(uint32_t first, uint32_t second, int order_bits) noexcept nogil:
    """Tell how much later one order hint is than another (§5.9.3)."""
    cdef int difference = <int>first - <int>second
    cdef int half = 1 << (order_bits - 1)
    return (difference & (half - 1)) - (difference & half)


cdef inline int later_slot(const int* away, uint8_t used, bint last) noexcept nogil:
    """Give the slot that is not earlier than the frame and least late, or the `last` one; or -1."""
    cdef int found = -1
    cdef int each
    for each in range(SLOTS):
        if used >> each & 1 or away[each] < 0:
            continue
        if found < 0 or (away[each] >= away[found] if last else away[each] < away[found]):
            found = each
    return found


cdef inline int earlier_slot(const int* away, uint8_t used) noexcept nogil:
    """Give the slot that is earlier than the frame, and the last of these; or -1."""
    cdef int found = -1
    cdef int each
    for each in range(SLOTS):
        if used >> each & 1 or away[each] >= 0:
            continue
        if found < 0 or away[each] >= away[found]:
            found = each
    return found


cdef inline bint derive_references(const Av1Slot* slots, uint32_t order, int order_bits,
                                   uint32_t last, uint32_t golden,
                                   uint8_t* references) noexcept nogil:
    """Find the slots of all references by those two (§7.8); False where a slot is unknown."""
    cdef int[SLOTS] away
    cdef int[3] backward = [6, 4, 5]
    cdef int each, found
    cdef int earliest = 0
    cdef uint8_t used = <uint8_t>(1 << last | 1 << golden)
    for each in range(SLOTS):
        if not slots[each].is_known:
            return False
        away[each] = distance(slots[each].order, order, order_bits)
        if away[each] < away[earliest]:
            earliest = each
    for each in range(REFERENCES):
        references[each] = NO_SLOT
    references[0] = <uint8_t>last
    references[GOLDEN] = <uint8_t>golden
    for each in range(3):
        found = later_slot(away, used, each == 0)
        if found >= 0:
            references[backward[each]] = <uint8_t>found
            used |= <uint8_t>(1 << found)
    for each in range(REFERENCES):
        if references[each] != NO_SLOT:
            continue
        found = earlier_slot(away, used)
        if found >= 0:
            references[each] = <uint8_t>found
            used |= <uint8_t>(1 << found)
    for each in range(REFERENCES):
        if references[each] == NO_SLOT:
            references[each] = <uint8_t>earliest
    return True


cdef inline bint has_skip_mode(const Av1Slot* slots, const uint8_t* references, uint32_t order,
                               int order_bits) noexcept nogil:
    """Whether a frame that predicts from two pictures at once may skip (§5.9.22).

    The slots of its references are known.
    """
    cdef bint has_forward = False
    cdef bint has_backward = False
    cdef uint32_t forward = 0
    cdef uint32_t hint
    cdef int each, away
    for each in range(REFERENCES):
        hint = slots[references[each]].order
        away = distance(hint, order, order_bits)
        if away > 0:
            has_backward = True
        elif away < 0 and (not has_forward or distance(hint, forward, order_bits) > 0):
            has_forward = True
            forward = hint
    if not has_forward or has_backward:
        return has_forward
    for each in range(REFERENCES):
        if distance(slots[references[each]].order, forward, order_bits) < 0:
            return True
    return False


# ---- tiles (§5.9.15)

cdef inline uint32_t superblocks(uint32_t length, int shift) noexcept nogil:
    return (((length + 7) >> 3 << 3) + (<uint32_t>1 << shift) - 1) >> shift


cdef inline int log2_parts(uint32_t part, uint32_t target) noexcept nogil:
    """Give tile_log2 (§5.9.16)."""
    cdef int bits = 0
    while part << bits < target:
        bits += 1
    return bits


cdef inline int take_log2(FrameBits* bits, int least, uint32_t most_parts) noexcept nogil:
    cdef int most = log2_parts(1, most_parts)
    while least < most and take(bits, 1):
        least += 1
    return least


cdef inline uint32_t even_parts(uint32_t length, int parts_log2) noexcept nogil:
    cdef uint32_t part = (length + (<uint32_t>1 << parts_log2) - 1) >> parts_log2
    return (length + part - 1) // part


cdef inline uint32_t take_parts(FrameBits* bits, uint32_t length, uint32_t most,
                                uint32_t* longest) noexcept nogil:
    """Read how long each part is; give how many there are."""
    cdef uint32_t count = 0
    cdef uint32_t part
    longest[0] = 1
    while length > 0:
        if count == MOST_ACROSS:
            bits.over = True
            return count
        part = take_below(bits, min(length, most)) + 1
        longest[0] = max(longest[0], part)
        length -= part
        count += 1
    return count


cdef inline void take_tiles(FrameBits* bits, uint32_t width, uint32_t height, bint large,
                            Av1Tiles* tiles) noexcept nogil:
    """Read tile_info of a frame of that size."""
    cdef int shift = 7 if large else 6
    cdef uint32_t across = superblocks(width, shift)
    cdef uint32_t down = superblocks(height, shift)
    cdef uint32_t widest = WIDEST_TILE >> shift
    cdef int least_across = log2_parts(widest, across)
    cdef int least = max(least_across, log2_parts(LARGEST_TILE >> 2 * shift, across * down))
    cdef int columns_log2, rows_log2
    cdef uint32_t columns, rows, area, longest
    if take(bits, 1):
        columns_log2 = take_log2(bits, least_across, min(across, <uint32_t>MOST_ACROSS))
        rows_log2 = take_log2(bits, max(least - columns_log2, 0),
                              min(down, <uint32_t>MOST_ACROSS))
        columns = even_parts(across, columns_log2)
        rows = even_parts(down, rows_log2)
    else:
        columns = take_parts(bits, across, widest, &longest)
        area = across * down >> (least + 1 if least else 0)
        rows = take_parts(bits, down, max(area // longest, <uint32_t>1), &longest)
        columns_log2, rows_log2 = log2_parts(1, columns), log2_parts(1, rows)
    tiles.count = columns * rows
    tiles.number_bits = columns_log2 + rows_log2
    tiles.size_bytes = 0
    if tiles.number_bits:
        take(bits, tiles.number_bits)
        tiles.size_bytes = take(bits, 2) + 1
