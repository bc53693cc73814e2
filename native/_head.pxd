"""The head of an HTTP/1.x request, read strictly (RFC 9112 §2-6).

Two programs that read one head differently can be made to see different requests in one stream, so
whatever the RFC lets a server refuse here is refused: bare CR and LF, folded lines, space before a
colon, a length given twice, a length beside a transfer coding. `native/reference/head.py` is the
same in plain Python.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memset

from native._text cimport Span, is_blank, is_digit, says, trimmed

cdef extern from * nogil:
    """
    /* RFC 9110 §5.6.2: what a token is made of. */
    static const unsigned char SLUICE_TOKEN[256] = {
        ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\\''] = 1, ['*'] = 1, ['+'] = 1,
        ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1,
        ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
    };
    /* What a field value is made of: everything but controls, tab excepted (§5.5). */
    static const unsigned char SLUICE_VALUE[256] = {
        ['\\t'] = 1, [' ' ... '~'] = 1, [0x80 ... 0xff] = 1,
    };
    """
    const unsigned char* TOKEN "SLUICE_TOKEN"
    const unsigned char* VALUE "SLUICE_VALUE"

cdef enum:
    LONGEST_HEAD = 32768
    LONGEST_METHOD = 32
    LONGEST_TARGET = 8192
    LONGEST_LINE = 8240
    MOST_FIELDS = 100
    LENGTH_DIGITS = 18

cdef enum Reading:
    # Anything else is the status to refuse the request with.
    INCOMPLETE = 0
    COMPLETE = 1

cdef enum Known:
    # The fields that the data plane itself looks at.
    HOST
    CONNECTION
    CONTENT_LENGTH
    TRANSFER_ENCODING
    EXPECT
    RANGE
    IF_RANGE
    IF_MATCH
    IF_NONE_MATCH
    IF_MODIFIED_SINCE
    IF_UNMODIFIED_SINCE
    REQUEST_ID
    FILL_KEY
    CACHE_CONTROL
    PRAGMA
    KNOWN_FIELDS
    UNKNOWN

cdef struct Field:
    Span name
    Span value

cdef struct Head:
    # Spans point into the bytes that were scanned.
    uint32_t length
    Span method
    Span target
    int minor
    uint32_t repeated        # a bit for each known field that stands there more than once
    Span[15] known           # KNOWN_FIELDS of them; of a repeated field the first
    int field_count
    Field[100] fields        # MOST_FIELDS
    bint keep_alive
    bint chunked
    bint has_length
    uint64_t content_length


cdef inline bint has(const Head* head, int name) noexcept nogil:
    return head.known[name].at != NULL


cdef inline int known_field(const uint8_t* at, size_t length) noexcept nogil:
    if length == 4:
        return HOST if says(at, length, b"host") else UNKNOWN
    if length == 5:
        return RANGE if says(at, length, b"range") else UNKNOWN
    if length == 6:
        if says(at, length, b"expect"):
            return EXPECT
        return PRAGMA if says(at, length, b"pragma") else UNKNOWN
    if length == 8:
        if says(at, length, b"if-match"):
            return IF_MATCH
        return IF_RANGE if says(at, length, b"if-range") else UNKNOWN
    if length == 10:
        return CONNECTION if says(at, length, b"connection") else UNKNOWN
    if length == 12:
        return REQUEST_ID if says(at, length, b"x-request-id") else UNKNOWN
    if length == 13:
        if says(at, length, b"if-none-match"):
            return IF_NONE_MATCH
        return CACHE_CONTROL if says(at, length, b"cache-control") else UNKNOWN
    if length == 14:
        return CONTENT_LENGTH if says(at, length, b"content-length") else UNKNOWN
    if length == 15:
        return FILL_KEY if says(at, length, b"sluice-fill-key") else UNKNOWN
    if length == 17:
        if says(at, length, b"transfer-encoding"):
            return TRANSFER_ENCODING
        return IF_MODIFIED_SINCE if says(at, length, b"if-modified-since") else UNKNOWN
    if length == 19:
        return IF_UNMODIFIED_SINCE if says(at, length, b"if-unmodified-since") else UNKNOWN
    return UNKNOWN


cdef inline int unfinished(
    const uint8_t* data, const uint8_t* at, const uint8_t* limit, bint first
) noexcept nogil:
    """Judge a head whose last line, from `at` on, has not ended: wait, or refuse it already."""
    if limit - data == LONGEST_HEAD or (first and limit - at > LONGEST_LINE):
        return 414 if first else 431
    # A line feed belongs behind a carriage return, and none of those has come.
    return 400 if at < limit and memchr(at, 10, limit - at) != NULL else INCOMPLETE


cdef inline int read_request_line(
    Head* head, const uint8_t* at, const uint8_t* end
) noexcept nogil:
    """Read `METHOD SP target SP HTTP/1.x`; `end` is where the line ends."""
    cdef const uint8_t* begin = at
    while at < end and TOKEN[at[0]]:
        at += 1
    if at == begin or at == end or at[0] != 32:
        return 400
    if at - begin > LONGEST_METHOD:
        return 501
    head.method.at = begin
    head.method.length = <uint32_t>(at - begin)
    at += 1
    begin = at
    while at < end and 33 <= at[0] <= 126:
        at += 1
    if at == begin or at == end or at[0] != 32:
        return 400
    if at - begin > LONGEST_TARGET:
        return 414
    head.target.at = begin
    head.target.length = <uint32_t>(at - begin)
    at += 1
    if end - at != 8 or not (says(at, 5, b"http/") and at[0] == 72 and at[1] == 84):
        return 400
    if at[2] != 84 or at[3] != 80 or not is_digit(at[5]) or at[6] != 46 or not is_digit(at[7]):
        return 400
    if at[5] != 49 or at[7] > 49:
        return 505
    head.minor = at[7] - 48
    return COMPLETE


cdef inline int read_field(Head* head, const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Read one field line; a folded line begins with a blank, which no name does."""
    cdef const uint8_t* begin = at
    cdef const uint8_t* each
    cdef Field* field
    cdef int name
    while at < end and TOKEN[at[0]]:
        at += 1
    if at == begin or at == end or at[0] != 58:
        return 400
    if head.field_count == MOST_FIELDS:
        return 431
    each = at + 1
    while each < end:
        if not VALUE[each[0]]:
            return 400
        each += 1
    field = &head.fields[head.field_count]
    head.field_count += 1
    field.name.at = begin
    field.name.length = <uint32_t>(at - begin)
    field.value = trimmed(at + 1, end)
    name = known_field(begin, field.name.length)
    if name != UNKNOWN:
        if head.known[name].at != NULL:
            head.repeated |= <uint32_t>1 << name
        else:
            head.known[name] = field.value
    return COMPLETE


