# cython: boundscheck=False, wraparound=False, cdivision=True
"""HTTP as the data plane reads it, callable from Python: the code is in the .pxd files beside this.

`scan_head` has its twin in `native/reference/head.py`. What the others mean is defined in
`core/http/`: they give None where they leave the decision to it.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from native._conditional cimport (
    FAILED,
    NOT_MODIFIED,
    PROCEED,
    Outcome,
    Validators,
    evaluate,
    range_counts,
)
from native._exchange cimport exchange_release
from native._head cimport COMPLETE, INCOMPLETE, Head
from native._head cimport scan_head as scan
from native._linux cimport pthread_mutex_destroy, pthread_mutex_init
from native._range cimport SELECTED, UNSATISFIABLE, Parts, Selection, select
from native._request_body cimport decode_body as decode
from native._sha256 cimport sha256 as hash_bytes
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
from native._text cimport Pen, Span, fixdate, put_date
from native._token cimport (
    ADMITTED,
    EXPIRED,
    FORGED,
    LONGEST_KID,
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
from native._vary cimport LONGEST_VARIANT, write_variant

from native.values import RequestHead

cdef enum:
    LARGEST_INPUT = 0x7fffffff


cdef int check_size(bytes data) except -1:
    if len(data) > LARGEST_INPUT:
        raise ValueError(f"{len(data)} bytes are more than anyone sends as a head")
    return 0


cdef Span span_of(bytes data):
    cdef Span span
    span.at = NULL
    span.length = 0
    if data is not None:
        span.at = <const uint8_t*><const char*>data
        span.length = <uint32_t>len(data)
    return span


cdef bytes text_of(Span span):
    return (<const char*>span.at)[:span.length]


def scan_head(bytes data not None):
    """Read the head of the request that `data` begins with (RFC 9112 §2-6).

    Give a `RequestHead`; None when its end has not come; or the status to refuse it with.
    """
    cdef Head head
    cdef int status, each
    check_size(data)
    status = scan(&head, <const uint8_t*><const char*>data, <uint32_t>len(data))
    if status == INCOMPLETE:
        return None
    if status != COMPLETE:
        return status
    fields = tuple([
        (text_of(head.fields[each].name), text_of(head.fields[each].value))
        for each in range(head.field_count)
    ])
    return RequestHead(
        head.length, text_of(head.method), text_of(head.target), head.minor, fields,
        bool(head.keep_alive), bool(head.chunked),
        head.content_length if head.has_length else None,
    )


def plain_key(bytes target not None):
    """Give the cache key of a request target; None where its spelling is Python's to judge."""
    cdef uint8_t[LONGEST_KEY] room
    cdef Key key
    check_size(target)
    if len(target) > LONGEST_KEY or not read_key(span_of(target), room, &key):
        return None
    return text_of(key.text)


def variant_key(bytes data not None, bytes resource not None, bytes names not None):
    """Give the key of the variant of `resource` that a whole request head chooses.

    `names` are in lower case, with a line feed between them. None where the key is too long, and
    the decision left to Python. Raises `ValueError` when `data` is no head.
    """
    cdef Head head
    cdef Span key
    cdef uint8_t[LONGEST_VARIANT] room
    check_size(data)
    if scan(&head, <const uint8_t*><const char*>data, <uint32_t>len(data)) != COMPLETE:
        raise ValueError("no complete head")
    if not write_variant(&head, span_of(resource), span_of(names), room, &key):
        return None
    return text_of(key)


def select_range(bytes field not None, unsigned long long length):
    """Give the (start, stop) spans that a Range field selects of `length` bytes.

    None when the field is to be ignored, and no span at all when it cannot be satisfied.
    """
    cdef Parts parts
    cdef Selection selection
    cdef int each
    check_size(field)
    selection = select(span_of(field), length, &parts)
    if selection == UNSATISFIABLE:
        return ()
    if selection != SELECTED:
        return None
    return tuple([(parts.at[each].start, parts.at[each].stop) for each in range(parts.count)])


cdef Validators validators_of(bytes etag, last_modified_s):
    cdef Validators current
    current.etag = span_of(etag)
    current.has_date = last_modified_s is not None
    current.last_modified_s = 0 if last_modified_s is None else last_modified_s
    return current


cdef str named(Outcome outcome):
    if outcome == PROCEED:
        return "proceed"
    if outcome == NOT_MODIFIED:
        return "not modified"
    return "failed" if outcome == FAILED else None


