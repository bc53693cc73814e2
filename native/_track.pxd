"""What it takes to make any media segment of a stored track: its index, and where segments begin.

One that is encrypted has its cipher, too.

The samples are a body of their own, that of the entry which has the track; see `_made_segment.pxd`.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from native._body cimport Body, body_hold, body_release
from native._cipher cimport Cipher, cipher_hold, cipher_release
from native._index_layout cimport (
    ANCHOR_BYTES,
    BLOCK_BYTES,
    BLOCK_SAMPLES,
    FIXED_HEADER,
    ROW_BYTES,
)

cdef struct Track:
    Body* index                  # held: all of `track.idx`
    uint64_t rows                # where in it the blocks of samples begin
    uint32_t segments
    uint64_t* first              # of each segment, its first sample
    uint32_t* count              # and how many it has; 0: that segment is Python's
    Cipher* cipher               # held; NULL: its segments are clear
    int* asked                   # of each encrypted segment, atomic: how often it was asked for


cdef inline uint64_t place_of_row(uint64_t number) noexcept nogil:
    """Say where a sample's row begins, counted from the first block."""
    return (number // BLOCK_SAMPLES * BLOCK_BYTES + ANCHOR_BYTES
            + number % BLOCK_SAMPLES * ROW_BYTES)


cdef inline void track_release(Track* track) noexcept nogil:
    if track == NULL:
        return
    body_release(track.index)
    cipher_release(track.cipher)
    free(track.first)
    free(track.count)
    free(track.asked)
    free(track)


cdef inline Track* track_of(
    Body* index, uint64_t samples, first, count, Cipher* cipher
) except NULL:
    """Make a track of its index and the samples of its segments.

    Raises `ValueError` where the index has not so many samples, or a segment others than those.
    """
    cdef Track* track
    cdef uint64_t begin
    cdef uint32_t length, each
    cdef uint64_t rows = place_of_row(samples - 1) + ROW_BYTES if samples else 0
    if not samples or samples > index.length // ROW_BYTES or rows + FIXED_HEADER > index.length:
        raise ValueError(f"an index of {index.length} bytes does not hold {samples} samples")
    if len(first) != len(count) or len(first) > <uint32_t>-1:
        raise ValueError(f"{len(first)} segments begin, and {len(count)} are counted")
    track = <Track*>calloc(1, sizeof(Track))
    if track == NULL:
        raise MemoryError("no room for a track")
    track.segments = <uint32_t>len(first)
    track.first = <uint64_t*>calloc(track.segments + 1, sizeof(uint64_t))
    track.count = <uint32_t*>calloc(track.segments + 1, sizeof(uint32_t))
    try:
        if cipher != NULL:
            track.asked = <int*>calloc(track.segments + 1, sizeof(int))
            track.cipher = cipher_hold(cipher)
        if track.first == NULL or track.count == NULL or (
                cipher != NULL and track.asked == NULL):
            raise MemoryError(f"no room for a track of {track.segments} segments")
        for each in range(track.segments):
            begin, length = first[each], count[each]
            if begin > samples or length > samples - begin:
                raise ValueError(f"segment {each} goes beyond sample {samples}")
            track.first[each] = begin
            track.count[each] = length
    except BaseException:
        track_release(track)
        raise
    track.rows = index.length - rows
    track.index = index
    body_hold(index)
    return track
