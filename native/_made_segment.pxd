"""Media segments that the data plane's threads make themselves, from the index of a stored track.

Python hands a track over once: an entry under the folder of its segments, with the file of its
samples as its body, and blocks of field lines in which marks stand for what differs from segment to
segment. A thread that is asked for a number reads the rows of its samples, writes the segment's
header, and answers from an entry that lasts as long as that answer. What it does not know, or would
have to wait for, is Python's: other names, rows that are not in memory, segments of very many
samples, several ranges at once.

The index was checked when Python opened it, and its file is never written again. It is read anew
here, so nothing is believed of it that would lead beyond the samples' file or our own buffers.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport malloc
from libc.string cimport memchr, memcmp, memcpy, memset

from native._body cimport Body, body_release
from native._bytes cimport load_le64, put_head
from native._conditional cimport NOT_MODIFIED, evaluate
from native._head cimport Head
from native._index_layout cimport (
    ANCHOR_BYTES,
    BLOCK_BYTES,
    BLOCK_SAMPLES,
    LARGEST_U32,
    ROW_BYTES,
    row_duration,
    row_size,
)
from native._linux cimport pread, sluice_peek
from native._made_seal cimport sealed_segment
from native._reader cimport is_resident
from native._segment_header cimport (
    STYP_BYTES,
    Shape,
    put_entries,
    put_moof,
    put_styp,
    shape_of,
)
from native._state cimport MADE_BYTES, ROWS_BYTES, Worker
from native._table cimport Entry, table_find
from native._target cimport Key
from native._text cimport Pen, Span, is_digit, put, put_number
from native._track cimport Track, place_of_row

cdef enum:
    # In the blocks of a track's entry: the number of the segment, and the length of its body.
    NUMBER_MARK = 1
    LENGTH_MARK = 2
    # Begins the key of a track, which is none of a resource.
    TRACK_KEY = 1
    LONGEST_FOLDER = 1023
    MOST_DIGITS = 8


cdef struct Samples:
    # The samples of one segment: their rows, and where they lie and when they are decoded.
    const uint8_t* rows          # from the block on that has the first of them
    uint64_t first               # counted from that block
    uint64_t count
    uint64_t offset
    uint64_t length
    uint64_t time


cdef struct Made:
    # The entry of a segment, and what of its body is made for it: a header, or all of a sealed one.
    Entry entry
    Body* own                    # held


cdef inline bint read_number(const uint8_t* at, uint32_t length, uint32_t* number) noexcept nogil:
    """Read the name of a segment: a number without leading zeros, then `.m4s`."""
    cdef uint32_t each
    if not 5 <= length <= MOST_DIGITS + 4 or memcmp(at + length - 4, b".m4s", 4) != 0:
        return False
    length -= 4
    if at[0] == 48 and length > 1:
        return False
    number[0] = 0
    for each in range(length):
        if not is_digit(at[each]):
            return False
        number[0] = number[0] * 10 + at[each] - 48
    return True


cdef inline Entry* find_track(Worker* w, const Key* key, uint32_t* number) noexcept nogil:
    """Give the entry of the track that a key names a segment of, held; NULL without one."""
    cdef uint8_t[1024] room      # LONGEST_FOLDER, and the byte before it
    cdef uint32_t folder = key.text.length
    cdef Span name
    if not key.media or key.text.length != key.path_length:
        return NULL
    while folder and key.text.at[folder - 1] != 47:
        folder -= 1
    if folder > LONGEST_FOLDER:
        return NULL
    if not read_number(key.text.at + folder, key.text.length - folder, number):
        return NULL
    room[0] = TRACK_KEY
    memcpy(room + 1, key.text.at, folder)
    name.at = room
    name.length = folder + 1
    return table_find(&w.hub.table, name)


cdef inline bint read_samples(
    Worker* w, const Track* track, uint32_t number, Samples* found
) noexcept nogil:
    """Read the rows of a segment's samples; False where the disk would have to be waited for."""
    cdef uint64_t block, begin, length
    if number >= track.segments or track.count[number] == 0:
        return False
    block = track.first[number] // BLOCK_SAMPLES
    begin = block * BLOCK_BYTES
    length = place_of_row(track.first[number] + track.count[number] - 1) + ROW_BYTES - begin
    begin += track.rows
    if length > ROWS_BYTES or not is_resident(track.index, begin, length):
        return False
    if pread(track.index.file, w.rows, length, begin) != <ssize_t>length:
        return False
    found.rows = w.rows
    found.first = track.first[number] - block * BLOCK_SAMPLES
    found.count = track.count[number]
    place(found)
    return True


