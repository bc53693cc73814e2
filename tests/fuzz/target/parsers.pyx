# cython: boundscheck=False, wraparound=False, cdivision=True
"""The parsers of the data plane as a target for libFuzzer: see tools/gate/fuzz.py.

`SLUICE_FUZZ_PARSER` names the one that gets the input. What the inputs look like is said in
tests/fixtures/parsers.py, which puts the same inputs before the Python twins. Here it is checked
what needs no twin: spans stay within the input, a prefix is judged as the whole is, pieces come to
what the whole comes to. Nothing of Python is used, so the module is never initialised.
"""

from libc.stdint cimport UINT32_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport abort, calloc, free, getenv, malloc
from libc.string cimport memchr, memcmp, memcpy, memset, strcmp

from native._conditional cimport Validators, evaluate, range_counts
from native._exchange cimport exchange_release
from native._head cimport COMPLETE, INCOMPLETE, KNOWN_FIELDS, LONGEST_HEAD, Head, scan_head
from native._linux cimport pthread_mutex_destroy, pthread_mutex_init
from native._range cimport MOST_RANGES, SELECTED, Parts, Selection, select
from native._request_body cimport decode_body
from native._state cimport (
    BROKEN_BODY,
    BY_LENGTH,
    CHUNK_SIZE,
    CROSSED,
    NO_BODY,
    Connection,
    Exchange,
    Out,
    Worker,
)
from native._target cimport LONGEST_KEY, Key, read_key
from native._text cimport Pen, Span, fixdate, is_digit, put_date, same
from native._token cimport (
    FORGED,
    LONGEST_PREFIX,
    REMEMBERED,
    UNKNOWN_KEY,
    Admission,
    TokenKey,
    TokenPath,
    Verified,
    read_token_path,
    token_key,
    verify,
)

cdef enum:
    LAST_SECOND = 253402300799     # of the year 9999
    SAMPLED_BYTES = 600            # every prefix up to here is tried, beyond it some


cdef void demand(bint holds) noexcept nogil:
    """Stop with the stack in the report."""
    if not holds:
        abort()


cdef Span next_line(Span* rest) noexcept nogil:
    """Take what stands before the first line feed; without one, everything."""
    cdef Span line = rest[0]
    cdef const uint8_t* feed = NULL
    if rest.length:
        feed = <const uint8_t*>memchr(rest.at, 10, rest.length)
    if feed == NULL:
        rest.at += rest.length
        rest.length = 0
        return line
    line.length = <uint32_t>(feed - line.at)
    rest.at += line.length + 1
    rest.length -= line.length + 1
    return line


cdef uint64_t number_of(Span line) noexcept nogil:
    """Read at most 18 digits; what else stands there counts as nothing."""
    cdef uint64_t value = 0
    cdef uint32_t each
    for each in range(min(line.length, <uint32_t>18)):
        if not is_digit(line.at[each]):
            break
        value = value * 10 + line.at[each] - 48
    return value


cdef bint lies_within(Span part, Span whole) noexcept nogil:
    return part.at >= whole.at and part.at + part.length <= whole.at + whole.length


cdef uint32_t next_length(uint32_t length) noexcept nogil:
    return length + 1 if length < SAMPLED_BYTES else length + length // 16


# ---- heads

cdef void check_head(const Head* head, Span data) noexcept nogil:
    cdef int each
    demand(head.length <= data.length and head.length <= LONGEST_HEAD)
    demand(lies_within(head.method, data) and lies_within(head.target, data))
    for each in range(head.field_count):
        demand(lies_within(head.fields[each].name, data))
        demand(lies_within(head.fields[each].value, data))
    for each in range(<int>KNOWN_FIELDS):
        if head.known[each].at != NULL:
            demand(lies_within(head.known[each], data))
    demand(not (head.chunked and head.has_length))


