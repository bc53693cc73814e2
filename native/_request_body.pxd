"""The body of a request on its way to Python: lengths and chunked coding (RFC 9112 §6-7).

`native/reference/request_body.py` is the same in plain Python.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from native._connection cimport out_of_bytes
from native._head cimport VALUE
from native._linux cimport pthread_mutex_lock, pthread_mutex_unlock
from native._state cimport (
    BROKEN_BODY,
    BY_LENGTH,
    CHUNK_CR,
    CHUNK_DATA,
    CHUNK_EXTENSION,
    CHUNK_LF,
    CHUNK_PADDING,
    CHUNK_SIZE,
    CHUNK_SIZE_LF,
    CROSSED,
    NO_BODY,
    TRAILER_END_LF,
    TRAILER_LF,
    TRAILER_LINE,
    TRAILER_START,
    Connection,
    Exchange,
    Out,
)
from native._text cimport is_blank, is_digit, lower

cdef enum:
    LONGEST_EXTENSION = 4096
    LONGEST_TRAILER = 8192
    SIZE_DIGITS = 15


cdef inline bint keep_body(Exchange* exchange, const uint8_t* data, uint64_t length) noexcept nogil:
    """Queue bytes for Python; False when memory is short."""
    cdef Out* out = out_of_bytes(data, length)
    if out == NULL:
        return False
    pthread_mutex_lock(&exchange.worker.lock)
    if exchange.body == NULL:
        exchange.body = out
    else:
        exchange.body_last.next = out
    exchange.body_last = out
    exchange.body_bytes += length + sizeof(Out)
    pthread_mutex_unlock(&exchange.worker.lock)
    return True


cdef inline bint take_data(Connection* c, const uint8_t* data, uint64_t length) noexcept nogil:
    """Hand data on or, when nobody wants it any more, count it."""
    c.body_left -= length
    if c.state == CROSSED:
        return keep_body(c.exchange, data, length)
    c.drained += length
    return True


cdef inline int hex_digit(uint8_t byte) noexcept nogil:
    if is_digit(byte):
        return byte - 48
    byte = lower(byte)
    return byte - 87 if 97 <= byte <= 102 else -1


cdef inline uint8_t step(Connection* c, uint8_t byte) noexcept nogil:
    """Take one byte of chunked coding that is no data; give the state after it."""
    cdef uint8_t state = c.body_state
    cdef int digit
    if state == CHUNK_SIZE:
        digit = hex_digit(byte)
        if digit >= 0:
            c.body_left = c.body_left << 4 | <uint64_t>digit
            c.body_line += 1
            return CHUNK_SIZE if c.body_line <= SIZE_DIGITS else BROKEN_BODY
        if c.body_line == 0:
            return BROKEN_BODY
        c.body_line = 1
        if byte == 13:
            return CHUNK_SIZE_LF
        if byte == 59:
            return CHUNK_EXTENSION
        return CHUNK_PADDING if is_blank(byte) else BROKEN_BODY
    if state == CHUNK_PADDING or state == CHUNK_EXTENSION:
        if byte == 13 and state == CHUNK_EXTENSION:
            return CHUNK_SIZE_LF
        c.body_line += 1
        if c.body_line > LONGEST_EXTENSION:
            return BROKEN_BODY
        if state == CHUNK_EXTENSION:
            return CHUNK_EXTENSION if VALUE[byte] else BROKEN_BODY
        # Blanks belong before a semicolon: a size with nothing but blanks behind it is refused.
        return CHUNK_EXTENSION if byte == 59 else state if is_blank(byte) else BROKEN_BODY
    if state == CHUNK_SIZE_LF:
        c.body_line = 0
        if byte != 10:
            return BROKEN_BODY
        return CHUNK_DATA if c.body_left else TRAILER_START
    if state == CHUNK_CR:
        return CHUNK_LF if byte == 13 else BROKEN_BODY
    if state == CHUNK_LF:
        return CHUNK_SIZE if byte == 10 else BROKEN_BODY
    c.body_line += 1
    if c.body_line > LONGEST_TRAILER:
        return BROKEN_BODY
    if state == TRAILER_START:
        if byte == 13:
            return TRAILER_END_LF
        return TRAILER_LINE if VALUE[byte] else BROKEN_BODY
    if state == TRAILER_LINE:
        if byte == 13:
            return TRAILER_LF
        return TRAILER_LINE if VALUE[byte] else BROKEN_BODY
    if byte != 10:
        return BROKEN_BODY
    return TRAILER_START if state == TRAILER_LF else NO_BODY


cdef inline uint32_t decode_body(
    Connection* c, const uint8_t* data, uint32_t length
) noexcept nogil:
    """Take in bytes of a body until it ends or is broken; give how many were used."""
    cdef uint32_t at = 0
    cdef uint64_t run
    while at < length and c.body_state != NO_BODY and c.body_state != BROKEN_BODY:
        if c.body_state == BY_LENGTH or c.body_state == CHUNK_DATA:
            run = min(c.body_left, <uint64_t>(length - at))
            if not take_data(c, data + at, run):
                c.body_state = BROKEN_BODY
                return at
            at += <uint32_t>run
            if c.body_left == 0:
                c.body_state = NO_BODY if c.body_state == BY_LENGTH else CHUNK_CR
        else:
            c.body_state = step(c, data[at])
            at += 1
    return at
