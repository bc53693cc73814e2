"""How long a frame header of AV1 is (AV1 §5.9): see native/reference/av1_frame.py.

Nothing is read outside of the OBU: past its end the reader gives zeros and says so at last.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from native._av1 cimport (
    HEADER_LOST,
    HEADER_READ,
    HEADER_UNKNOWN,
    REFERENCES,
    SEGMENTS,
    SLOTS,
    Av1Sequence,
    Av1Slot,
    Av1State,
    Reading,
    derive_references,
    has_skip_mode,
    take_below,
    take_tiles,
)
from native._vp9 cimport FrameBits, take

cdef enum:
    AV1_KEY = 0
    AV1_INTER = 1
    AV1_INTRA_ONLY = 2
    AV1_SWITCH = 3
    ALL_SLOTS = 0xFF
    NO_PRIMARY = 7
    CHOSEN_BY_FRAMES = 2
    SUPERRESOLUTION = 8
    LARGEST_QUANTISER = 255
    ALPHA_BITS = 12            # GM_ABS_ALPHA_BITS and GM_ABS_TRANS_BITS
    TRANSLATION_BITS = 9       # GM_ABS_TRANS_ONLY_BITS


cdef struct Av1Frame:
    # What of a header its later fields depend on.
    bint intra
    bint shown
    bint showable
    bint resilient
    bint updates
    bint screen_content
    bint integer_vectors
    bint own_size
    bint copies_blocks
    bint precise
    bint lost                  # it depends on a picture that nothing is known of
    uint32_t kind
    uint32_t primary
    uint32_t refreshes
    uint32_t upscaled
    uint32_t width
    uint8_t[REFERENCES] references
    Av1Slot own                # what is to be in the slots that it refreshes


cdef inline bint always_refreshes(const Av1Frame* frame) noexcept nogil:
    return frame.kind == AV1_SWITCH or (frame.kind == AV1_KEY and frame.shown)


cdef inline bint chosen(FrameBits* bits, int choice) noexcept nogil:
    return take(bits, 1) if choice == CHOSEN_BY_FRAMES else choice == 1


# ---- what every frame has before its size

cdef inline void take_kind(FrameBits* bits, const Av1Sequence* known,
                           Av1Frame* frame) noexcept nogil:
    frame.kind = AV1_KEY
    frame.shown = True
    frame.showable = False
    frame.resilient = True
    if not known.reduced:
        frame.kind = take(bits, 2)
        frame.shown = take(bits, 1)
        if frame.shown:
            take(bits, known.presentation_bits)
            frame.showable = frame.kind != AV1_KEY
        else:
            frame.showable = take(bits, 1)
        if not always_refreshes(frame):
            frame.resilient = take(bits, 1)
    frame.intra = frame.kind == AV1_KEY or frame.kind == AV1_INTRA_ONLY


cdef inline void skip_removal_times(FrameBits* bits, const Av1Sequence* known,
                                    uint8_t layers) noexcept nogil:
    cdef int each
    cdef uint32_t point
    for each in range(known.points):
        point = known.removal_points[each]
        if point == 0 or (point >> (layers >> 5) & 1 and point >> ((layers >> 3 & 3) + 8) & 1):
            take(bits, known.removal_bits)


cdef inline void take_orders(FrameBits* bits, const Av1Sequence* known,
                             Av1State* state) noexcept nogil:
    """Read the order hint of every slot; where it is another, the picture there was lost."""
    cdef uint32_t order
    cdef int each
    for each in range(SLOTS):
        order = take(bits, known.order_bits)
        if not state.slots[each].is_known or state.slots[each].order != order:
            state.slots[each].is_known = False


cdef inline void take_beginning(FrameBits* bits, const Av1Sequence* known, uint8_t layers,
                                Av1State* state, Av1Frame* frame) noexcept nogil:
    frame.updates = take(bits, 1) == 0 and not known.reduced
    frame.screen_content = chosen(bits, known.screen_content_tools)
    frame.integer_vectors = frame.screen_content and chosen(bits, known.integer_vectors)
    take(bits, known.frame_id_bits)
    frame.own_size = frame.kind == AV1_SWITCH or (not known.reduced and take(bits, 1))
    frame.own.order = take(bits, known.order_bits)
    frame.primary = NO_PRIMARY
    if not frame.intra and not frame.resilient:
        frame.primary = take(bits, 3)
    if known.decoder_model and take(bits, 1):
        skip_removal_times(bits, known, layers)
    frame.refreshes = ALL_SLOTS
    if not always_refreshes(frame):
        frame.refreshes = take(bits, 8)
    if frame.resilient and known.order_bits and (
        not frame.intra or frame.refreshes != ALL_SLOTS
    ):
        take_orders(bits, known, state)


# ---- sizes and references

cdef inline void take_superresolution(FrameBits* bits, const Av1Sequence* known,
                                      Av1Frame* frame) noexcept nogil:
    cdef uint32_t part
    frame.upscaled = frame.width
    if known.superresolution and take(bits, 1):
        part = take(bits, 3) + SUPERRESOLUTION + 1
        frame.width = (frame.upscaled * SUPERRESOLUTION + part // 2) // part


cdef inline void take_frame_size(FrameBits* bits, const Av1Sequence* known,
                                 Av1Frame* frame) noexcept nogil:
    """Read frame_size and render_size."""
    frame.width = known.width
    frame.own.height = known.height
    if frame.own_size:
        frame.width = take(bits, known.width_bits) + 1
        frame.own.height = take(bits, known.height_bits) + 1
    take_superresolution(bits, known, frame)
    if take(bits, 1):
        take(bits, 32)


cdef inline void take_size_by_references(FrameBits* bits, const Av1Sequence* known,
                                         const Av1State* state, Av1Frame* frame) noexcept nogil:
    cdef const Av1Slot* slot
    cdef int each
    for each in range(REFERENCES):
        if take(bits, 1):
            slot = &state.slots[frame.references[each]]
            if not slot.is_known:
                frame.lost = True
                return
            frame.width = slot.width
            frame.own.height = slot.height
            take_superresolution(bits, known, frame)
            return
    take_frame_size(bits, known, frame)


cdef inline void take_references(FrameBits* bits, const Av1Sequence* known, const Av1State* state,
                                 Av1Frame* frame) noexcept nogil:
    """Read what a frame has that predicts from others, its size among it."""
    cdef bint derived = known.order_bits and take(bits, 1)
    cdef uint32_t last, golden
    cdef int each
    if derived:
        last = take(bits, 3)
        golden = take(bits, 3)
        if not derive_references(state.slots, frame.own.order, known.order_bits, last, golden,
                                 frame.references):
            frame.lost = True
            return
    for each in range(REFERENCES):
        if not derived:
            frame.references[each] = <uint8_t>take(bits, 3)
        take(bits, known.delta_id_bits)
    if frame.own_size and not frame.resilient:
        take_size_by_references(bits, known, state, frame)
        if frame.lost:
            return
    else:
        take_frame_size(bits, known, frame)
    frame.precise = not frame.integer_vectors and take(bits, 1)
    if take(bits, 1) == 0:  # is_filter_switchable
        take(bits, 2)
    take(bits, 1)  # is_motion_mode_switchable
    if not frame.resilient and known.reference_vectors:
        take(bits, 1)


# ---- quantisers, segments and filters

cdef inline bint take_delta_quantiser(FrameBits* bits) noexcept nogil:
    """Whether a plane has a quantiser of its own."""
    return take(bits, 1) and take(bits, 7)


cdef inline bint take_delta_quantisers(FrameBits* bits, const Av1Sequence* known) noexcept nogil:
    """Read the rest of quantization_params (§5.9.12); whether all planes have the same one."""
    cdef bint plain = not take_delta_quantiser(bits)
    cdef int count = 0
    cdef int _each
    if not known.monochrome:
        count = 4 if known.separate_chroma_quantisers and take(bits, 1) else 2
    for _each in range(count):
        if take_delta_quantiser(bits):
            plain = False
    if take(bits, 1):  # using_qmatrix
        take(bits, 12 if known.separate_chroma_quantisers else 8)
    return plain


cdef inline void take_features(FrameBits* bits, Av1Slot* own) noexcept nogil:
    """Read the features of all segments, of which the first adds to the quantiser."""
    cdef int[8] widths = [9, 7, 7, 7, 7, 3, 0, 0]
    cdef int segment, each, value
    for segment in range(SEGMENTS):
        for each in range(8):
            if take(bits, 1) == 0:
                continue
            value = <int>take(bits, widths[each])
            if each == 0:
                value -= (value & 0x100) << 1
                own.altered |= <uint8_t>(1 << segment)
                own.quantisers[segment] = max(value, -LARGEST_QUANTISER)


cdef inline void take_segments(FrameBits* bits, const Av1State* state,
                               Av1Frame* frame) noexcept nogil:
    """Read segmentation_params (§5.9.14); what is not said anew is the primary reference's."""
    cdef const Av1Slot* slot
    cdef int each
    frame.own.altered = 0
    if take(bits, 1) == 0:
        return
    if frame.primary != NO_PRIMARY:
        if take(bits, 1):  # segmentation_update_map
            take(bits, 1)
        if take(bits, 1) == 0:
            slot = &state.slots[frame.references[frame.primary]]
            frame.lost = not slot.is_known
            frame.own.altered = slot.altered
            for each in range(SEGMENTS):
                frame.own.quantisers[each] = slot.quantisers[each]
            return
    take_features(bits, &frame.own)