def judge_preconditions(bytes data not None, bytes etag, last_modified_s):
    """Evaluate the preconditions of a whole request head against two validators.

    Give the outcome as `core.http.conditional` names it, and the one of If-Range; None where the
    decision is left to Python. Raises `ValueError` when `data` is no head.
    """
    cdef Head head
    cdef Validators current = validators_of(etag, last_modified_s)
    check_size(data)
    if scan(&head, <const uint8_t*><const char*>data, <uint32_t>len(data)) != COMPLETE:
        raise ValueError("no complete head")
    return named(evaluate(&head, &current)), named(range_counts(&head, &current))


def read_date(bytes text not None):
    """Give the seconds of an IMF-fixdate; None for anything else."""
    cdef int64_t seconds = 0
    check_size(text)
    return seconds if fixdate(span_of(text), &seconds) else None


def write_date(unsigned long long seconds):
    """Write seconds since the epoch as an IMF-fixdate. Raises `ValueError` after the year 9999."""
    cdef uint8_t[29] room
    cdef Pen pen
    if seconds > 253402300799:
        raise ValueError(f"{seconds} s is after the year 9999")
    pen.at = room
    pen.end = room + 29
    pen.full = False
    put_date(&pen, <int64_t>seconds)
    return (<const char*>room)[:29]


def sha256(bytes data not None):
    """Give the SHA-256 of the bytes."""
    cdef uint8_t[32] digest
    hash_bytes(<const uint8_t*><const char*>data, len(data), digest)
    return (<const char*>digest)[:32]


cdef str name_of(Admission admission):
    if admission == ADMITTED:
        return "admitted"
    if admission == FORGED:
        return "forged"
    if admission == UNKNOWN_KEY:
        return "unknown key"
    return "expired" if admission == EXPIRED else None


def judge_token(bytes path not None, bytes kid not None, bytes secret not None, double now_s):
    """Judge the token of a path that begins with `/media/~`, twice: the second time from memory.

    Give "admitted", "forged", "unknown key" or "expired", and the bytes that the token takes in the
    path; None where the decision is left to Python. Raises `ValueError` for a longer key or name
    than there may be.
    """
    cdef TokenKey key
    cdef TokenPath parts
    cdef Admission first, again
    cdef Verified* memory
    cdef Span text = span_of(path)
    check_size(path)
    if len(kid) > LONGEST_KID or len(secret) > 64 or not path.startswith(b"/media/~"):
        raise ValueError("the key is too long, or the path has no token")
    if not read_token_path(text, &parts):
        return None
    memcpy(key.kid, <const char*>kid, len(kid))
    key.kid_length = <uint32_t>len(kid)
    token_key(&key, <const uint8_t*><const char*>secret, <uint32_t>len(secret))
    memory = <Verified*>calloc(REMEMBERED, sizeof(Verified))
    if memory == NULL:
        raise MemoryError("no room to remember a token in")
    first = verify(&key, 1, memory, 7, text, &parts, now_s)
    again = verify(&key, 1, memory, 7, text, &parts, now_s)
    free(memory)
    if first != again:
        raise AssertionError("what is remembered of a token is not what was found")
    return name_of(first), parts.token_length


def decode_body(bytes data not None, length):
    """Read the body of a request that `data` begins with, as its twin in `native.reference` does.

    With a length it has that many bytes, with None it comes in chunked coding. Give the body as far
    as it has come, how many bytes it takes so far, and True where it is whole, False where it goes
    on, None where it is broken, and then 0 bytes.
    """
    cdef Connection c
    cdef Worker* w
    cdef uint32_t used
    check_size(data)
    memset(&c, 0, sizeof(c))
    c.body_left = 0 if length is None else length
    c.body_state = CHUNK_SIZE if length is None else BY_LENGTH if length else NO_BODY
    w = <Worker*>calloc(1, sizeof(Worker))
    c.exchange = <Exchange*>calloc(1, sizeof(Exchange))
    if w == NULL or c.exchange == NULL:
        free(w)
        free(c.exchange)
        raise MemoryError("no room to read a body in")
    pthread_mutex_init(&w.lock, NULL)
    c.state = CROSSED
    c.exchange.refs = 1
    c.exchange.worker = w
    used = decode(&c, <const uint8_t*><const char*>data, <uint32_t>len(data))
    try:
        body = bytes_of(c.exchange.body)
    finally:
        exchange_release(c.exchange)
        pthread_mutex_destroy(&w.lock)
        free(w)
    if c.body_state == BROKEN_BODY:
        return body, 0, None
    return body, used, c.body_state == NO_BODY


cdef bytes bytes_of(Out* out):
    cdef list pieces = []
    while out != NULL:
        pieces.append((<const char*>out.at)[:out.length])
        out = out.next
    return b"".join(pieces)
