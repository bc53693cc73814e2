"""Records of the access log as lines of JSON (RFC 8259).

`core/http/access_line.py` writes the same in Python.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from native._linux cimport AF_INET6, inet_ntop
from native._record cimport SHORTENED, Journal, Record, record_done, record_next
from native._text cimport HEX, Pen, put, put_number, put_padded, put_text, year_month_day

cdef enum:
    LINES_BYTES = 262144         # how much is written at a time
    LONGEST_LINE = 8192          # more than six bytes for each of a record's texts
    TOKEN_LEAST = 43


cdef inline void put_json_byte(Pen* pen, uint8_t byte) noexcept nogil:
    cdef uint8_t[6] escaped
    if byte == 34 or byte == 92:
        put(pen, b"\\", 1)
    elif byte < 32 or byte > 126:
        escaped[0] = 92
        escaped[1] = 117
        escaped[2] = escaped[3] = 48
        escaped[4] = <uint8_t>HEX[byte >> 4]
        escaped[5] = <uint8_t>HEX[byte & 15]
        put(pen, escaped, 6)
        return
    put(pen, &byte, 1)


cdef inline uint32_t mark_length(const uint8_t* at, uint32_t length) noexcept nogil:
    """How long the mark of a token is that a segment begins with; 0 when it begins with none."""
    if length and at[0] == 126:
        return 1
    if length >= 3 and at[0] == 37 and at[1] == 55 and (at[2] | 32) == 101:
        return 3                 # %7E
    return 0


cdef inline uint32_t segment_length(const uint8_t* at, uint32_t length) noexcept nogil:
    cdef uint32_t each = 0
    while each < length and at[each] != 47 and at[each] != 63 and at[each] != 35:
        each += 1
    return each


cdef inline void put_json_text(
    Pen* pen, const uint8_t* at, uint16_t length, bint masked
) noexcept nogil:
    """Write a text between quotes, with a mark where it was cut; masked: without its tokens."""
    cdef uint32_t whole = length & ~<uint32_t>SHORTENED
    cdef uint32_t each = 0, mark, segment
    put(pen, b"\"", 1)
    while each < whole:
        if masked and each and at[each - 1] == 47:
            mark = mark_length(at + each, whole - each)
            segment = segment_length(at + each, whole - each)
            if mark and (segment - mark >= TOKEN_LEAST
                         or length & SHORTENED and each + segment == whole):
                put_text(pen, b"~***")
                each += segment
                continue
        put_json_byte(pen, at[each])
        each += 1
    if length & SHORTENED:
        put_text(pen, b"\\u2026")
    put(pen, b"\"", 1)


cdef inline void put_json_field(
    Pen* pen, const char* name, const uint8_t* at, uint16_t length, bint masked
) noexcept nogil:
    """Write a field that is left out when there is nothing in it."""
    if length == 0:
        return
    put_text(pen, name)
    put_json_text(pen, at, length, masked)


cdef inline void put_time(Pen* pen, double wall_s) noexcept nogil:
    """Write a time as RFC 3339 says, to the millisecond."""
    cdef int64_t at_ms = <int64_t>(wall_s * 1000)
    cdef int64_t seconds = at_ms // 1000 % 86400
    cdef int64_t[3] date
    year_month_day(at_ms // 86400000, date)
    put_padded(pen, date[0], 4)
    put(pen, b"-", 1)
    put_padded(pen, date[1], 2)
    put(pen, b"-", 1)
    put_padded(pen, date[2], 2)
    put(pen, b"T", 1)
    put_padded(pen, seconds // 3600, 2)
    put(pen, b":", 1)
    put_padded(pen, seconds // 60 % 60, 2)
    put(pen, b":", 1)
    put_padded(pen, seconds % 60, 2)
    put(pen, b".", 1)
    put_padded(pen, at_ms % 1000, 3)
    put(pen, b"Z", 1)


cdef inline bint is_mapped(const uint8_t* address) noexcept nogil:
    """Whether an address is IPv4, mapped (RFC 4291 §2.5.5.2)."""
    cdef int each
    for each in range(10):
        if address[each]:
            return False
    return address[10] == 255 and address[11] == 255


cdef inline void put_address(Pen* pen, const uint8_t* address) noexcept nogil:
    cdef char[64] text
    cdef int each
    if not is_mapped(address):
        if inet_ntop(AF_INET6, address, text, sizeof(text)) != NULL:
            put_text(pen, text)
        return
    for each in range(12, 16):
        if each > 12:
            put(pen, b".", 1)
        put_number(pen, address[each])


cdef inline void put_line(Pen* pen, const Record* record) noexcept nogil:
    """Write one record as a line; the caller has seen that there is room for the longest."""
    put_text(pen, b"{\"time\":\"")
    put_time(pen, record.wall_s)
    put_text(pen, b"\",\"client\":\"")
    put_address(pen, record.address)
    put(pen, b"\"", 1)
    put_json_field(
        pen, b",\"forwarded_for\":", record.forwarded, record.forwarded_length, False
    )
    put_json_field(pen, b",\"method\":", record.method, record.method_length, False)
    put_json_field(pen, b",\"path\":", record.path, record.path_length, True)
    put_text(pen, b",\"status\":")
    put_number(pen, <uint64_t>record.note.status)
    put_text(pen, b",\"sent_bytes\":")
    put_number(pen, record.sent)
    put_text(pen, b",\"aborted_bytes\":")
    put_number(pen, record.aborted)
    put_text(pen, b",\"duration_us\":")
    put_number(pen, record.took_us)
    put_json_field(pen, b",\"result\":", record.note.result, record.note.result_length, False)
    put_json_field(pen, b",\"range\":", record.range_, record.range_length, False)
    put_json_field(pen, b",\"user_agent\":", record.agent, record.agent_length, False)
    put_json_field(pen, b",\"referer\":", record.referer, record.referer_length, True)
    put_json_field(
        pen, b",\"request_id\":", record.note.identity, record.note.identity_length, False
    )
    put_text(pen, b",\"reused\":true}\n" if record.reused else b",\"reused\":false}\n")


cdef inline void put_lines(Pen* pen, Journal* journal) noexcept nogil:
    """Write the lines of a journal while there is room for the longest."""
    cdef Record* record
    while pen.end - pen.at >= LONGEST_LINE:
        record = record_next(journal)
        if record == NULL:
            return
        put_line(pen, record)
        record_done(journal)
