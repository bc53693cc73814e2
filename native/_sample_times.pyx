# cython: boundscheck=False, wraparound=False, cdivision=True
"""Rows of the track index from the samples of a file, compiled: `native/reference/sample_times.py`.

The rows are read through a pointer into the caller's bytes; the loops end at the number of rows
that these hold. Products and differences of media times are taken in 128 bits, and what does not
fit 62 and a sign is refused, so no sum of two wraps.
"""

from cpython.buffer cimport Py_buffer, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from native._bytes cimport store_le32
from native._rows cimport SampleRow

from native.errors import UnfitTimes

cdef extern from *:
    """
    typedef __int128 sluice_wide;
    """
    ctypedef long long wide "sluice_wide"

cdef enum:
    SYNC = 1
    OPEN_RANDOM_ACCESS = 2
    INDEX_ROW_BYTES = 16
    REORDER_WINDOW = 33
    MOST_WAITING = 132  # 4 * REORDER_WINDOW

cdef int64_t LATEST = (<int64_t>1 << 62) - 1
cdef int64_t LARGEST_SCALE = <int64_t>1 << 40
cdef int64_t LARGEST_DURATION = 0xFFFFFFFF
cdef int64_t LARGEST_OFFSET = 0x7FFFFFFF


cdef enum Flaw:
    NONE
    OUTSIDE
    TOO_LATE
    ACCESS
    GAP
    CROSSED
    REPEATED
    WAITING
    START
    ORDER
    FIELD

cdef dict MESSAGES = {
    OUTSIDE: "a picture lies outside the edit",
    TOO_LATE: "a time is too large",
    ACCESS: "its flags are not those of an index",
    GAP: "no sync sample for too long",
    CROSSED: "it is shown before one decoded earlier",
    REPEATED: "two pictures share a time",
    WAITING: "too many pictures wait to be shown",
    START: "the first sample is not the first picture, at time 0",
    ORDER: "pictures are out of order",
    FIELD: "a duration or an offset does not fit",
}


cdef struct Track:
    const SampleRow* rows
    const uint8_t* flags
    uint64_t count
    int64_t* shown    # count of them
    int64_t* decoded  # count of them
    int64_t end


cdef inline bint shown_at(const SampleRow* row, int64_t* time) noexcept nogil:
    """Give when a sample is shown by the file; False for what is too large."""
    if row.decode_time > <uint64_t>LATEST or not -LATEST <= row.composition_offset <= LATEST:
        return False
    time[0] = <int64_t>row.decode_time + row.composition_offset
    return True


cdef inline bint scaled(wide time, int64_t numerator, int64_t denominator,
                        int64_t* out) noexcept nogil:
    """Multiply a sum of times by a fraction, halves up; False for what is too large."""
    cdef wide product, value
    if numerator == 1 and denominator == 1:
        out[0] = <int64_t>time
        return -LATEST <= time and time <= LATEST
    product = time * numerator * 2 + denominator
    value = product // (<wide>denominator * 2)
    if product < 0 and value * (<wide>denominator * 2) != product:
        value -= 1  # C rounds towards zero
    out[0] = <int64_t>value
    return -LATEST <= value and value <= LATEST


cdef Flaw present(Track* track, int64_t start, int64_t numerator, int64_t denominator,
                  int64_t first, int64_t stop) noexcept nogil:
    """Find when each picture is shown, and when the last one ends."""
    cdef uint64_t number
    cdef int64_t time = 0
    cdef int64_t duration = 0
    track.end = -LATEST
    for number in range(track.count):
        if not shown_at(&track.rows[number], &time):
            return TOO_LATE
        if time < first or time >= stop:
            return OUTSIDE
        if not scaled(<wide>time - start, numerator, denominator, &track.shown[number]):
            return TOO_LATE
        if not scaled(track.rows[number].duration, numerator, denominator, &duration):
            return TOO_LATE
        if track.shown[number] + duration > track.end:
            track.end = track.shown[number] + duration
    return NONE


cdef Flaw check_access(const Track* track, int64_t longest_gap) noexcept nogil:
    cdef uint64_t number
    cdef int64_t time
    cdef int64_t last = 0
    cdef int64_t latest = 0
    cdef uint8_t each
    for number in range(track.count):
        time = track.shown[number]
        each = track.flags[number]
        if each > OPEN_RANDOM_ACCESS or (number == 0 and each != SYNC):
            return ACCESS
        if time - last > longest_gap:
            return GAP
        if each == SYNC:
            if time < latest:
                return CROSSED
            last = time
        if time > latest:
            latest = time
    return GAP if track.end - last > longest_gap else NONE