cdef int fuzz_head(Span data) noexcept nogil:
    cdef Head head, again
    cdef uint32_t length = 0
    cdef int status = scan_head(&head, data.at, data.length), earlier
    if status == COMPLETE:
        check_head(&head, data)
    while length < data.length:
        earlier = scan_head(&again, data.at, length)
        if status == COMPLETE and length < head.length:
            demand(earlier == INCOMPLETE)
        elif status == INCOMPLETE:
            demand(earlier == INCOMPLETE)
        elif status == COMPLETE:
            demand(earlier == COMPLETE and again.length == head.length)
        else:
            demand(earlier != COMPLETE)
        length = next_length(length)
    return 0


# ---- conditions: a tag, a date in seconds, a head

cdef int fuzz_conditional(Span data) noexcept nogil:
    cdef Head head
    cdef Validators current
    cdef Span changed
    current.etag = next_line(&data)
    if current.etag.length == 0:
        current.etag.at = NULL
    changed = next_line(&data)
    current.has_date = changed.length > 0
    current.last_modified_s = <int64_t>number_of(changed)
    if scan_head(&head, data.at, data.length) == COMPLETE:
        evaluate(&head, &current)
        range_counts(&head, &current)
    return 0


# ---- ranges: a length, a field

cdef int fuzz_range(Span data) noexcept nogil:
    cdef Parts parts
    cdef Span first = next_line(&data)
    cdef uint64_t length = number_of(first), total = 0
    cdef Selection selection = select(data, length, &parts)
    cdef int each, other
    if selection != SELECTED:
        return 0
    demand(0 < parts.count <= MOST_RANGES)
    for each in range(parts.count):
        demand(parts.at[each].start < parts.at[each].stop <= length)
        total += parts.at[each].stop - parts.at[each].start
        for other in range(each):  # what would be sent twice has been joined
            demand(parts.at[each].stop < parts.at[other].start
                   or parts.at[other].stop < parts.at[each].start)
    demand(total <= length)
    return 0


# ---- tokens: the time, a path behind `/media/~`

cdef int fuzz_token(Span data) noexcept nogil:
    cdef TokenKey key
    cdef TokenPath path
    cdef Admission found, again
    cdef uint8_t[64] secret
    cdef Span first = next_line(&data)
    cdef double now_s = <double>number_of(first)
    cdef Verified* memory
    cdef Span text
    cdef uint8_t* room = <uint8_t*>malloc(data.length + 8)
    memcpy(room, b"/media/~", 8)
    memcpy(room + 8, data.at, data.length)
    text.at = room
    text.length = data.length + 8
    if read_token_path(text, &path):
        demand(path.prefix_length <= text.length and path.prefix_length <= LONGEST_PREFIX)
        demand(path.token_length < path.prefix_length and room[path.prefix_length - 1] == 47)
        memset(secret, 0, 64)
        memset(&key, 0, sizeof(key))
        key.kid[0] = 97
        key.kid_length = 1
        token_key(&key, secret, 32)
        memory = <Verified*>calloc(REMEMBERED, sizeof(Verified))
        found = verify(&key, 1, memory, 7, text, &path, now_s)
        again = verify(&key, 1, memory, 7, text, &path, now_s)
        demand(found == again)
        if found == FORGED or found == UNKNOWN_KEY:
            demand(memory[7].length == 0)
        free(memory)
    free(room)
    return 0


# ---- targets

cdef int fuzz_target(Span data) noexcept nogil:
    cdef Key key, again
    cdef uint8_t* room
    cdef uint8_t* more
    cdef uint32_t each
    if data.length > LONGEST_KEY:
        return 0
    for each in range(data.length):
        if not 33 <= data.at[each] <= 126:
            return 0  # a head with such a target is refused
    room = <uint8_t*>malloc(LONGEST_KEY)
    more = <uint8_t*>malloc(LONGEST_KEY)
    if read_key(data, room, &key):
        demand(key.text.length <= LONGEST_KEY and key.path_length <= key.text.length)
        demand(read_key(key.text, more, &again))
        demand(same(key.text, again.text) and key.path_length == again.path_length)
    free(room)
    free(more)
    return 0


