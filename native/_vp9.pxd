"""How long the uncompressed header of a VP9 frame is (VP9 §6.2): see native/reference/vp9_frame.py.

Nothing is read outside of the frame: past its end the reader gives zeros and says so at last.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    MOST_FRAMES = 8            # of a superframe
    SYNC_CODE = 0x498342
    RGB = 7
    LEAST_TILE = 4             # in superblocks of 64 samples
    MOST_TILE = 64


cdef struct FrameBits:
    const uint8_t* data
    uint64_t at                # in bits
    uint64_t end
    bint over


cdef inline uint32_t take(FrameBits* bits, int count) noexcept nogil:
    cdef uint32_t value = 0
    cdef int _each
    for _each in range(count):
        value <<= 1
        if bits.at >= bits.end:
            bits.over = True
            continue
        value |= bits.data[bits.at >> 3] >> (7 - (bits.at & 7)) & 1
        bits.at += 1
    return value


cdef inline void skip_colour(FrameBits* bits, int profile) noexcept nogil:
    if profile >= 2:
        take(bits, 1)
    if take(bits, 3) != RGB:
        take(bits, 1)
        if profile & 1:
            take(bits, 3)
    elif profile & 1:
        take(bits, 1)


cdef inline uint32_t take_size(FrameBits* bits) noexcept nogil:
    """Read frame_size; give the width."""
    cdef uint32_t width = take(bits, 16) + 1
    take(bits, 16)
    return width


cdef inline void skip_render_size(FrameBits* bits) noexcept nogil:
    if take(bits, 1):
        take(bits, 32)


cdef inline uint32_t take_inter(FrameBits* bits, uint32_t width) noexcept nogil:
    """Read what a picture says that predicts from others; give its width."""
    cdef int _each
    cdef bint found = False
    take(bits, 8)
    for _each in range(3):
        take(bits, 4)
    for _each in range(3):
        if take(bits, 1):
            found = True
            break
    if not found:
        width = take_size(bits)
    skip_render_size(bits)
    take(bits, 1)
    if take(bits, 1) == 0:
        take(bits, 2)
    return width


cdef inline void skip_filter(FrameBits* bits) noexcept nogil:
    """Read loop_filter_params and quantization_params."""
    cdef int _each
    take(bits, 9)
    if take(bits, 1) and take(bits, 1):
        for _each in range(6):
            if take(bits, 1):
                take(bits, 7)
    take(bits, 8)
    for _each in range(3):
        if take(bits, 1):
            take(bits, 5)


cdef inline void skip_probability(FrameBits* bits) noexcept nogil:
    if take(bits, 1):
        take(bits, 8)


cdef inline void skip_segmentation(FrameBits* bits) noexcept nogil:
    cdef int _each
    if take(bits, 1) == 0:
        return
    if take(bits, 1):
        for _each in range(7):
            skip_probability(bits)
        if take(bits, 1):
            for _each in range(3):
                skip_probability(bits)
    if take(bits, 1):
        take(bits, 1)
        for _each in range(8):
            if take(bits, 1):
                take(bits, 9)
            if take(bits, 1):
                take(bits, 7)
            if take(bits, 1):
                take(bits, 2)
            take(bits, 1)


cdef inline void skip_tiles(FrameBits* bits, uint32_t width) noexcept nogil:
    cdef uint32_t blocks = (width + 63) // 64
    cdef int least = 0
    cdef int most = 1
    while <uint32_t>MOST_TILE << least < blocks:
        least += 1
    while blocks >> most >= LEAST_TILE:
        most += 1
    most -= 1
    while least < most and take(bits, 1):
        least += 1
    if take(bits, 1):
        take(bits, 1)


cdef inline int64_t vp9_header(
    const uint8_t* frame, uint64_t length, uint32_t width
) noexcept nogil:
    """Give the bytes of a frame's uncompressed header; all of a frame that only shows another.

    `width` is that of pictures that do not say it. -1 where the header cannot be read.
    """
    cdef FrameBits bits
    cdef int profile
    cdef bint is_key, shown, resilient
    cdef bint alone = False
    bits.data = frame
    bits.at = 0
    bits.end = length * 8
    bits.over = False
    if take(&bits, 2) != 2:
        return -1
    profile = take(&bits, 1)
    profile |= take(&bits, 1) << 1
    if profile == 3:
        take(&bits, 1)
    if take(&bits, 1):
        return length
    is_key = take(&bits, 1) == 0
    shown = take(&bits, 1)
    resilient = take(&bits, 1)
    if not is_key:
        alone = not shown and take(&bits, 1)
        if not resilient:
            take(&bits, 2)
    if is_key or alone:
        if take(&bits, 24) != SYNC_CODE:
            return -1
        if is_key or profile:
            skip_colour(&bits, profile)
        if alone:
            take(&bits, 8)
        width = take_size(&bits)
        skip_render_size(&bits)
    else:
        width = take_inter(&bits, width)
    if not resilient:
        take(&bits, 2)
    take(&bits, 2)
    skip_filter(&bits)
    skip_segmentation(&bits)
    skip_tiles(&bits, width)
    take(&bits, 16)
    return -1 if bits.over else (bits.at + 7) // 8


cdef inline int frames_of(const uint8_t* sample, uint64_t size, uint32_t* lengths) noexcept nogil:
    """Give the number of a sample's frames and their lengths (VP9 annex B); -1 where they lie.

    There is room for `MOST_FRAMES`.
    """
    cdef uint8_t marker
    cdef int count, digits, each, digit
    cdef uint64_t index
    cdef uint64_t total = 0
    cdef const uint8_t* at
    if size == 0:
        return 0
    marker = sample[size - 1]
    count = (marker & 7) + 1
    digits = (marker >> 3 & 3) + 1
    index = 2 + digits * count
    if marker & 0xE0 != 0xC0 or index > size or sample[size - index] != marker:
        lengths[0] = <uint32_t>size
        return 1
    at = sample + size - index + 1
    for each in range(count):
        lengths[each] = 0
        for digit in range(digits):
            lengths[each] |= <uint32_t>at[digit] << 8 * digit
        at += digits
        total += lengths[each]
    return count if total + index <= size else -1