cdef inline bint is_lossless(const Av1Slot* own, uint32_t base) noexcept nogil:
    """Whether no segment has a quantiser, where planes have none of their own."""
    cdef int each
    for each in range(SEGMENTS):
        if <int>base + (own.quantisers[each] if own.altered >> each & 1 else 0) > 0:
            return False
    return True


cdef inline void skip_filters(FrameBits* bits, const Av1Sequence* known) noexcept nogil:
    """Read loop_filter_params and cdef_params (§5.9.11, §5.9.19)."""
    cdef int _each
    if take(bits, 12) and not known.monochrome:
        take(bits, 12)
    take(bits, 3)
    if take(bits, 1) and take(bits, 1):
        for _each in range(SLOTS + 2):
            if take(bits, 1):
                take(bits, 7)
    if known.directional_enhancement:
        take(bits, 2)
        take(bits, (6 if known.monochrome else 12) << take(bits, 2))


cdef inline void skip_restoration(FrameBits* bits, const Av1Sequence* known) noexcept nogil:
    """Read lr_params (§5.9.20)."""
    cdef uint32_t luma = take(bits, 2)
    cdef uint32_t chroma = 0 if known.monochrome else take(bits, 4)
    if not luma and not chroma:
        return
    if take(bits, 1) and not known.large_superblocks:
        take(bits, 1)
    if chroma and known.subsampled:
        take(bits, 1)


