"""The cache key of a request target that is spelled plainly; everything else is left to Python.

`core.http.target` decides what a target means. This is the part of it that the hot path needs: a
target without escapes and without tricks, under `/media/` with its query stripped of `CMCD` and
sorted by name.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr, memcmp, memcpy

from native._text cimport Span

cdef enum:
    MOST_ARGUMENTS = 16
    LONGEST_KEY = 8192

cdef struct Key:
    # The bytes lie in the target that was read or, once rewritten, in the caller's room.
    Span text
    uint32_t path_length
    bint media


cdef inline bint is_plain_path(const uint8_t* at, uint32_t length) noexcept nogil:
    """Whether a path means itself to everyone: no escape, backslash, `//`, or dot segment."""
    cdef uint32_t each
    cdef uint8_t byte
    if length == 0 or at[0] != 47:
        return False
    for each in range(length):
        byte = at[each]
        if byte == 37 or byte == 92 or byte == 35:  # % \ #
            return False
        if byte == 47 and each + 1 < length and (at[each + 1] == 47 or at[each + 1] == 46):
            return False
    return True


cdef inline int compare(const uint8_t* one, uint32_t one_length,
                        const uint8_t* other, uint32_t other_length) noexcept nogil:
    cdef int order = memcmp(one, other, min(one_length, other_length))
    return order if order else <int>one_length - <int>other_length


cdef inline bint write_query(
    const uint8_t* at, const uint8_t* end, uint8_t* room, uint32_t* written
) noexcept nogil:
    """Write the canonical query; False where Python has to."""
    cdef Span[16] arguments              # MOST_ARGUMENTS
    cdef uint32_t[16] names
    cdef const uint8_t* stop
    cdef const uint8_t* equals
    cdef uint32_t count = 0, place, length, name, each
    while at < end:
        stop = <const uint8_t*>memchr(at, 38, end - at)
        if stop == NULL:
            stop = end
        length = <uint32_t>(stop - at)
        equals = <const uint8_t*>memchr(at, 61, length)
        name = length if equals == NULL else <uint32_t>(equals - at)
        if memchr(at, 37, name) != NULL:
            return False  # an escaped name is sorted by what it stands for
        if length and not (name == 4 and memcmp(at, b"CMCD", 4) == 0):
            if count == MOST_ARGUMENTS:
                return False
            place = count
            while place and compare(at, name, arguments[place - 1].at, names[place - 1]) < 0:
                arguments[place] = arguments[place - 1]
                names[place] = names[place - 1]
                place -= 1
            arguments[place].at = at
            arguments[place].length = length
            names[place] = name
            count += 1
        at = stop + 1
    written[0] = 0
    for each in range(count):
        if each:
            room[written[0]] = 38
            written[0] += 1
        memcpy(room + written[0], arguments[each].at, arguments[each].length)
        written[0] += arguments[each].length
    return True


cdef inline bint read_key(Span target, uint8_t* room, Key* key) noexcept nogil:
    """Give the key of a plain target; `room` has LONGEST_KEY bytes. False where Python has to."""
    cdef const uint8_t* question = <const uint8_t*>memchr(target.at, 63, target.length)
    cdef uint32_t path = target.length if question == NULL else <uint32_t>(question - target.at)
    cdef uint32_t written
    if not is_plain_path(target.at, path):
        return False
    key.path_length = path
    key.media = path >= 7 and memcmp(target.at, b"/media/", 7) == 0
    key.text = target
    if question == NULL:
        return True
    if memchr(target.at + path, 35, target.length - path) != NULL:
        return False
    if not key.media:
        return True
    memcpy(room, target.at, path + 1)
    if not write_query(question + 1, target.at + target.length, room + path + 1, &written):
        return False
    key.text.at = room
    key.text.length = path + 1 + written if written else path
    return True
