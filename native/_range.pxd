"""Byte ranges (RFC 9110 §14): the twin of `core.http.byterange`, which says what is decided."""

from libc.stdint cimport UINT64_MAX, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp

from native._text cimport Span, is_blank, is_digit, says, trimmed

cdef enum:
    LONGEST_RANGE = 1024
    MOST_RANGES = 16
    MOST_OVERLAPPING = 2

cdef enum Selection:
    WHOLE
    UNSATISFIABLE
    SELECTED

cdef struct Part:
    uint64_t start
    uint64_t stop

cdef struct Parts:
    int count
    Part[16] at      # MOST_RANGES


cdef inline const uint8_t* past_digits(const uint8_t* at, const uint8_t* end) noexcept nogil:
    while at < end and is_digit(at[0]):
        at += 1
    return at


cdef inline uint64_t number(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Read digits; what does not fit counts as the largest number there is."""
    cdef uint64_t value = 0
    while at < end:
        if value > (UINT64_MAX - 9) // 10:
            return UINT64_MAX
        value = value * 10 + at[0] - 48
        at += 1
    return value


cdef inline bint below(const uint8_t* one, const uint8_t* one_end,
                       const uint8_t* other, const uint8_t* other_end) noexcept nogil:
    """Whether one number is less than another, however many digits they have."""
    while one < one_end and one[0] == 48:
        one += 1
    while other < other_end and other[0] == 48:
        other += 1
    if one_end - one != other_end - other:
        return one_end - one < other_end - other
    return memcmp(one, other, one_end - one) < 0


cdef inline bint read_spec(Span text, uint64_t length, Part* part) noexcept nogil:
    """Read `a-b`, `a-` or `-n`; False on a syntax error. Nothing selected: stop is not past start.
    """
    cdef const uint8_t* at = text.at
    cdef const uint8_t* end = text.at + text.length
    cdef const uint8_t* dash = past_digits(at, end)
    cdef const uint8_t* stop
    cdef uint64_t count
    if dash == end or dash[0] != 45:
        return False
    stop = past_digits(dash + 1, end)
    if stop != end:
        return False
    if dash == at:
        if dash + 1 == end:
            return False
        count = number(dash + 1, end)
        part.start = length - count if count < length else 0
        part.stop = length if count else 0
        return True
    if dash + 1 < end and below(dash + 1, end, at, dash):
        return False
    part.start = number(at, dash)
    part.stop = length
    if dash + 1 < end:
        count = number(dash + 1, end)
        if count < length:
            part.stop = count + 1
    return True


cdef inline int overlapping(const Parts* parts) noexcept nogil:
    """Count the parts that share a byte with another one."""
    cdef int count = 0, one, other
    for one in range(parts.count):
        for other in range(parts.count):
            if (one != other and parts.at[one].start < parts.at[other].stop
                    and parts.at[other].start < parts.at[one].stop):
                count += 1
                break
    return count


cdef inline void coalesce(Parts* parts) noexcept nogil:
    """Join parts that overlap or touch; a joined part stands where its first one stood."""
    cdef Parts joined
    cdef Part part
    cdef int each, at, place, move
    joined.count = 0
    for each in range(parts.count):
        part = parts.at[each]
        place = joined.count
        at = joined.count - 1
        while at >= 0:
            if part.start <= joined.at[at].stop and joined.at[at].start <= part.stop:
                part.start = min(part.start, joined.at[at].start)
                part.stop = max(part.stop, joined.at[at].stop)
                place = at
                for move in range(at, joined.count - 1):
                    joined.at[move] = joined.at[move + 1]
                joined.count -= 1
            at -= 1
        for move in range(joined.count, place, -1):
            joined.at[move] = joined.at[move - 1]
        joined.at[place] = part
        joined.count += 1
    parts[0] = joined


cdef inline Selection select(Span field, uint64_t length, Parts* parts) noexcept nogil:
    """Resolve a Range field against a representation of `length` bytes."""
    cdef const uint8_t* at = field.at
    cdef const uint8_t* end = field.at + field.length
    cdef const uint8_t* comma
    cdef Span text
    cdef Part part
    cdef int specs = 0
    parts.count = 0
    if field.length < 6 or field.length > LONGEST_RANGE or not says(at, 5, b"bytes"):
        return WHOLE
    at += 5
    while at < end and is_blank(at[0]):
        at += 1
    if at == end or at[0] != 61:
        return WHOLE
    at += 1
    while at <= end:
        comma = <const uint8_t*>memchr(at, 44, end - at)
        if comma == NULL:
            comma = end
        text = trimmed(at, comma)
        at = comma + 1
        if text.length == 0:
            continue
        if not read_spec(text, length, &part):
            return WHOLE
        specs += 1
        if specs <= MOST_RANGES and part.start < part.stop:
            parts.at[parts.count] = part
            parts.count += 1
    if specs == 0 or specs > MOST_RANGES:
        return WHOLE
    if parts.count == 0:
        return UNSATISFIABLE
    if overlapping(parts) > MOST_OVERLAPPING:
        return WHOLE
    coalesce(parts)
    return SELECTED