cdef inline void take_quality(FrameBits* bits, const Av1Sequence* known, const Av1State* state,
                              Av1Frame* frame) noexcept nogil:
    cdef uint32_t base = take(bits, 8)
    cdef bint lossless = take_delta_quantisers(bits, known)
    take_segments(bits, state, frame)
    if frame.lost:
        return
    if base and take(bits, 1):  # delta_q_present
        take(bits, 2)
        if not frame.copies_blocks and take(bits, 1):
            take(bits, 3)
    lossless = lossless and is_lossless(&frame.own, base)
    if not lossless and not frame.copies_blocks:
        skip_filters(bits, known)
    if (
        known.restoration and not frame.copies_blocks
        and not (lossless and frame.width == frame.upscaled)
    ):
        skip_restoration(bits, known)
    if not lossless:
        take(bits, 1)  # tx_mode_select


# ---- prediction and film grain

cdef inline void skip_number(FrameBits* bits, uint32_t count) noexcept nogil:
    """Read a number below `count` as decode_subexp does (§5.9.28)."""
    cdef int width = 3
    cdef uint32_t below = 0
    while count > below + (<uint32_t>3 << width):
        if take(bits, 1) == 0:
            take(bits, width)
            return
        below += <uint32_t>1 << width
        if below > 8:  # the first two steps have the same width
            width += 1
    take_below(bits, count - below)


cdef inline void skip_motion(FrameBits* bits, bint precise) noexcept nogil:
    """Read the global motion against one reference (§5.9.24)."""
    cdef int count = 6
    cdef int length = ALPHA_BITS
    cdef int _each
    if take(bits, 1) == 0:
        return
    if take(bits, 1):  # is_rot_zoom
        count = 4
    elif take(bits, 1):  # is_translation
        count = 2
        length = TRANSLATION_BITS if precise else TRANSLATION_BITS - 1
    for _each in range(count):
        skip_number(bits, (<uint32_t>2 << length) + 1)


cdef inline void skip_prediction(FrameBits* bits, const Av1Sequence* known, const Av1State* state,
                                 Av1Frame* frame) noexcept nogil:
    """Read how a frame predicts, from frame_reference_mode to global_motion_params."""
    cdef int each, _each
    if not frame.intra and take(bits, 1) and known.order_bits:
        for each in range(REFERENCES):
            if not state.slots[frame.references[each]].is_known:
                frame.lost = True
                return
        if has_skip_mode(state.slots, frame.references, frame.own.order, known.order_bits):
            take(bits, 1)
    if not frame.intra and not frame.resilient and known.warped_motion:
        take(bits, 1)
    take(bits, 1)  # reduced_tx_set
    if not frame.intra:
        for _each in range(REFERENCES):
            skip_motion(bits, frame.precise)


