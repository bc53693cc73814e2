"""Which bytes of a sample are encrypted: see native/reference/protection.py for the clauses.

A sample is divided into pieces, each so many clear bytes and then so many encrypted ones. Of units
only the heads are looked at, so where samples are in a file, only these are read from it.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from native._aes cimport BLOCK
from native._av1 cimport Av1Sequence, Av1State
from native._av1_units cimport divide_tiles
from native._avc cimport SLICE, SLICE_IDR, AvcSlice, avc_slice_header, other_avc_picture
from native._hevc cimport HevcSlice, hevc_slice_header, is_hevc_slice, other_hevc_picture
from native._pieces cimport (
    BROKEN_FRAMES,
    BROKEN_UNIT,
    ENDED,
    HEAD_BYTES,
    LOST_REFERENCE,
    NO_MEMORY,
    SHORT_HEAD_BYTES,
    SOUND,
    TOO_MANY_PIECES,
    TOO_MANY_SAMPLES,
    UNKNOWN_FRAME,
    UNKNOWN_SLICE,
    WAITING,
    Pieces,
    Source,
    Trouble,
    fetch,
    keep_all,
)
from native._vp9 cimport MOST_FRAMES, frames_of, vp9_header

cdef enum:
    MOST_INFORMATION = 255     # sample_info_size has 8 bits
    MOST_STRIDE = 128
    PADDED_PIECES = 8          # of a sample at most, where all fragments of a length are to agree

cdef enum Kind:
    WHOLE                      # samples are not divided
    AVC
    HEVC
    VP9
    AV1


cdef struct Division:
    # How the samples of a track are divided.
    Kind kind
    bint pattern           # cbcs, else cenc
    bint padded            # how much is added depends on the number of samples alone
    int length_size        # of NAL units
    AvcSlice* avc          # 256, or NULL
    HevcSlice* hevc        # 64, or NULL
    uint32_t width         # of pictures of VP9 that do not say it
    Av1Sequence av1


cdef inline uint32_t vector_bytes(const Division* division) noexcept nogil:
    """Give the bytes of a sample's own vector in its entry."""
    return 0 if division.pattern else 8


cdef inline uint64_t hidden_of(const Division* division, uint64_t length) noexcept nogil:
    """Give how many bytes of slice data are encrypted; what comes before them takes the rest."""
    if not division.pattern:
        return length - length % BLOCK
    return length if length >= BLOCK else 0


cdef inline int64_t slice_header(const Division* division, const uint8_t* unit,
                                 uint64_t length) noexcept nogil:
    """Give the bytes of a NAL unit before its slice data; 0 of one without, -1 of a broken one."""
    if division.kind == HEVC:
        if is_hevc_slice(unit, length):
            return hevc_slice_header(unit, length, division.hevc)
        return other_hevc_picture(unit, length)
    if unit[0] & 31 == SLICE or unit[0] & 31 == SLICE_IDR:
        return avc_slice_header(unit, length, division.avc)
    return other_avc_picture(unit, length)


cdef inline Trouble read_slice_header(const Division* division, const uint8_t* unit,
                                      uint64_t length, Source* source,
                                      int64_t* head) noexcept nogil:
    """Do what `slice_header` does, of a unit in a file with as few of its bytes as possible."""
    cdef uint64_t there
    cdef Trouble trouble
    if source != NULL:
        there = source.room + source.end - unit
        if there < length:
            head[0] = slice_header(division, unit, there)
            if head[0] >= 0:
                return SOUND
            trouble = fetch(source, unit, length, length)
            if trouble != SOUND:
                return trouble
    head[0] = slice_header(division, unit, length)
    return SOUND if head[0] >= 0 else UNKNOWN_SLICE


cdef inline Trouble divide_units(const Division* division, const uint8_t* sample, uint64_t size,
                                 int stride, Source* source, Pieces* pieces,
                                 int* slices) noexcept nogil:
    """Hide the data of every `stride`th slice, and count them."""
    cdef uint64_t at = 0
    cdef uint64_t clear = 0
    cdef uint64_t length, hidden
    cdef int64_t head
    cdef int digit
    cdef const uint8_t* unit
    cdef Trouble trouble
    while at < size:
        if size - at < <uint64_t>division.length_size:
            return BROKEN_UNIT
        if source != NULL:
            trouble = fetch(source, sample + at, min(size - at, <uint64_t>SHORT_HEAD_BYTES),
                            min(size - at, <uint64_t>HEAD_BYTES))
            if trouble != SOUND:
                return trouble
        length = 0
        for digit in range(division.length_size):
            length = length << 8 | sample[at + digit]
        if length == 0 or length > size - at - division.length_size:
            return BROKEN_UNIT
        unit = sample + at + division.length_size
        trouble = read_slice_header(division, unit, length, source, &head)
        if trouble != SOUND:
            return trouble
        hidden = 0
        if head:
            if slices[0] % stride == 0:
                hidden = hidden_of(division, length - head)
            slices[0] += 1
        clear += division.length_size + length - hidden
        if hidden:
            if not keep_all(pieces, clear, <uint32_t>hidden):
                return NO_MEMORY
            clear = 0
        at += division.length_size + length
    if clear and not keep_all(pieces, clear, 0):
        return NO_MEMORY
    return SOUND


