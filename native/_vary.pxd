"""Which variant a request chooses: the twin of `core.http.vary`, writing keys of the table.

The entry of a resource with variants says the names of the fields that choose; the key of a variant
is the resource and, for each name, FIELD and the value, or FIELD and ABSENT. No target and no value
has these bytes, so no two requests that differ write the same key.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr

from native._head cimport Head
from native._text cimport Pen, Span, is_blank, lower, put, put_span

cdef enum:
    FIELD = 1
    ABSENT = 2
    COMMA = 44
    LONGEST_VARIANT = 16384


cdef inline bint is_named(Span field, Span name) noexcept nogil:
    """Whether a field has this name, which is in lower case."""
    cdef uint32_t each
    if field.length != name.length:
        return False
    for each in range(name.length):
        if lower(field.at[each]) != name.at[each]:
            return False
    return True


cdef inline void put_byte(Pen* pen, uint8_t byte) noexcept nogil:
    put(pen, &byte, 1)


cdef inline void put_normalised(Pen* pen, Span value, bint after_comma) noexcept nogil:
    """Write a value without the blanks around its commas; it has none at its ends."""
    cdef uint32_t each, blanks = 0
    for each in range(value.length):
        if is_blank(value.at[each]):
            blanks += 1
            continue
        if blanks and not after_comma and value.at[each] != COMMA:
            put(pen, value.at + each - blanks, blanks)
        blanks = 0
        after_comma = value.at[each] == COMMA
        put_byte(pen, value.at[each])


cdef inline void put_choice(Pen* pen, const Head* head, Span name) noexcept nogil:
    """Write what the request says in the field `name`; lines of one field are one list."""
    cdef int each
    cdef bint found = False
    put_byte(pen, FIELD)
    for each in range(head.field_count):
        if is_named(head.fields[each].name, name):
            if found:
                put_byte(pen, COMMA)
            put_normalised(pen, head.fields[each].value, found)
            found = True
    if not found:
        put_byte(pen, ABSENT)


cdef inline bint write_variant(
    const Head* head, Span resource, Span names, uint8_t* room, Span* key
) noexcept nogil:
    """Write the key of the variant that a request chooses to `room` of LONGEST_VARIANT bytes.

    `names` have a line feed between them. False where it is too long, and Python has to choose.
    """
    cdef const uint8_t* at = names.at
    cdef const uint8_t* end = names.at + names.length
    cdef const uint8_t* stop
    cdef Span name
    cdef Pen pen
    pen.at = room
    pen.end = room + LONGEST_VARIANT
    pen.full = False
    put_span(&pen, resource)
    while at < end:
        stop = <const uint8_t*>memchr(at, 10, end - at)
        if stop == NULL:
            stop = end
        name.at = at
        name.length = <uint32_t>(stop - at)
        put_choice(&pen, head, name)
        at = stop + 1
    key.at = room
    key.length = <uint32_t>(pen.at - room)
    return not pen.full
