# cython: boundscheck=False, wraparound=False, cdivision=True
"""The track index, compiled: its reader, which also writes what comes of it.

`native/reference/` defines what this does; the layout stands in `_index_layout.pxd`, the header of
media segments in `_segment_header.pxd`. Memory is walked through raw pointers without the GIL,
after one explicit check at the top of each public method: the body holds `sample_count` rows
(proved by `read_header`), and `check_range` proves that a request lies within them.
"""

import zlib

cimport cython
from cpython.buffer cimport PyBUF_READ, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from native._bytes cimport load_le32, load_le64, put_be32, put_be64, put_head
from native._index_layout cimport (
    ANCHOR_BYTES,
    BLOCK_BYTES,
    BLOCK_SAMPLES,
    FIXED_HEADER,
    INDEX_MAGIC,
    LARGEST_TIME,
    LARGEST_U32,
    ROW_BYTES,
    SYNC,
    flags_are_wrong,
    flags_problem,
    row_at,
    row_composition_offset,
    row_duration,
    row_flags,
    row_size,
)
from native._segment_header cimport (
    STYP_BYTES,
    TRACK_ID,
    Shape,
    lone_picture,
    put_entries,
    put_moof,
    put_styp,
    shape_of,
)

from native.errors import CorruptIndex

# ---- position and time

cdef struct Position:
    uint64_t offset
    uint64_t time


