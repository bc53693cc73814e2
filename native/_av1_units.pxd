"""The tiles of AV1 samples, which are what is hidden: see native/reference/av1_units.py.

Where a sample is in a file, the heads of OBUs and the sizes of tiles are read from it.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from native._aes cimport BLOCK
from native._av1 cimport (
    HEADER_LOST,
    HEADER_READ,
    Av1Sequence,
    Av1State,
    Reading,
)
from native._av1_frame cimport av1_frame_header
from native._pieces cimport (
    BROKEN_FRAMES,
    HEAD_BYTES,
    LOST_REFERENCE,
    NO_MEMORY,
    SHORT_HEAD_BYTES,
    SOUND,
    UNKNOWN_FRAME,
    Pieces,
    Source,
    Trouble,
    fetch,
    keep_all,
)
from native._vp9 cimport FrameBits, take

cdef enum:
    # Types of OBUs (AV1 §6.2.2).
    OBU_FRAME_HEADER = 3
    OBU_TILE_GROUP = 4
    OBU_FRAME = 6
    OBU_REDUNDANT_HEADER = 7
    OBU_TILE_LIST = 8
    # Bits of their headers, and lengths.
    FORBIDDEN = 0x80
    EXTENDED = 4
    SIZED = 2
    MOST_SIZE_BYTES = 8
    LONGEST_HEAD = 10          # of an OBU
    LONGEST_GROUP_HEAD = 4     # of a tile group
    LONGEST_HEADER = 1024      # more than the longest frame header has


cdef struct Av1Walk:
    # A sample that is gone through. `clear` bytes behind the last piece stay readable.
    const Av1Sequence* known
    Av1State* state
    Source* source             # or NULL
    Pieces* pieces
    bint pattern
    int stride
    int tiles
    uint64_t clear


cdef struct Obu:
    int kind
    uint8_t layers
    const uint8_t* payload
    uint64_t size


cdef inline Trouble see(Source* source, const uint8_t* at, uint64_t least,
                        uint64_t most) noexcept nogil:
    return SOUND if source == NULL else fetch(source, at, least, max(least, most))


cdef inline Trouble read_obu(const uint8_t* at, uint64_t left, Obu* obu) noexcept nogil:
    """Read the header of an OBU (§5.3.2), whose bytes are there; the last may go without a size."""
    cdef const uint8_t* end = at + left
    cdef uint8_t head = at[0]
    cdef int place
    at += 1
    obu.kind = head >> 3 & 15
    obu.layers = 0
    if head & EXTENDED:
        if at == end:
            return BROKEN_FRAMES
        obu.layers = at[0]
        at += 1
    obu.size = end - at
    if head & SIZED:
        obu.size = 0
        for place in range(MOST_SIZE_BYTES):
            if at == end:
                return BROKEN_FRAMES
            obu.size |= <uint64_t>(at[0] & 0x7F) << 7 * place
            at += 1
            if at[-1] & 0x80 == 0:
                break
        else:
            return BROKEN_FRAMES
    obu.payload = at
    if head & FORBIDDEN or obu.size > <uint64_t>(end - at):
        return BROKEN_FRAMES
    return SOUND


cdef inline Trouble take_header(Av1Walk* walk, const Obu* obu, uint64_t* head) noexcept nogil:
    """Read the header of a new frame with as few bytes of the file as possible."""
    cdef uint64_t most = min(obu.size, <uint64_t>LONGEST_HEADER)
    cdef uint64_t there = most
    cdef Av1State after = walk.state[0]
    cdef Reading reading
    cdef Trouble trouble
    if walk.source != NULL:
        there = min(most, <uint64_t>(walk.source.room + walk.source.end - obu.payload))
    reading = av1_frame_header(walk.known, obu.payload, there, obu.layers,
                               obu.kind == OBU_FRAME, &after, head)
    if reading != HEADER_READ and there < most:
        trouble = see(walk.source, obu.payload, most, most)
        if trouble != SOUND:
            return trouble
        after = walk.state[0]
        reading = av1_frame_header(walk.known, obu.payload, most, obu.layers,
                                   obu.kind == OBU_FRAME, &after, head)
    if reading != HEADER_READ:
        return LOST_REFERENCE if reading == HEADER_LOST else UNKNOWN_FRAME
    walk.state[0] = after
    return SOUND


cdef inline bint keep_tile(Av1Walk* walk, uint64_t size) noexcept nogil:
    """Hide a tile, if it is one of those; False when memory is short."""
    cdef uint64_t hidden = 0
    if walk.tiles % walk.stride == 0:
        hidden = size if walk.pattern else size - size % BLOCK
    walk.tiles += 1
    walk.clear += size - hidden
    if hidden:
        if not keep_all(walk.pieces, walk.clear, <uint32_t>hidden):
            return False
        walk.clear = 0
    return True


cdef inline Trouble take_tile_size(Av1Walk* walk, const uint8_t* at, uint64_t left,
                                   uint64_t* size) noexcept nogil:
    """Read how long a tile is that is not the last one; behind it there is something left."""
    cdef uint64_t digits = walk.state.tiles.size_bytes
    cdef uint64_t each
    cdef Trouble trouble
    if left < digits:
        return BROKEN_FRAMES
    trouble = see(walk.source, at, digits, min(left, <uint64_t>SHORT_HEAD_BYTES))
    if trouble != SOUND:
        return trouble
    size[0] = 1
    for each in range(digits):
        size[0] += <uint64_t>at[each] << 8 * each
    return SOUND if size[0] < left - digits else BROKEN_FRAMES


cdef inline Trouble take_group_head(Av1Walk* walk, const uint8_t* at, uint64_t left, uint32_t* last,
                                    uint64_t* head) noexcept nogil:
    """Read which tiles of a frame are in a tile group."""
    cdef FrameBits bits
    cdef uint32_t count = walk.state.tiles.count
    cdef uint32_t first = 0
    cdef Trouble trouble
    if count == 0:
        return BROKEN_FRAMES
    last[0] = count - 1
    head[0] = 0
    if count > 1:
        trouble = see(walk.source, at, min(left, <uint64_t>LONGEST_GROUP_HEAD),
                      min(left, <uint64_t>SHORT_HEAD_BYTES))
        if trouble != SOUND:
            return trouble
        bits.data = at
        bits.at = 0
        bits.end = min(left, <uint64_t>LONGEST_GROUP_HEAD) * 8
        bits.over = False
        if take(&bits, 1):
            first = take(&bits, walk.state.tiles.number_bits)
            last[0] = take(&bits, walk.state.tiles.number_bits)
        if bits.over:
            return UNKNOWN_FRAME
        head[0] = (bits.at + 7) >> 3
    if first != walk.state.next_tile or last[0] < first or last[0] >= count:
        return BROKEN_FRAMES
    return SOUND


cdef inline Trouble hide_group(Av1Walk* walk, const uint8_t* at, uint64_t left) noexcept nogil:
    """Hide the tiles of a tile group (§5.11.1)."""
    cdef uint32_t last = 0
    cdef uint64_t size = 0
    cdef Trouble trouble = take_group_head(walk, at, left, &last, &size)
    if trouble != SOUND:
        return trouble
    walk.clear += size
    at += size
    left -= size
    while walk.state.next_tile < last:
        trouble = take_tile_size(walk, at, left, &size)
        if trouble != SOUND:
            return trouble
        walk.clear += walk.state.tiles.size_bytes
        if not keep_tile(walk, size):
            return NO_MEMORY
        size += walk.state.tiles.size_bytes
        at += size
        left -= size
        walk.state.next_tile += 1
    if left == 0:
        return BROKEN_FRAMES
    if not keep_tile(walk, left):
        return NO_MEMORY
    walk.state.next_tile = last + 1
    if walk.state.next_tile == walk.state.tiles.count:
        walk.state.tiles.count = 0
    return SOUND


cdef inline Trouble hide_obu(Av1Walk* walk, const Obu* obu) noexcept nogil:
    cdef bint awaits_tiles = walk.state.tiles.count > 0
    cdef uint64_t head = 0
    cdef Trouble trouble
    if obu.kind == OBU_TILE_GROUP:
        return hide_group(walk, obu.payload, obu.size)
    if obu.kind == OBU_TILE_LIST or (obu.kind == OBU_REDUNDANT_HEADER and not awaits_tiles):
        return UNKNOWN_FRAME
    if obu.kind == OBU_FRAME and awaits_tiles:
        return BROKEN_FRAMES
    if obu.kind == OBU_FRAME or (obu.kind == OBU_FRAME_HEADER and not awaits_tiles):
        trouble = take_header(walk, obu, &head)
        if trouble != SOUND:
            return trouble
    if obu.kind == OBU_FRAME:
        walk.clear += head
        return hide_group(walk, obu.payload + head, obu.size - head)
    walk.clear += obu.size
    return SOUND


cdef inline Trouble divide_tiles(const Av1Sequence* known, bint pattern, const uint8_t* sample,
                                 uint64_t size, int stride, Source* source, Av1State* state,
                                 Pieces* pieces, int* tiles) noexcept nogil:
    """Hide every `stride`th tile, and count them. `state` is what the samples before have left."""
    cdef Av1Walk walk
    cdef Obu obu
    cdef uint64_t at = 0
    cdef Trouble trouble
    walk.known, walk.state, walk.source, walk.pieces = known, state, source, pieces
    walk.pattern, walk.stride, walk.tiles, walk.clear = pattern, stride, 0, 0
    while at < size:
        trouble = see(source, sample + at, min(size - at, <uint64_t>SHORT_HEAD_BYTES),
                      min(size - at, <uint64_t>HEAD_BYTES))
        if trouble == SOUND:
            trouble = read_obu(sample + at, size - at, &obu)
        if trouble != SOUND:
            return trouble
        walk.clear += obu.payload - (sample + at)
        trouble = hide_obu(&walk, &obu)
        if trouble != SOUND:
            return trouble
        at = obu.payload + obu.size - sample
    tiles[0] = walk.tiles
    if state.tiles.count:
        return BROKEN_FRAMES
    if walk.clear and not keep_all(pieces, walk.clear, 0):
        return NO_MEMORY
    return SOUND