cdef Flaw wait(int64_t* waiting, int* count, int64_t time, int64_t until) noexcept nogil:
    """Remember a picture that is to be shown; there is room for MOST_WAITING and one."""
    cdef int each
    cdef int kept = 0
    for each in range(count[0]):
        if waiting[each] == time:
            return REPEATED
    waiting[count[0]] = time
    count[0] += 1
    if count[0] <= MOST_WAITING:
        return NONE
    for each in range(count[0]):
        if waiting[each] > until:
            waiting[kept] = waiting[each]
            kept += 1
    count[0] = kept
    return WAITING if kept > MOST_WAITING else NONE


cdef Flaw share(Track* track, uint64_t first, uint64_t stop, int64_t start,
                int64_t end) noexcept nogil:
    """Share out the time up to the picture that a group of samples waits for."""
    cdef uint64_t number
    cdef uint64_t count = stop - first
    cdef int64_t room = end - start
    if first == 0:
        if count != 1 or room != 0:
            return START
    elif room <= 0:
        return ORDER
    for number in range(count):
        track.decoded[first + number] = (
            start + <int64_t>(<wide>room * <int64_t>(number + 1) // <int64_t>count)
        )
    return NONE


cdef Flaw decode(Track* track) noexcept nogil:
    """Find when each picture is decoded."""
    cdef int64_t[133] waiting
    cdef int waiting_count = 0
    cdef uint64_t number, each, stop
    cdef uint64_t pushed = 0
    cdef uint64_t group = 0  # where the group begins that is being collected
    cdef int64_t until = 0
    cdef int64_t group_time = 0
    cdef int64_t earliest
    cdef Flaw flaw
    for number in range(track.count):
        stop = number + REORDER_WINDOW + 1
        if stop > track.count:
            stop = track.count
        while pushed < stop:
            flaw = wait(waiting, &waiting_count, track.shown[pushed], until)
            if flaw != NONE:
                return flaw
            pushed += 1
        earliest = track.shown[number]
        for each in range(number + 1, stop):
            if track.shown[each] < earliest:
                earliest = track.shown[each]
        if number > group and earliest != group_time:
            flaw = share(track, group, number, until, group_time)
            if flaw != NONE:
                return flaw
            group = number
            until = group_time
        group_time = earliest
    return share(track, group, track.count, until, group_time)


cdef Flaw put_rows(const Track* track, uint8_t* out) noexcept nogil:
    cdef uint64_t number
    cdef int64_t following, duration, offset
    for number in range(track.count):
        if number + 1 < track.count:
            following = track.decoded[number + 1]
        else:
            following = track.decoded[number] + 1
            if track.end > following:
                following = track.end
        duration = following - track.decoded[number]
        offset = track.shown[number] - track.decoded[number]
        if not 0 <= duration <= LARGEST_DURATION or not 0 <= offset <= LARGEST_OFFSET:
            return FIELD
        store_le32(out, track.rows[number].size)
        store_le32(out + 4, <uint32_t>duration)
        store_le32(out + 8, <uint32_t>offset)
        store_le32(out + 12, track.flags[number])
        out += INDEX_ROW_BYTES
    return NONE


cdef int64_t fraction(scale, int64_t* denominator) except? -1:
    """Take a fraction apart; both numbers are positive and so small that products fit 128 bits."""
    cdef int64_t numerator
    numerator, denominator[0] = scale
    if not 0 < numerator <= LARGEST_SCALE or not 0 < denominator[0] <= LARGEST_SCALE:
        raise UnfitTimes(f"times are multiplied by {scale[0]}/{scale[1]}")
    return numerator


cdef uint64_t row_count(const Py_buffer* view) except? 0:
    if view.len % sizeof(SampleRow):
        raise ValueError(f"{view.len} bytes are no rows of {sizeof(SampleRow)}")
    if view.len == 0:
        raise UnfitTimes("no samples")
    return view.len // sizeof(SampleRow)


def video_rows(rows, bytes flags not None, *, int64_t start, scale, window, int64_t longest_gap):
    """Give the index rows of a picture track; `flags` has one byte a sample, as the index has it.

    `start` is the media time of the first picture, `scale` the fraction by which media ticks are
    multiplied (halves round up). All pictures have to be shown within `window` of media time, and
    sync samples no more than `longest_gap` ticks apart.
    """
    cdef Py_buffer view
    cdef Track track
    cdef Flaw flaw
    cdef int64_t numerator, denominator = 0, first, stop
    cdef bytes answer
    cdef uint8_t* out
    first, stop = window
    if not -LATEST <= start <= LATEST:
        raise UnfitTimes(f"the first picture is shown at {start}")
    numerator = fraction(scale, &denominator)
    PyObject_GetBuffer(rows, &view, PyBUF_SIMPLE)
    track.shown = track.decoded = NULL
    try:
        track.count = row_count(&view)
        if <uint64_t>len(flags) != track.count:
            raise UnfitTimes(f"{len(flags)} flags of {track.count} samples")
        track.rows = <const SampleRow*>view.buf
        track.flags = <const uint8_t*>PyBytes_AS_STRING(flags)
        track.shown = <int64_t*>malloc(track.count * sizeof(int64_t))
        track.decoded = <int64_t*>malloc(track.count * sizeof(int64_t))
        if track.shown is NULL or track.decoded is NULL:
            raise MemoryError
        answer = PyBytes_FromStringAndSize(NULL, track.count * INDEX_ROW_BYTES)
        out = <uint8_t*>PyBytes_AS_STRING(answer)
        with nogil:
            flaw = present(&track, start, numerator, denominator, first, stop)
            if flaw == NONE:
                flaw = check_access(&track, longest_gap)
            if flaw == NONE:
                flaw = decode(&track)
            if flaw == NONE:
                flaw = put_rows(&track, out)
    finally:
        free(track.shown)
        free(track.decoded)
        PyBuffer_Release(&view)
    if flaw != NONE:
        raise UnfitTimes(MESSAGES[flaw])
    return answer


def audio_rows(rows, *, int64_t first, int64_t frame_length, int64_t last_duration, scale,
               int64_t zero, int64_t longest_patch):
    """Give the index rows of a sound track; its samples follow one another without gaps.

    A sample is presented at `(decode time + offset) * scale[0] - zero`, divided by `scale[1]`, in
    sound samples; the first one counts as `first`. A frame lasts `frame_length`, the last one
    `last_duration`; the one before a gap of at most `longest_patch` lasts longer by it.
    """
    cdef Py_buffer view
    cdef const SampleRow* row
    cdef uint64_t count
    cdef Flaw flaw
    cdef int64_t numerator, denominator = 0
    cdef bytes answer
    cdef uint8_t* out
    numerator = fraction(scale, &denominator)
    for each in (frame_length, last_duration, longest_patch):
        if not 0 <= each <= LARGEST_OFFSET:
            raise UnfitTimes(f"a duration of {each}")
    if not -LARGEST_SCALE <= first <= LARGEST_SCALE:
        raise UnfitTimes(f"the first sample counts as {first}")
    PyObject_GetBuffer(rows, &view, PyBUF_SIMPLE)
    try:
        count = row_count(&view)
        row = <const SampleRow*>view.buf
        answer = PyBytes_FromStringAndSize(NULL, count * INDEX_ROW_BYTES)
        out = <uint8_t*>PyBytes_AS_STRING(answer)
        with nogil:
            flaw = put_sound(row, count, out, first, frame_length, last_duration, numerator,
                             denominator, zero, longest_patch)
    finally:
        PyBuffer_Release(&view)
    if flaw != NONE:
        raise UnfitTimes(MESSAGES[flaw])
    return answer


cdef Flaw put_sound(const SampleRow* rows, uint64_t count, uint8_t* out, int64_t first,
                    int64_t frame_length, int64_t last_duration, int64_t numerator,
                    int64_t denominator, int64_t zero, int64_t longest_patch) noexcept nogil:
    cdef uint64_t number
    cdef int64_t following = first + frame_length
    cdef int64_t duration, shown = 0
    cdef wide time, drift
    for number in range(1, count + 1):
        duration = frame_length if number < count else last_duration
        if number < count:
            if not shown_at(&rows[number], &shown):
                return TOO_LATE
            time = <wide>shown * numerator - zero
            if time > LATEST or time < -LATEST:
                return TOO_LATE
            # C rounds towards zero: less than a sound sample is none.
            drift = (time - <wide>following * denominator) // denominator
            if drift > frame_length or drift < -frame_length:
                if drift < 0 or drift > longest_patch:
                    return ORDER
                duration += <int64_t>drift
                following += <int64_t>drift
            following += frame_length
        store_le32(out, rows[number - 1].size)
        store_le32(out + 4, <uint32_t>duration)
        store_le32(out + 8, 0)
        store_le32(out + 12, SYNC)
        out += INDEX_ROW_BYTES
    return NONE