cdef Position position_of(TrackIndex index, uint64_t number) noexcept nogil:
    """Give where a sample begins, or the track ends; at most 63 rows are read."""
    cdef Position at
    cdef const uint8_t* block
    cdef const uint8_t* row
    cdef uint64_t _each
    if number == index.sample_count:
        at.offset = index.data_length
        at.time = index.base_time + index.duration
        return at
    block = index.body + (number // BLOCK_SAMPLES) * BLOCK_BYTES
    at.offset = load_le64(block)
    at.time = load_le64(block + 8)
    row = block + ANCHOR_BYTES
    for _each in range(number % BLOCK_SAMPLES):
        at.offset += row_size(row)
        at.time += row_duration(row)
        row += ROW_BYTES
    return at


# ---- validation of rows

cdef enum Flaw:
    NONE
    ANCHOR_OFFSET
    ANCHOR_TIME
    SIZE_ZERO
    SIZE_BEYOND
    DURATION_BEYOND
    BEFORE_ZERO
    FLAGS
    FIRST_NOT_SYNC
    SIZE_SUM
    DURATION_SUM


cdef Flaw first_flaw(TrackIndex index, uint64_t* number) noexcept nogil:
    """Check every row and anchor against the header; `number` receives the sample at fault.

    No sum can wrap: each step proves that what it adds stays within totals below 2**63.
    """
    cdef const uint8_t* at = index.body
    cdef uint64_t offset = 0
    cdef uint64_t time = index.base_time
    cdef uint64_t end = index.base_time + index.duration
    cdef uint64_t each
    cdef uint32_t size, duration, flags
    for each in range(index.sample_count):
        number[0] = each
        if each % BLOCK_SAMPLES == 0:
            if load_le64(at) != offset:
                return ANCHOR_OFFSET
            if load_le64(at + 8) != time:
                return ANCHOR_TIME
            at += ANCHOR_BYTES
        size = row_size(at)
        duration = row_duration(at)
        flags = row_flags(at)
        if size == 0:
            return SIZE_ZERO
        if size > index.data_length - offset:
            return SIZE_BEYOND
        if duration > end - time:
            return DURATION_BEYOND
        if <int64_t>time + row_composition_offset(at) < 0:
            return BEFORE_ZERO
        if flags_are_wrong(flags):
            return FLAGS
        if each == 0 and not flags & SYNC:
            return FIRST_NOT_SYNC
        offset += size
        time += duration
        at += ROW_BYTES
    if offset != index.data_length:
        return SIZE_SUM
    if time != end:
        return DURATION_SUM
    return NONE


# ---- the segment index: see native/reference/segment_index.py for the clauses

cdef enum:
    SIDX_BYTES = 40  # of version 1, before its references
    REFERENCE_BYTES = 12
    LARGEST_REFERENCE = 0x7FFFFFFF
    MOST_REFERENCES = 0xFFFF
    STARTS_WITH_SAP_1 = 0x90000000u
    STARTS_WITH_SAP_3 = 0xB0000000u
    REORDER_WINDOW = 33


cdef inline int64_t presented(TrackIndex index, uint64_t number) noexcept nogil:
    """Give when a sample is presented with the edit applied, never before 0."""
    cdef int64_t time = (
        <int64_t>position_of(index, number).time
        + row_composition_offset(row_at(index.body, number))
        - <int64_t>index.priming
    )
    return time if time > 0 else 0


cdef bint begins_open(TrackIndex index, uint64_t number) noexcept nogil:
    """Say whether a picture decoded after one, which is within the track, is shown before it."""
    cdef const uint8_t* row = row_at(index.body, number)
    cdef int64_t shown = row_composition_offset(row)
    cdef int64_t time = 0  # since the picture is decoded
    cdef uint64_t stop = index.sample_count
    cdef uint64_t each
    if shown <= 0:
        return False  # a sum of durations is not negative, and offsets below 0 are not written
    if stop - number > REORDER_WINDOW:
        stop = number + REORDER_WINDOW
    for each in range(number + 1, stop):
        time += row_duration(row)
        row += ROW_BYTES
        if each % BLOCK_SAMPLES == 0:
            row += ANCHOR_BYTES
        if time + row_composition_offset(row) < shown:
            return True
    return False


cdef uint64_t most_bytes_in_a_second(TrackIndex index, uint32_t* largest) noexcept nogil:
    """Give the most bytes decoded within a second; `largest` receives the size of a sample."""
    cdef const uint8_t* head = index.body + ANCHOR_BYTES
    cdef const uint8_t* tail = head
    cdef uint64_t head_time = 0
    cdef uint64_t tail_time = 0
    cdef uint64_t held = 0
    cdef uint64_t most = 0
    cdef uint64_t last = 0
    cdef uint64_t number
    largest[0] = 0
    for number in range(index.sample_count):
        if number and number % BLOCK_SAMPLES == 0:
            head += ANCHOR_BYTES
        held += row_size(head)
        if row_size(head) > largest[0]:
            largest[0] = row_size(head)
        while head_time - tail_time >= index.timescale:  # last is before number then
            held -= row_size(tail)
            tail_time += row_duration(tail)
            last += 1
            tail += ROW_BYTES
            if last % BLOCK_SAMPLES == 0:
                tail += ANCHOR_BYTES
        if held > most:
            most = held
        head_time += row_duration(head)
        head += ROW_BYTES
    return most


@cython.final
cdef class TrackIndex:
    """A published track's samples, read from the bytes of `track.idx`.

    Keeps a view of `data` (an mmap cannot be closed before the index is gone) and checks all of it
    once, in time proportional to its length and without allocating by anything it claims. Raises
    `CorruptIndex` for the first contradiction found.
    """

    # In __cinit__, not __init__: an object whose claims were not proved must never be reachable.
    def __cinit__(self, data):
        PyObject_GetBuffer(data, &self.view, PyBUF_SIMPLE)
        self.held = True
        self.read_header()
        self.check_rows()

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    def sync_times(self):
        """Give (sample number, presentation time) of every sync sample, in decode order.

        Presentation times are in ticks with the edit applied, so a priming sample's is negative.
        """
        cdef const uint8_t* row = self.body
        cdef uint64_t time = self.base_time
        cdef uint64_t each
        cdef list times = []
        for each in range(self.sample_count):
            if each % BLOCK_SAMPLES == 0:
                row += ANCHOR_BYTES
            if row_flags(row) & SYNC:
                times.append(
                    (each, <int64_t>time + row_composition_offset(row) - <int64_t>self.priming)
                )
            time += row_duration(row)
            row += ROW_BYTES
        return times

    def segment_starts(self, cuts):
        """Give the sample number where each segment begins, for cuts at rising presentation times.

        A segment begins at the first sync sample presented at or after its cut, and never before
        the segment that precedes it; the first begins at sample 0. Where no sync sample is left,
        the answer is `sample_count`. Equal numbers mean an empty segment. Raises `ValueError` when
        cuts fall.
        """
        cdef list starts = []
        cdef const uint8_t* row = self.body + ANCHOR_BYTES
        cdef uint64_t time = self.base_time
        cdef uint64_t number = 0
        cdef int64_t cut, before
        if not cuts:
            return starts
        before = cuts[0]
        starts.append(0)
        for cut in cuts[1:]:
            if cut < before:
                raise ValueError(f"cuts fall from {before} to {cut}")
            before = cut
            with nogil:
                # row and time belong to number until it reaches the end of the track
                while number < self.sample_count and not (
                    row_flags(row) & SYNC
                    and <int64_t>time + row_composition_offset(row)
                        - <int64_t>self.priming >= cut
                ):
                    time += row_duration(row)
                    number += 1
                    row += ROW_BYTES
                    if number % BLOCK_SAMPLES == 0:
                        row += ANCHOR_BYTES
            starts.append(number)
        return starts

    def segment(self, Py_ssize_t first, Py_ssize_t count):
        """Give (flat offset, bytes, decode time, duration) of `count` samples from `first`.

        Raises `IndexError` when the track does not have them all or there is none.
        """
        cdef Position start, end
        self.check_range(first, count)
        start = position_of(self, first)
        end = position_of(self, first + count)
        return start.offset, end.offset - start.offset, start.time, end.time - start.time

    def fragment_header(self, Py_ssize_t first, Py_ssize_t count, long long sequence):
        """Write `styp`, `moof` and the head of `mdat` for `count` samples from `first`.

        `segment` says which bytes of the flat file follow. `sequence` goes to `mfhd`. Raises
        `IndexError` as `segment` does, `OverflowError` when `sequence` does not fit 32 bits or the
        body does not fit an mdat.
        """
        cdef Position start, end
        cdef Shape shape
        cdef uint64_t length
        cdef bytes header
        cdef uint8_t* out
        self.check_range(first, count)
        start = position_of(self, first)
        end = position_of(self, first + count)
        length = end.offset - start.offset
        if sequence < 0 or <uint64_t>sequence > LARGEST_U32:
            raise OverflowError(f"sequence number {sequence} does not fit 32 bits")
        # Also bounds the header: a sample has at least one byte, so there are less than 2**32
        # entries; data_offset, a signed 32-bit number, is the tighter bound on moof.
        if length > LARGEST_U32 - 8:
            raise OverflowError(f"a segment of {length} bytes does not fit an mdat of 4 GiB")
        shape = shape_of(self.body, first, count)
        if shape.moof_bytes > 0x7FFFFFF7:
            raise OverflowError(f"a segment of {count} samples does not fit a moof of 2 GiB")
        header = PyBytes_FromStringAndSize(NULL, STYP_BYTES + shape.moof_bytes + 8)
        out = <uint8_t*>PyBytes_AS_STRING(header)
        with nogil:
            out = put_styp(out)
            out = put_moof(out, &shape, count, <uint32_t>sequence, start.time)
            out = put_entries(out, shape.trun_flags, self.body, first, count)
            put_head(out, <uint32_t>(8 + length), b"mdat")
        return header

    def picture_header(self, Py_ssize_t number, long long duration, long long sequence):
        """Write the header of a segment that holds one picture alone, presented for `duration`.

        What follows are the sample's bytes, `sample` says where. It is decoded when it is
        presented, and playing can start at it. Raises `IndexError` as `sample` does,
        `OverflowError` where a number does not fit its field.
        """
        cdef Position start
        cdef Shape shape
        cdef const uint8_t* row
        cdef uint64_t presented_at
        cdef bytes header
        cdef uint8_t* out
        self.check_range(number, 1)
        if sequence < 0 or <uint64_t>sequence > LARGEST_U32:
            raise OverflowError(f"sequence number {sequence} does not fit 32 bits")
        if duration < 0 or <uint64_t>duration > LARGEST_U32:
            raise OverflowError(f"a duration of {duration} ticks does not fit 32 bits")
        start = position_of(self, number)
        row = row_at(self.body, number)
        if row_size(row) > LARGEST_U32 - 8:
            raise OverflowError(
                f"a segment of {row_size(row)} bytes does not fit an mdat of 4 GiB"
            )
        # check_rows proved that no sample is presented before 0
        presented_at = <uint64_t>(<int64_t>start.time + row_composition_offset(row))
        shape = lone_picture(row_size(row), <uint32_t>duration)
        header = PyBytes_FromStringAndSize(NULL, STYP_BYTES + shape.moof_bytes + 8)
        out = <uint8_t*>PyBytes_AS_STRING(header)
        out = put_styp(out)
        out = put_moof(out, &shape, 1, <uint32_t>sequence, presented_at)
        put_head(out, 8 + row_size(row), b"mdat")
        return header

    def segment_lengths(self, starts):
        """Give the bytes of each segment, header and body, for segments that tile the track.

        `starts` are the sample numbers where they begin, rising from 0. Raises `ValueError` when
        they do not, `OverflowError` as `fragment_header` does.
        """
        cdef list lengths = []
        cdef Py_ssize_t first, stop
        cdef Py_ssize_t each
        cdef uint64_t body
        cdef Shape shape
        for each in range(len(starts)):
            first = starts[each]
            stop = self.segment_end(starts, each)
            body = position_of(self, stop).offset - position_of(self, first).offset
            if body > LARGEST_U32 - 8:
                raise OverflowError(f"a segment of {body} bytes does not fit an mdat of 4 GiB")
            shape = shape_of(self.body, first, stop - first)
            if shape.moof_bytes > 0x7FFFFFF7:
                raise OverflowError(
                    f"a segment of {stop - first} samples does not fit a moof of 2 GiB"
                )
            lengths.append(STYP_BYTES + shape.moof_bytes + 8 + body)
        return lengths

    def segment_index(self, starts, long long end):
        """Write the `sidx` box of a file in which the segments follow it, each without its `styp`.

        `starts` are as for `segment_lengths`, `end` is when the presentation of the last segment
        ends, in ticks with the edit applied. Raises what `segment_lengths` does, `OverflowError`
        too for what the box cannot hold, and `ValueError` where a segment would last no time.
        """
        cdef list lengths = self.segment_lengths(starts)
        cdef Py_ssize_t count = len(lengths)
        cdef Py_ssize_t each
        cdef int64_t time, after
        cdef uint64_t length
        cdef bytes box
        cdef uint8_t* out
        if not 1 <= count <= MOST_REFERENCES:
            raise OverflowError(f"a sidx holds 1 to {MOST_REFERENCES} references, not {count}")
        box = PyBytes_FromStringAndSize(NULL, SIDX_BYTES + count * REFERENCE_BYTES)
        out = <uint8_t*>PyBytes_AS_STRING(box)
        time = presented(self, 0)
        out = put_head(out, <uint32_t>len(box), b"sidx")
        out = put_be32(out, 1 << 24)
        out = put_be32(out, TRACK_ID)
        out = put_be32(out, self.timescale)
        out = put_be64(out, time)
        out = put_be64(out, 0)  # first_offset: the segments follow at once
        out = put_be32(out, <uint32_t>count)  # 16 reserved bits, then the count
        for each in range(count):
            after = end if each + 1 == count else presented(self, starts[each + 1])
            length = <uint64_t>lengths[each] - STYP_BYTES
            if length > LARGEST_REFERENCE:
                raise OverflowError(f"a segment of {length} bytes does not fit a sidx of 31 bits")
            if after <= time:
                raise ValueError(f"segment {each} lasts from {time} to {after}")
            if <uint64_t>(after - time) > LARGEST_U32:
                raise OverflowError(f"a segment of {after - time} ticks does not fit a sidx")
            out = put_be32(out, <uint32_t>length)
            out = put_be32(out, <uint32_t>(after - time))
            if begins_open(self, starts[each]):
                out = put_be32(out, STARTS_WITH_SAP_3)
            else:
                out = put_be32(out, STARTS_WITH_SAP_1)
            time = after
        return box

    cdef Py_ssize_t segment_end(self, starts, Py_ssize_t number) except -1:
        """Give where a segment ends, once it is proved to lie within the track and behind 0."""
        cdef Py_ssize_t first = starts[number]
        cdef Py_ssize_t stop = (
            starts[number + 1] if number + 1 < len(starts) else self.sample_count
        )
        if (number == 0 and first != 0) or not 0 <= first < stop <= <Py_ssize_t>self.sample_count:
            raise ValueError(f"segment {number} goes from sample {first} to {stop}")
        return stop

    def begins_open(self, Py_ssize_t n):
        """Say whether a picture that is decoded after a sample is presented before it.

        Such a leading picture may lean on what comes before the sample: an open group of pictures.
        Raises `IndexError` when the track has no such sample.
        """
        self.check_range(n, 1)
        return bool(begins_open(self, n))

    def bit_rates(self):
        """Give the largest sample in bytes, and the largest and the mean bit rate in bit/s.

        The largest is that of any second, counted by decode times; it is no less than the mean,
        which is rounded up.
        """
        cdef uint32_t largest = 0
        cdef uint64_t most
        with nogil:
            most = most_bytes_in_a_second(self, &largest)
        # as integers of Python, which do not overflow
        mean = -(-8 * <object>self.data_length * self.timescale // <object>self.duration)
        return largest, max(8 * <object>most, mean), mean

    def sample(self, Py_ssize_t n):
        """Give (offset, size, decode time, duration, composition offset, flags) of a sample.

        Raises `IndexError` when the track has no such sample.
        """
        cdef Position at
        cdef const uint8_t* row
        self.check_range(n, 1)
        at = position_of(self, n)
        row = row_at(self.body, n)
        return (at.offset, row_size(row), at.time, row_duration(row),
                row_composition_offset(row), row_flags(row))

    cdef int check_range(self, Py_ssize_t first, Py_ssize_t count) except -1:
        # after `first < 0` the subtraction cannot overflow: sample_count is below 2**60
        if first < 0 or count < 1 or count > <Py_ssize_t>self.sample_count - first:
            raise IndexError(f"{count} samples from {first} of a track of {self.sample_count}")
        return 0

    cdef int read_header(self) except -1:
        cdef const uint8_t* data = <const uint8_t*>self.view.buf
        cdef uint64_t held = self.view.len
        cdef uint64_t length, description_length, padded, each
        if held < FIXED_HEADER:
            raise CorruptIndex("header", 0, f"is cut off after {held} bytes")
        if memcmp(data, INDEX_MAGIC, 8) != 0:
            raise CorruptIndex("magic", 0, "is not that of a track index")
        length = load_le32(data + 12)
        if length % 16 or length < FIXED_HEADER or length > held:
            raise CorruptIndex("header_length", 12, f"is {length} in {held} bytes")
        whole = PyMemoryView_FromMemory(<char*>self.view.buf, self.view.len, PyBUF_READ)
        crc = zlib.crc32(whole[12:length], zlib.crc32(bytes(4), zlib.crc32(whole[:8])))
        if crc != load_le32(data + 8):
            raise CorruptIndex("header_crc", 8, "does not match the header")
        description_length = load_le32(data + 64)
        padded = (FIXED_HEADER + description_length + 15) // 16 * 16
        if padded != length:
            raise CorruptIndex("description_length", 64, f"is {description_length}")
        if load_le32(data + 68) != 0:
            raise CorruptIndex("reserved", 68, f"is {load_le32(data + 68)}")
        self.description = data[FIXED_HEADER:FIXED_HEADER + description_length]
        for each in range(FIXED_HEADER + description_length, length):
            if data[each] != 0:
                raise CorruptIndex("padding", FIXED_HEADER + description_length, "is not zero")
        self.body = data + length
        self.timescale = load_le32(data + 20)
        self.sample_count = load_le64(data + 24)
        self.data_length = load_le64(data + 32)
        self.duration = load_le64(data + 40)
        self.base_time = load_le64(data + 48)
        self.priming = load_le64(data + 56)
        self.check_quantities(held - length)
        if zlib.crc32(whole[length:]) != load_le32(data + 16):
            raise CorruptIndex("body_crc", 16, "does not match the body")
        return 0

    cdef int check_quantities(self, uint64_t held) except -1:
        cdef uint64_t count = self.sample_count
        cdef uint64_t blocks
        if self.timescale == 0:
            raise CorruptIndex("timescale", 20, "is 0")
        # The first test keeps the products of the second within 64 bits.
        blocks = count // BLOCK_SAMPLES + (1 if count % BLOCK_SAMPLES else 0)
        if (
            count == 0
            or count > held // ROW_BYTES
            or blocks * ANCHOR_BYTES + count * ROW_BYTES != held
        ):
            raise CorruptIndex("sample_count", 24, f"is {count} in a body of {held} bytes")
        if self.data_length > LARGEST_TIME:
            raise CorruptIndex("data_length", 32, f"is {self.data_length}")
        if self.duration == 0 or self.duration > LARGEST_TIME:
            raise CorruptIndex("duration", 40, f"is {self.duration}")
        if self.base_time > LARGEST_TIME - self.duration:
            raise CorruptIndex("base_time", 48, f"is {self.base_time}")
        if self.priming >= self.base_time + self.duration:
            raise CorruptIndex("priming", 56, f"is {self.priming}, which leaves nothing to present")
        return 0

    cdef int check_rows(self) except -1:
        cdef uint64_t number = 0
        cdef Flaw flaw
        cdef Py_ssize_t at
        with nogil:
            flaw = first_flaw(self, &number)
        if flaw == NONE:
            return 0
        at = row_at(self.body, number) - <const uint8_t*>self.view.buf
        if flaw == ANCHOR_OFFSET:
            raise CorruptIndex("anchor offset", at - 16, "disagrees with the rows")
        if flaw == ANCHOR_TIME:
            raise CorruptIndex("anchor time", at - 8, "disagrees with the rows")
        if flaw == SIZE_ZERO:
            raise CorruptIndex("size", at, "is 0")
        if flaw == SIZE_BEYOND:
            raise CorruptIndex("size", at, "leads beyond data_length")
        if flaw == DURATION_BEYOND:
            raise CorruptIndex("sample duration", at + 4, "leads beyond duration")
        if flaw == BEFORE_ZERO:
            raise CorruptIndex("composition_offset", at + 8, "leads to a time before zero")
        if flaw == FLAGS:
            flags = row_flags(row_at(self.body, number))
            raise CorruptIndex("flags", at + 12, flags_problem(flags))
        if flaw == FIRST_NOT_SYNC:
            raise CorruptIndex("flags", at + 12, "do not make the first sample a sync sample")
        if flaw == SIZE_SUM:
            raise CorruptIndex("data_length", 32, "is not the sum of the sizes")
        raise CorruptIndex("duration", 40, "is not the sum of the sample durations")
