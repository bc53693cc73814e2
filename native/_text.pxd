"""Bytes as text: comparing, numbers and HTTP dates, read and written; inlined where cimported.

What is written goes through a `Pen`, which stops at its end and says so: composing a head is never
a question of who counted right.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, strlen

cdef extern from * nogil:
    """
    static const char SLUICE_DAYS[] = "SunMonTueWedThuFriSat";
    static const char SLUICE_MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char SLUICE_HEX[] = "0123456789abcdef";
    """
    const char* DAYS "SLUICE_DAYS"
    const char* MONTHS "SLUICE_MONTHS"
    const char* HEX "SLUICE_HEX"


cdef struct Span:
    # Bytes that belong to somebody else; `at` is NULL where there are none at all.
    const uint8_t* at
    uint32_t length


cdef struct Pen:
    uint8_t* at
    uint8_t* end
    bint full


cdef inline void put(Pen* pen, const void* data, size_t length) noexcept nogil:
    if <size_t>(pen.end - pen.at) < length:
        pen.full = True
        return
    memcpy(pen.at, data, length)
    pen.at += length


cdef inline void put_text(Pen* pen, const char* text) noexcept nogil:
    put(pen, text, strlen(text))


cdef inline void put_span(Pen* pen, Span span) noexcept nogil:
    put(pen, span.at, span.length)


cdef inline void put_number(Pen* pen, uint64_t number) noexcept nogil:
    cdef uint8_t[20] digits
    cdef int at = 20
    while True:
        at -= 1
        digits[at] = <uint8_t>(48 + number % 10)
        number //= 10
        if number == 0:
            break
    put(pen, digits + at, 20 - at)


cdef inline void put_padded(Pen* pen, int64_t number, int width) noexcept nogil:
    """Write a number, not negative, with zeros before it up to this width, at most 20."""
    cdef uint8_t[20] digits
    cdef int at
    for at in range(width - 1, -1, -1):
        digits[at] = <uint8_t>(48 + number % 10)
        number //= 10
    put(pen, digits, width)


cdef inline void put_signed(Pen* pen, int64_t number) noexcept nogil:
    if number < 0:
        put(pen, b"-", 1)
        put_number(pen, <uint64_t>(-number))
    else:
        put_number(pen, <uint64_t>number)


cdef inline void put_hex(Pen* pen, uint64_t number) noexcept nogil:
    """Write sixteen hexadecimal digits."""
    cdef uint8_t[16] digits
    cdef int at
    for at in range(16):
        digits[15 - at] = <uint8_t>HEX[number & 15]
        number >>= 4
    put(pen, digits, 16)


cdef inline uint8_t lower(uint8_t byte) noexcept nogil:
    return byte | 0x20 if 65 <= byte <= 90 else byte


cdef inline bint says(const uint8_t* at, size_t length, const char* text) noexcept nogil:
    """Whether the bytes are `text` (in lower case), whatever their case."""
    cdef size_t each
    if length != strlen(text):
        return False
    for each in range(length):
        if lower(at[each]) != <uint8_t>text[each]:
            return False
    return True


cdef inline bint same(Span one, Span other) noexcept nogil:
    return one.length == other.length and memcmp(one.at, other.at, one.length) == 0


cdef inline bint is_digit(uint8_t byte) noexcept nogil:
    return 48 <= byte <= 57


cdef inline bint is_blank(uint8_t byte) noexcept nogil:
    return byte == 32 or byte == 9


cdef inline Span trimmed(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Give what is left without spaces and tabs at either end."""
    cdef Span span
    while at < end and is_blank(at[0]):
        at += 1
    while end > at and is_blank(end[-1]):
        end -= 1
    span.at = at
    span.length = <uint32_t>(end - at)
    return span


# ---- dates (RFC 9110 §5.6.7)

cdef inline int64_t days_before(int64_t year, int64_t month, int64_t day) noexcept nogil:
    """Count the days from 1970-01-01 to a date, in years that begin in March."""
    cdef int64_t era, of_era, of_year
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