cdef inline Trouble divide_frames(const Division* division, const uint8_t* sample, uint64_t size,
                                  int stride, Source* source, Pieces* pieces,
                                  int* slices) noexcept nogil:
    """Hide the data of every `stride`th frame, and count them; a superframe's index stays."""
    cdef uint32_t[MOST_FRAMES] lengths
    cdef int count
    cdef uint64_t left = size
    cdef uint64_t clear = 0
    cdef uint64_t hidden
    cdef int64_t head
    cdef int each
    cdef Trouble trouble
    if source != NULL:
        trouble = fetch(source, sample, size, size)  # its last byte says where frames begin
        if trouble != SOUND:
            return trouble
    count = frames_of(sample, size, lengths)
    if count < 0:
        return BROKEN_FRAMES
    for each in range(count):
        if lengths[each] == 0:
            continue
        head = vp9_header(sample, lengths[each], division.width)
        if head < 0:
            return UNKNOWN_FRAME
        hidden = hidden_of(division, lengths[each] - head) if slices[0] % stride == 0 else 0
        slices[0] += 1
        clear += lengths[each] - hidden
        if hidden:
            if not keep_all(pieces, clear, <uint32_t>hidden):
                return NO_MEMORY
            clear = 0
        sample += lengths[each]
        left -= lengths[each]
    clear += left
    if clear and not keep_all(pieces, clear, 0):
        return NO_MEMORY
    return SOUND


cdef inline Trouble divide(const Division* division, const uint8_t* sample, uint64_t size,
                           Source* source, Av1State* state, Pieces* pieces) noexcept nogil:
    """Divide a sample; where its entry would be too long, hide only every other slice, or less.

    Where padded it is refused instead: a slice that a track in one file showed would give away the
    keystream that hides it, and others, in the segments. Without a `source` all of it is there; one
    that must not wait has no time to go through a sample again. `state` is what the samples before
    have left, zeros before the first one.
    """
    cdef Av1State before_it = state[0]
    cdef size_t before = pieces.count
    cdef size_t most = (MOST_INFORMATION - 2 - vector_bytes(division)) // 6
    cdef Trouble trouble
    cdef int stride
    cdef int end = MOST_STRIDE
    cdef int slices = 0
    if division.padded:
        most = PADDED_PIECES
        end = 2
    for stride in range(1, end):
        if stride > 1 and source != NULL and source.at_once:
            return WAITING
        pieces.count = before
        slices = 0
        if division.kind == AV1:
            state[0] = before_it
            trouble = divide_tiles(&division.av1, division.pattern, sample, size, stride, source,
                                   state, pieces, &slices)
        elif division.kind == VP9:
            trouble = divide_frames(division, sample, size, stride, source, pieces, &slices)
        else:
            trouble = divide_units(division, sample, size, stride, source, pieces, &slices)
        if trouble != SOUND or pieces.count - before <= most:
            return trouble
        if slices <= stride:
            break  # only the first slice is hidden: hiding still less changes nothing
    return TOO_MANY_PIECES


cdef inline int refuse(Trouble trouble, uint32_t number) except -1:
    if trouble == SOUND:
        return 0
    if trouble == NO_MEMORY:
        raise MemoryError
    if trouble == ENDED:
        raise EOFError(f"the file ends or fails within sample {number} of the fragment")
    if trouble == WAITING:
        raise BlockingIOError(f"sample {number} of the fragment is not in memory")
    if trouble == TOO_MANY_SAMPLES:
        raise ValueError(f"{number} samples are too many for a fragment")
    if trouble == BROKEN_UNIT:
        raise ValueError(f"sample {number} of the fragment is not made of whole NAL units")
    if trouble == UNKNOWN_SLICE:
        raise ValueError(f"sample {number} of the fragment has a slice header that makes no sense")
    if trouble == BROKEN_FRAMES:
        raise ValueError(f"sample {number} of the fragment is not made of whole frames")
    if trouble == UNKNOWN_FRAME:
        raise ValueError(f"sample {number} of the fragment has a frame header that makes no sense")
    if trouble == LOST_REFERENCE:
        raise ValueError(f"sample {number} of the fragment depends on pictures before the fragment")
    raise ValueError(f"sample {number} of the fragment has too much that must stay clear")