cdef inline void skip_grain(FrameBits* bits, const Av1Sequence* known,
                            const Av1Frame* frame) noexcept nogil:
    """Read film_grain_params (§5.9.30)."""
    cdef uint32_t luma, places
    cdef uint32_t blue = 0
    cdef uint32_t red = 0
    cdef bint from_luma
    if take(bits, 1) == 0:
        return
    take(bits, 16)
    if frame.kind == AV1_INTER and take(bits, 1) == 0:
        take(bits, 3)
        return
    luma = take(bits, 4)
    take(bits, 16 * luma)
    from_luma = not known.monochrome and take(bits, 1)
    if not known.monochrome and not from_luma and (luma or not known.subsampled):
        blue = take(bits, 4)
        take(bits, 16 * blue)
        red = take(bits, 4)
        take(bits, 16 * red)
    take(bits, 2)
    places = take(bits, 2)
    places = 2 * places * (places + 1)
    if luma:
        take(bits, 8 * places)
        places += 1
    if from_luma or blue:
        take(bits, 8 * places)
    if from_luma or red:
        take(bits, 8 * places)
    take(bits, 4)
    if blue:
        take(bits, 25)
    if red:
        take(bits, 25)
    take(bits, 2)


# ---- the whole

cdef inline Reading read_existing(FrameBits* bits, const Av1Sequence* known,
                                  Av1State* state) noexcept nogil:
    """Read what shows a picture that is there; a key picture then fills all slots (§7.21)."""
    cdef uint32_t number = take(bits, 3)
    cdef int each
    take(bits, known.presentation_bits)
    take(bits, known.frame_id_bits)
    state.tiles.count = 0
    if bits.over:
        return HEADER_UNKNOWN
    if not state.slots[number].is_known:
        return HEADER_LOST
    if state.slots[number].is_key:
        for each in range(SLOTS):
            state.slots[each] = state.slots[number]
    return HEADER_READ


cdef inline Reading read_new(FrameBits* bits, const Av1Sequence* known, uint8_t layers,
                             Av1State* state) noexcept nogil:
    cdef Av1Frame frame
    cdef int each
    memset(&frame, 0, sizeof(frame))
    take_kind(bits, known, &frame)
    take_beginning(bits, known, layers, state, &frame)
    if frame.intra:
        take_frame_size(bits, known, &frame)
        if frame.screen_content and frame.upscaled == frame.width:
            frame.copies_blocks = take(bits, 1)
    else:
        take_references(bits, known, state, &frame)
    if not frame.lost:
        if frame.updates:
            take(bits, 1)  # disable_frame_end_update_cdf
        take_tiles(bits, frame.width, frame.own.height, known.large_superblocks, &state.tiles)
        take_quality(bits, known, state, &frame)
    if not frame.lost:
        skip_prediction(bits, known, state, &frame)
    if not frame.lost and known.film_grain and (frame.shown or frame.showable):
        skip_grain(bits, known, &frame)
    if bits.over:
        return HEADER_UNKNOWN
    if frame.lost:
        return HEADER_LOST
    frame.own.is_known = True
    frame.own.is_key = frame.kind == AV1_KEY
    frame.own.width = frame.upscaled
    for each in range(SLOTS):
        if frame.refreshes >> each & 1:
            state.slots[each] = frame.own
    return HEADER_READ


cdef inline Reading av1_frame_header(const Av1Sequence* known, const uint8_t* data,
                                     uint64_t length, uint8_t layers, bint before_tiles,
                                     Av1State* state, uint64_t* head) noexcept nogil:
    """Read a frame header; `head` are its bytes, with the bits that end it.

    `state` is what was before it, and then what is after it, or anything where it cannot be read.
    """
    cdef FrameBits bits
    cdef Reading reading
    bits.data = data
    bits.at = 0
    bits.end = length * 8
    bits.over = False
    if not known.reduced and take(&bits, 1):
        reading = read_existing(&bits, known, state)
        if before_tiles and reading == HEADER_READ:
            return HEADER_UNKNOWN
    else:
        reading = read_new(&bits, known, layers, state)
    if reading != HEADER_READ:
        return reading
    if not before_tiles and take(&bits, 1) == 0:
        return HEADER_UNKNOWN
    if take(&bits, -bits.at & 7) or bits.over:
        return HEADER_UNKNOWN
    head[0] = bits.at >> 3
    state.next_tile = 0
    return HEADER_READ