cdef inline void year_month_day(int64_t days, int64_t* date) noexcept nogil:
    """Give the date of a day since 1970-01-01, not before it."""
    cdef int64_t shifted = days + 719468
    cdef int64_t era = shifted // 146097
    cdef int64_t of_era = shifted - era * 146097
    cdef int64_t year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    cdef int64_t of_year = of_era - (365 * year + year // 4 - year // 100)
    cdef int64_t place = (5 * of_year + 2) // 153
    date[2] = of_year - (153 * place + 2) // 5 + 1
    date[1] = place + 3 if place < 10 else place - 9
    date[0] = year + era * 400 + (date[1] <= 2)


cdef inline void put_date(Pen* pen, int64_t seconds) noexcept nogil:
    """Write seconds since the epoch, not before it, as an IMF-fixdate."""
    cdef int64_t days = seconds // 86400
    cdef int64_t left = seconds % 86400
    cdef int64_t[3] date
    cdef int64_t year, month, day
    cdef uint8_t[29] text
    year_month_day(days, date)
    year, month, day = date[0], date[1], date[2]
    memcpy(text, DAYS + 3 * ((days + 4) % 7), 3)
    memcpy(text + 3, b", ", 2)
    text[5] = <uint8_t>(48 + day // 10)
    text[6] = <uint8_t>(48 + day % 10)
    text[7] = 32
    memcpy(text + 8, MONTHS + 3 * (month - 1), 3)
    text[11] = 32
    text[12] = <uint8_t>(48 + year // 1000 % 10)
    text[13] = <uint8_t>(48 + year // 100 % 10)
    text[14] = <uint8_t>(48 + year // 10 % 10)
    text[15] = <uint8_t>(48 + year % 10)
    text[16] = 32
    text[17] = <uint8_t>(48 + left // 36000)
    text[18] = <uint8_t>(48 + left // 3600 % 10)
    text[19] = 58
    text[20] = <uint8_t>(48 + left % 3600 // 600)
    text[21] = <uint8_t>(48 + left % 600 // 60)
    text[22] = 58
    text[23] = <uint8_t>(48 + left % 60 // 10)
    text[24] = <uint8_t>(48 + left % 10)
    memcpy(text + 25, b" GMT", 4)
    put(pen, text, 29)


cdef inline int64_t two_digits(const uint8_t* at) noexcept nogil:
    """Read two digits; a large negative number when they are none."""
    if not (is_digit(at[0]) and is_digit(at[1])):
        return -10000000
    return (at[0] - 48) * 10 + at[1] - 48


cdef inline int64_t days_in(int64_t year, int64_t month) noexcept nogil:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


cdef inline int name_place(const uint8_t* at, const char* names, int count) noexcept nogil:
    """Find which of the three-letter names stands here; -1 when none does."""
    cdef int each
    for each in range(count):
        if memcmp(at, names + 3 * each, 3) == 0:
            return each
    return -1


cdef inline bint fixdate(Span text, int64_t* seconds) noexcept nogil:
    """Read an IMF-fixdate; False for anything else, a valid date of an obsolete form included."""
    cdef const uint8_t* at = text.at
    cdef int64_t year, month, day, hour, minute, second
    if text.length != 29 or name_place(at, DAYS, 7) < 0:
        return False
    if at[3] != 44 or at[4] != 32 or at[7] != 32 or at[11] != 32 or at[16] != 32:
        return False
    if at[19] != 58 or at[22] != 58 or memcmp(at + 25, b" GMT", 4) != 0:
        return False
    day = two_digits(at + 5)
    month = name_place(at + 8, MONTHS, 12) + 1
    year = two_digits(at + 12) * 100 + two_digits(at + 14)
    hour = two_digits(at + 17)
    minute = two_digits(at + 20)
    second = two_digits(at + 23)
    if month < 1 or year < 1 or day < 1 or hour < 0 or minute < 0 or second < 0:
        return False
    if hour > 23 or minute > 59 or day > days_in(year, month):
        return False
    second = min(second, 59)  # a leap second, or what else `datetime` would refuse, as the second
    seconds[0] = ((days_before(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    return True