cdef inline void place(Samples* found) noexcept nogil:
    """Add up where the samples begin, and how many bytes they have."""
    cdef const uint8_t* row = found.rows + ANCHOR_BYTES
    cdef uint64_t each
    found.offset = load_le64(found.rows)
    found.time = load_le64(found.rows + 8)
    found.length = 0
    for each in range(found.first + found.count):
        if each and each % BLOCK_SAMPLES == 0:
            row += ANCHOR_BYTES
        if each < found.first:
            found.offset += row_size(row)
            found.time += row_duration(row)
        else:
            found.length += row_size(row)
        row += ROW_BYTES


cdef inline Body* header_of(
    const Samples* samples, const Shape* shape, uint32_t number
) noexcept nogil:
    """Write the header of a segment, a body that the caller holds; NULL when memory is short."""
    cdef uint64_t length = STYP_BYTES + shape.moof_bytes + 8
    cdef Body* body = <Body*>malloc(sizeof(Body) + length)
    cdef uint8_t* out = <uint8_t*>body + sizeof(Body)
    if body == NULL:
        return NULL
    memset(body, 0, sizeof(Body))
    body.refs = 1
    body.file = -1
    body.at = out
    body.length = length
    out = put_styp(out)
    out = put_moof(out, shape, samples.count, number + 1, samples.time)
    out = put_entries(out, shape.trun_flags, samples.rows, samples.first, samples.count)
    put_head(out, <uint32_t>(8 + samples.length), b"mdat")
    return body


cdef inline Span filled(Pen* pen, Span block, uint32_t number, uint64_t length) noexcept nogil:
    """Write a block of lines with what its marks stand for."""
    cdef Span found
    cdef uint32_t each, begin = 0
    found.at = pen.at
    for each in range(block.length):
        if block.at[each] != NUMBER_MARK and block.at[each] != LENGTH_MARK:
            continue
        put(pen, block.at + begin, each - begin)
        put_number(pen, number if block.at[each] == NUMBER_MARK else length)
        begin = each + 1
    put(pen, block.at + begin, block.length - begin)
    found.length = <uint32_t>(pen.at - found.at)
    return found


cdef inline bint give_body(
    Worker* w, const Entry* track, uint32_t number, const Samples* samples, Made* made
) noexcept nogil:
    """Give an entry its body: a header with samples behind it, or a sealed one of both."""
    cdef Shape shape = shape_of(samples.rows, samples.first, samples.count)
    cdef Body* header = header_of(samples, &shape, number)
    if header == NULL:
        return False
    if track.track.cipher == NULL:
        made.own = made.entry.lead = header
        made.entry.skip = samples.offset
        made.entry.length = header.length + samples.length
        return True
    made.own = made.entry.body = sealed_segment(
        w, track, header, &shape, <uint32_t>samples.count, track.track.first[number],
        samples.offset
    )
    body_release(header)
    if made.own == NULL:
        return False
    made.entry.length = made.own.length
    return True


cdef inline bint make_segment(
    Worker* w, const Head* head, const Entry* track, uint32_t number, Made* made
) noexcept nogil:
    """Make the entry of one segment, whose `own` the caller lets go of; False where Python has to.

    It lasts until the next one is made, and no longer than the caller holds the track's. One that
    the client has already gets no body.
    """
    cdef Entry* entry = &made.entry
    cdef Samples samples
    cdef Pen pen
    cdef size_t begin
    made.own = NULL
    if sluice_peek(&track.body.broken) or not read_samples(w, track.track, number, &samples):
        return False
    if samples.offset > track.body.length or samples.length > track.body.length - samples.offset:
        return False
    if samples.length == 0 or samples.length > LARGEST_U32 - 8:
        return False
    # What the table keeps before the key, counts of holders and uses above all, others change now.
    begin = <size_t>(<const uint8_t*>&track.key - <const uint8_t*>track)
    memset(entry, 0, begin)
    memcpy(<uint8_t*>entry + begin, <const uint8_t*>track + begin, sizeof(Entry) - begin)
    entry.track = NULL
    pen.at = w.made
    pen.end = w.made + MADE_BYTES
    pen.full = False
    entry.current.etag = filled(&pen, track.current.etag, number, 0)  # no lengths in these two
    entry.unchanged = filled(&pen, track.unchanged, number, 0)
    if evaluate(head, &entry.current) == NOT_MODIFIED:
        return not pen.full
    if not give_body(w, track, number, &samples, made):
        return False
    entry.whole = filled(&pen, track.whole, number, entry.length)
    entry.part = filled(&pen, track.part, number, entry.length)
    entry.error = filled(&pen, track.error, number, entry.length)
    return not pen.full