cdef inline bint lists(Span value, const char* member) noexcept nogil:
    """Whether a comma-separated field has this member (in lower case)."""
    cdef const uint8_t* at = value.at
    cdef const uint8_t* end = value.at + value.length
    cdef const uint8_t* comma
    cdef Span each
    while at <= end:
        comma = <const uint8_t*>memchr(at, 44, end - at)
        if comma == NULL:
            comma = end
        each = trimmed(at, comma)
        if says(each.at, each.length, member):
            return True
        at = comma + 1
    return False


cdef inline bint connection_lists(const Head* head, const char* member) noexcept nogil:
    cdef int each
    if head.known[<int>CONNECTION].at == NULL:
        return False
    if not head.repeated >> <int>CONNECTION & 1:
        return lists(head.known[<int>CONNECTION], member)
    for each in range(head.field_count):
        if says(head.fields[each].name.at, head.fields[each].name.length, b"connection"):
            if lists(head.fields[each].value, member):
                return True
    return False


cdef inline int read_framing(Head* head) noexcept nogil:
    """Find where the body ends (RFC 9112 §6.3); whatever could be read in two ways is refused."""
    cdef Span value
    cdef uint32_t each
    cdef uint32_t once = <uint32_t>1 << <int>CONTENT_LENGTH | <uint32_t>1 << <int>TRANSFER_ENCODING
    if head.repeated & once:
        return 400
    if has(head, TRANSFER_ENCODING):
        if has(head, CONTENT_LENGTH) or head.minor == 0:
            return 400
        value = head.known[<int>TRANSFER_ENCODING]
        if not says(value.at, value.length, b"chunked"):
            return 501
        head.chunked = True
    if has(head, CONTENT_LENGTH):
        value = head.known[<int>CONTENT_LENGTH]
        if value.length == 0:
            return 400
        for each in range(value.length):
            if not is_digit(value.at[each]):
                return 400
        if value.length > LENGTH_DIGITS:
            return 413
        for each in range(value.length):
            head.content_length = head.content_length * 10 + value.at[each] - 48
        head.has_length = True
    return COMPLETE


cdef inline int check_host(const Head* head) noexcept nogil:
    """Exactly one Host in HTTP/1.1 (RFC 9112 §3.2), made of what an authority is made of."""
    cdef Span host = head.known[<int>HOST]
    cdef uint32_t each
    cdef uint8_t byte
    if head.repeated >> <int>HOST & 1:
        return 400
    if host.at == NULL:
        return COMPLETE if head.minor == 0 else 400
    for each in range(host.length):
        byte = host.at[each]
        if byte <= 32 or byte >= 127 or byte == 34 or byte == 60 or byte == 62 or byte == 92:
            return 400
        if byte == 35 or byte == 44 or byte == 47 or byte == 63 or byte == 64:  # # , / ? @
            return 400
    return COMPLETE


cdef inline int scan_head(
    Head* head, const uint8_t* data, uint32_t length
) noexcept nogil:
    """Read the head that `data` begins with.

    COMPLETE: `head` is filled in. INCOMPLETE: its end has not come. Anything else: the status to
    refuse it with, and nothing behind it may be read.
    """
    cdef const uint8_t* at = data
    cdef const uint8_t* limit = data + min(length, <uint32_t>LONGEST_HEAD)
    cdef const uint8_t* end
    cdef bint first = True
    cdef int status
    memset(&head.known, 0, sizeof(head.known))
    head.field_count = 0
    head.repeated = 0
    head.chunked = head.has_length = False
    head.content_length = 0
    if length >= 2 and data[0] == 13 and data[1] == 10:
        at += 2  # RFC 9112 §2.2: an empty line before the request is to be overlooked
    while True:
        end = <const uint8_t*>memchr(at, 13, limit - at) if at < limit else NULL
        if end == NULL or end + 1 == limit:
            return unfinished(data, at, limit, first)
        if end[1] != 10:
            return 400
        if first:
            status = read_request_line(head, at, end)
        elif end == at:
            break
        else:
            status = read_field(head, at, end)
        if status != COMPLETE:
            return status
        first = False
        at = end + 2
    head.length = <uint32_t>(end + 2 - data)
    status = check_host(head)
    if status == COMPLETE:
        status = read_framing(head)
    if head.minor == 1:
        head.keep_alive = not connection_lists(head, b"close")
    else:
        head.keep_alive = (connection_lists(head, b"keep-alive")
                           and not connection_lists(head, b"close"))
    return status