# ---- dates

cdef int fuzz_date(Span data) noexcept nogil:
    cdef int64_t seconds, again
    cdef uint8_t[29] room
    cdef Pen pen
    cdef Span written
    if not fixdate(data, &seconds) or not 0 <= seconds <= LAST_SECOND:
        return 0
    pen.at = room
    pen.end = room + 29
    pen.full = False
    put_date(&pen, seconds)
    written.at = room
    written.length = 29
    demand(not pen.full and fixdate(written, &again) and again == seconds)
    return 0


# ---- bodies of requests: a length or none, the bytes

cdef struct Decoded:
    uint8_t* body
    uint32_t length
    uint32_t used
    uint8_t state


cdef Decoded decode(
    Worker* w, Span data, bint chunked, uint64_t length, uint32_t step
) noexcept nogil:
    """Decode a body that arrives in pieces of `step` bytes."""
    cdef Connection c
    cdef Exchange* exchange = <Exchange*>calloc(1, sizeof(Exchange))
    cdef Decoded found
    cdef uint32_t piece
    cdef Out* out
    memset(&c, 0, sizeof(c))
    memset(&found, 0, sizeof(found))
    exchange.refs = 1
    exchange.worker = w
    c.state = CROSSED
    c.exchange = exchange
    c.body_left = 0 if chunked else length
    c.body_state = CHUNK_SIZE if chunked else BY_LENGTH if length else NO_BODY
    while found.used < data.length and c.body_state != NO_BODY and c.body_state != BROKEN_BODY:
        piece = min(step, data.length - found.used)
        found.used += decode_body(&c, data.at + found.used, piece)
    found.state = c.body_state
    found.body = <uint8_t*>malloc(data.length + 1)
    out = exchange.body
    while out != NULL:
        demand(found.length + out.length <= data.length)
        memcpy(found.body + found.length, out.at, out.length)
        found.length += <uint32_t>out.length
        out = out.next
    exchange_release(exchange)
    return found


cdef int fuzz_body(Span data) noexcept nogil:
    cdef Span first = next_line(&data)
    cdef uint64_t length = number_of(first)
    cdef bint chunked = first.length == 0
    cdef Worker* w = <Worker*>calloc(1, sizeof(Worker))
    cdef Decoded whole, pieces
    cdef uint32_t step
    pthread_mutex_init(&w.lock, NULL)
    whole = decode(w, data, chunked, length, UINT32_MAX)
    for step in range(1, 4):
        pieces = decode(w, data, chunked, length, step * step)
        demand(pieces.state == whole.state and pieces.used == whole.used)
        demand(pieces.length == whole.length)
        demand(memcmp(pieces.body, whole.body, whole.length) == 0)
        free(pieces.body)
    free(whole.body)
    pthread_mutex_destroy(&w.lock)
    free(w)
    return 0


cdef public int LLVMFuzzerTestOneInput(const uint8_t* at, size_t length) noexcept nogil:
    cdef Span data
    cdef const char* parser = getenv(b"SLUICE_FUZZ_PARSER")
    data.at = at
    data.length = <uint32_t>length
    if parser == NULL:
        abort()
    if strcmp(parser, b"head") == 0:
        return fuzz_head(data)
    if strcmp(parser, b"conditional") == 0:
        return fuzz_conditional(data)
    if strcmp(parser, b"range") == 0:
        return fuzz_range(data)
    if strcmp(parser, b"token") == 0:
        return fuzz_token(data)
    if strcmp(parser, b"target") == 0:
        return fuzz_target(data)
    if strcmp(parser, b"date") == 0:
        return fuzz_date(data)
    if strcmp(parser, b"body") == 0:
        return fuzz_body(data)
    abort()
