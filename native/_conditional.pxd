"""Preconditions (RFC 9110 §13): the twin of `core.http.conditional` for requests spelled plainly.

Where a field stands twice, holds bytes beyond ASCII, or a date in an obsolete form, the answer is
UNSURE and Python decides.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp

from native._head cimport (
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
    Head,
    has,
)
from native._text cimport Span, fixdate, is_blank, same

cdef enum Outcome:
    PROCEED
    NOT_MODIFIED
    FAILED
    UNSURE

cdef struct Validators:
    Span etag                # quotes and `W/` kept; NULL when there is none
    bint has_date
    int64_t last_modified_s

cdef enum:
    LONGEST_TAGS = 8192


cdef inline bint is_weak(Span tag) noexcept nogil:
    return tag.length >= 2 and tag.at[0] == 87 and tag.at[1] == 47


cdef inline Span opaque(Span tag) noexcept nogil:
    if is_weak(tag):
        tag.at += 2
        tag.length -= 2
    return tag


cdef inline bint is_star(Span field) noexcept nogil:
    return field.length == 1 and field.at[0] == 42


cdef inline bint is_doubtful(const Head* head, int name) noexcept nogil:
    """Whether a field is there in a way that only Python reads."""
    cdef Span field = head.known[name]
    cdef uint32_t each
    if field.at == NULL:
        return False
    if head.repeated >> name & 1 or field.length > LONGEST_TAGS:
        return True
    for each in range(field.length):
        if field.at[each] >= 128:
            return True
    return False


cdef inline bint next_tag(const uint8_t** at, const uint8_t* end, Span* tag) noexcept nogil:
    """Give the next entity tag of a list; False at its end or at the first thing that is none."""
    cdef const uint8_t* here = at[0]
    cdef const uint8_t* begin
    while True:
        while here < end and is_blank(here[0]):
            here += 1
        if here == end or here[0] != 44:
            break
        here += 1
    begin = here
    if end - here >= 2 and here[0] == 87 and here[1] == 47:
        here += 2
    if here >= end or here[0] != 34:
        return False
    here += 1
    while here < end and (here[0] == 33 or 35 <= here[0] <= 126):
        here += 1
    if here == end or here[0] != 34:
        return False
    here += 1
    tag.at = begin
    tag.length = <uint32_t>(here - begin)
    while here < end and is_blank(here[0]):
        here += 1
    if here < end:
        if here[0] != 44:
            return False
        here += 1
    at[0] = here
    return True


cdef inline bint lists_tag(Span field, Span etag, bint weakly) noexcept nogil:
    cdef const uint8_t* at = field.at
    cdef const uint8_t* end = field.at + field.length
    cdef Span tag
    if weakly:
        etag = opaque(etag)
    while next_tag(&at, end, &tag):
        if same(opaque(tag) if weakly else tag, etag):
            return True
    return False


cdef inline Outcome may_act(const Head* head, const Validators* current) noexcept nogil:
    """If-Match or, without it, If-Unmodified-Since (§13.1.1, §13.1.4)."""
    cdef Span field
    cdef int64_t limit_s = 0
    if has(head, IF_MATCH):
        field = head.known[<int>IF_MATCH]
        if is_star(field):
            return PROCEED
        if current.etag.at == NULL or is_weak(current.etag):
            return FAILED
        return PROCEED if lists_tag(field, current.etag, False) else FAILED
    if not has(head, IF_UNMODIFIED_SINCE) or not current.has_date:
        return PROCEED
    if not fixdate(head.known[<int>IF_UNMODIFIED_SINCE], &limit_s):
        return UNSURE
    return PROCEED if current.last_modified_s <= limit_s else FAILED


cdef inline Outcome evaluate(const Head* head, const Validators* current) noexcept nogil:
    """Evaluate the preconditions of a GET or HEAD in the order of §13.2.2, If-Range apart."""
    cdef Outcome outcome
    cdef Span field
    cdef int64_t since_s = 0
    cdef int each
    for each in range(<int>IF_RANGE, <int>IF_UNMODIFIED_SINCE + 1):
        if is_doubtful(head, each):
            return UNSURE
    outcome = may_act(head, current)
    if outcome != PROCEED:
        return outcome
    if has(head, IF_NONE_MATCH):
        field = head.known[<int>IF_NONE_MATCH]
        if is_star(field):
            return NOT_MODIFIED
        if current.etag.at != NULL and lists_tag(field, current.etag, True):
            return NOT_MODIFIED
        return PROCEED
    if has(head, IF_MODIFIED_SINCE) and current.has_date:
        if not fixdate(head.known[<int>IF_MODIFIED_SINCE], &since_s):
            return UNSURE
        if current.last_modified_s <= since_s:
            return NOT_MODIFIED
    return PROCEED


cdef inline Outcome range_counts(const Head* head, const Validators* current) noexcept nogil:
    """Whether If-Range lets the Range field count (§13.1.5): PROCEED, FAILED or UNSURE."""
    cdef Span field = head.known[<int>IF_RANGE]
    if head.repeated >> <int>RANGE & 1:
        return UNSURE
    if field.at == NULL:
        return PROCEED
    if is_weak(field):
        return FAILED
    if field.length and field.at[0] == 34:
        return PROCEED if current.etag.at != NULL and same(field, current.etag) else FAILED
    return UNSURE  # a date counts where the answer was made later, which is Python's to know
