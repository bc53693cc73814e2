"""Answers made without Python: what is stored, refusals, preflights.

Everything but the numbers was written by Python when the entry was stored, with the code that the
reference edge answers with, so there is one place that decides which fields an answer has.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr

from native._conditional cimport (
    FAILED,
    NOT_MODIFIED,
    PROCEED,
    UNSURE,
    Outcome,
    evaluate,
    range_counts,
)
from native._body cimport Body
from native._connection cimport out_append, out_point, pooled_out
from native._head cimport IF_MATCH, IF_RANGE, RANGE, REQUEST_ID, Head, has
from native._linux cimport sluice_peek, tally
from native._range cimport SELECTED, UNSATISFIABLE, WHOLE, Parts, Selection, select
from native._sha256 cimport sha256
from native._state cimport (
    POOLED,
    SCRATCH_BYTES,
    Connection,
    Out,
    Worker,
)
from native._table cimport SLICE_BYTES, Entry, entry_release, table_find_slice, table_used
from native._target cimport Key
from native._text cimport (
    HEX,
    Pen,
    Span,
    is_digit,
    put,
    put_date,
    put_hex,
    put_number,
    put_signed,
    put_span,
    put_text,
)
from native._token cimport (
    EXPIRED,
    FORGED,
    MISSING,
    UNJUDGED,
    UNKNOWN_KEY,
    Admission,
    TokenPath,
    is_word,
)

cdef enum:
    REQUEST_ID_LEAST = 8
    REQUEST_ID_MOST = 64
    BOUNDARY = 32
    COPIED_BYTES = 4096
    NAMED_CHARACTERS = 80        # of a name in a message; longer ones are cut
    MOST_PIECES = 16             # of slices in one answer; what needs more is Python's


cdef inline Pen scratch_pen(Worker* w) noexcept nogil:
    cdef Pen pen
    pen.at = w.scratch + w.scratch_used
    pen.end = w.scratch + SCRATCH_BYTES
    pen.full = False
    return pen


cdef inline void queue_scratch(Worker* w, Connection* c, Pen* pen) noexcept nogil:
    """Queue what was written since the last call; there is a pooled Out, as the caller saw to."""
    cdef Out* out
    cdef uint8_t* begin = w.scratch + w.scratch_used
    if pen.at == begin:
        return
    out = c.out_last
    if out != NULL and out.pooled and out.body == NULL and out.at + out.length == begin:
        out.length += pen.at - begin
        w.scratch_used = <uint32_t>(pen.at - w.scratch)
        return
    out = pooled_out(w)
    out.body = NULL
    out.at = begin
    out.offset = 0
    out.length = pen.at - begin
    out.pooled = True
    out.counted = out.sent_by_file = False
    out.warm = 0
    out.mark.hidden = 0
    out_append(c, out)
    w.scratch_used = <uint32_t>(pen.at - w.scratch)


cdef inline void queue_body(
    Worker* w, Connection* c, Entry* entry, uint64_t start, uint64_t length
) noexcept nogil:
    """Queue bytes of what an entry has; of a segment that was made, header and samples."""
    cdef uint64_t ahead
    if length == 0 or entry.body == NULL:
        return
    if entry.lead != NULL:
        ahead = min(length, entry.lead.length - min(start, entry.lead.length))
        queue_bytes(w, c, entry.lead, start, ahead)
        length -= ahead
        start = start + ahead - entry.lead.length + entry.skip
    queue_bytes(w, c, entry.body, start, length)


cdef inline void queue_bytes(
    Worker* w, Connection* c, Body* body, uint64_t start, uint64_t length
) noexcept nogil:
    cdef Out* out
    if length == 0:
        return
    out = pooled_out(w)
    out_point(out, body, start, length)
    out.pooled = True
    out_append(c, out)


cdef struct Pieces:
    # The bytes of an answer where they lie in several slices; each slice is held.
    int count
    Entry* slices[16]            # MOST_PIECES
    uint64_t[16] starts          # within the slice
    uint64_t[16] lengths


cdef inline void let_go(Pieces* pieces) noexcept nogil:
    cdef int each
    for each in range(pieces.count):
        entry_release(pieces.slices[each])


cdef inline bint is_broken(const Entry* entry) noexcept nogil:
    """Whether the file behind it failed, so that Python has to find the bytes elsewhere."""
    return entry.body != NULL and sluice_peek(&entry.body.broken)


cdef inline bint gather(
    Worker* w, Entry* entry, uint64_t start, uint64_t length, Pieces* pieces
) noexcept nogil:
    """Add the slices that hold these bytes; False where one is not there, or they are too many."""
    cdef Entry* found
    cdef uint64_t offset, count
    while length:
        if pieces.count == MOST_PIECES:
            return False
        found = table_find_slice(&w.hub.table, entry.version, start // SLICE_BYTES)
        if found == NULL:
            return False
        if is_broken(found):
            entry_release(found)
            return False
        offset = start % SLICE_BYTES
        count = min(length, SLICE_BYTES - offset)
        pieces.slices[pieces.count] = found
        pieces.starts[pieces.count] = offset
        pieces.lengths[pieces.count] = count
        pieces.count += 1
        if offset + count > found.length:
            return False
        start += count
        length -= count
    return True


cdef inline int queue_pieces(
    Worker* w, Connection* c, Pieces* pieces, int each, uint64_t length
) noexcept nogil:
    """Queue pieces of that length in all from number `each` on; give the number that is next."""
    while length:
        queue_body(w, c, pieces.slices[each], pieces.starts[each], pieces.lengths[each])
        table_used(&w.hub.table, pieces.slices[each])
        length -= pieces.lengths[each]
        each += 1
    return each


cdef inline bint finish_sliced(
    Worker* w, Connection* c, Pen* pen, Entry* entry, uint64_t start, uint64_t length, Span status
) noexcept nogil:
    """Queue a head and a body that lies in slices."""
    cdef Pieces pieces
    pieces.count = 0
    if pen.full or not gather(w, entry, start, length, &pieces):
        let_go(&pieces)
        return False
    queue_scratch(w, c, pen)
    queue_pieces(w, c, &pieces, 0, length)
    let_go(&pieces)
    tally(&w.counters.body_bytes, length)
    count_status(w, status)
    return True


cdef inline bint finish(
    Worker* w, Connection* c, Pen* pen, Entry* entry, uint64_t start, uint64_t length, Span status
) noexcept nogil:
    """Queue a head and the body behind it; a short one is copied, which costs less than a piece."""
    cdef bint copied
    if length and entry.sliced:
        return finish_sliced(w, c, pen, entry, start, length, status)
    copied = length <= COPIED_BYTES and (length == 0 or entry.body.file < 0)
    if length and copied:
        put(pen, entry.body.at + start, length)
    if pen.full:
        return False
    queue_scratch(w, c, pen)
    if not copied:
        queue_body(w, c, entry, start, length)
    tally(&w.counters.body_bytes, length)
    count_status(w, status)
    return True


cdef inline void put_status(Pen* pen, int minor, Span block) noexcept nogil:
    """Begin an answer with a block that begins with the status."""
    put(pen, b"HTTP/1.1" if minor else b"HTTP/1.0", 8)
    put_span(pen, block)


cdef inline void count_status(Worker* w, Span block) noexcept nogil:
    w.status = block.at
    if block.length > 1 and 49 <= block.at[1] <= 53:
        tally(&w.counters.statuses[block.at[1] - 48], 1)


cdef inline uint64_t next_random(Worker* w) noexcept nogil:
    w.random += <uint64_t>0x9e3779b97f4a7c15
    return random_of(w.random)


cdef inline uint64_t random_of(uint64_t value) noexcept nogil:
    value = (value ^ value >> 30) * <uint64_t>0xbf58476d1ce4e5b9
    value = (value ^ value >> 27) * <uint64_t>0x94d049bb133111eb
    return value ^ value >> 31


cdef inline bint is_request_id(Span given) noexcept nogil:
    cdef uint32_t each
    cdef uint8_t byte
    if not REQUEST_ID_LEAST <= given.length <= REQUEST_ID_MOST:
        return False
    for each in range(given.length):
        byte = given.at[each]
        if not (is_digit(byte) or 65 <= byte <= 90 or 97 <= byte <= 122
                or byte == 45 or byte == 46 or byte == 95):
            return False
    return True


cdef inline Span request_id(
    Worker* w, Connection* c, const Head* head, uint8_t* room
) noexcept nogil:
    """Give the id that a trusted proxy gave the request, else a fresh one written to `room`."""
    cdef Pen pen
    cdef Span given = head.known[<int>REQUEST_ID]
    if given.at != NULL and c.peer.trusted and is_request_id(given):
        return given
    pen.at = room
    pen.end = room + 16
    pen.full = False
    put_hex(&pen, next_random(w))
    given.at = room
    given.length = 16
    return given


cdef inline void fresh_id(const Worker* w, uint8_t* room) noexcept nogil:
    """Write the sixteen bytes of the fresh id that was given out last."""
    cdef Pen pen
    pen.at = room
    pen.end = room + 16
    pen.full = False
    put_hex(&pen, random_of(w.random))


cdef inline void put_date_field(Worker* w, Pen* pen) noexcept nogil:
    cdef int64_t now_s = <int64_t>w.wall_s
    cdef Pen date
    if now_s != w.date_s:
        date.at = w.date
        date.end = w.date + 29
        date.full = False
        put_date(&date, now_s)
        w.date_s = now_s
    put_text(pen, b"Date: ")
    put(pen, w.date, 29)
    put(pen, b"\r\n", 2)


cdef inline void put_end(Connection* c, Pen* pen, int minor) noexcept nogil:
    """Say what becomes of the connection, and end the head."""
    if c.keep_alive:
        if minor == 0:
            put_text(pen, b"Connection: keep-alive\r\n")
    elif minor == 1:
        put_text(pen, b"Connection: close\r\n")
    put(pen, b"\r\n", 2)


cdef struct Moment:
    # An entry as it is now.
    double age_s
    int64_t ttl_s


cdef inline void put_own(Pen* pen, Entry* entry, Moment now, Span identity) noexcept nogil:
    """Write the edge's own fields."""
    put_text(pen, b"X-Request-Id: ")
    put_span(pen, identity)
    put_text(pen, b"\r\nAge: ")
    put_number(pen, <uint64_t>now.age_s)
    put(pen, b"\r\n", 2)
    put_span(pen, entry.caption)
    put_signed(pen, now.ttl_s)
    put(pen, b"\r\n", 2)


cdef inline void put_length(Pen* pen, uint64_t length) noexcept nogil:
    put_text(pen, b"Content-Length: ")
    put_number(pen, length)
    put(pen, b"\r\n", 2)


cdef inline void put_content_range(
    Pen* pen, uint64_t start, uint64_t stop, uint64_t length
) noexcept nogil:
    put_text(pen, b"Content-Range: bytes ")
    put_number(pen, start)
    put(pen, b"-", 1)
    put_number(pen, stop - 1)
    put(pen, b"/", 1)
    put_number(pen, length)
    put(pen, b"\r\n", 2)


# ---- problems: see core/http/problem.py

cdef inline void put_path(Pen* pen, Span path) noexcept nogil:
    """Write a plain path into a JSON string; only quotes need an escape in it."""
    cdef uint32_t each
    for each in range(path.length):
        if path.at[each] == 34:
            put(pen, b"\\", 1)
        put(pen, path.at + each, 1)


cdef inline void put_problem(
    Pen* pen, const Span* texts, uint64_t length, Span path, Span identity
) noexcept nogil:
    """Write a problem document from its four texts and what stands between them."""
    put_span(pen, texts[0])
    if texts[1].at != NULL:
        put_number(pen, length)
        put_span(pen, texts[1])
    put_ids(pen, texts + 2, path, identity)


cdef inline void put_ids(Pen* pen, const Span* texts, Span path, Span identity) noexcept nogil:
    put_path(pen, path)
    put_span(pen, texts[0])
    put_span(pen, identity)
    put_span(pen, texts[1])


cdef inline bint answer_problem(
    Worker* w, Connection* c, const Head* head, const Key* key, Entry* entry, Moment now, bint range
) noexcept nogil:
    """Refuse with 416, or with 412."""
    cdef uint8_t[16] room
    cdef uint8_t[20480] document
    cdef Span identity = request_id(w, c, head, room)
    cdef Span path = key.text
    cdef const Span* texts = &w.hub.texts.problem_416[0]
    cdef Pen pen = scratch_pen(w)
    cdef Pen text
    text.at = document
    text.end = document + sizeof(document)
    text.full = False
    if not range:
        texts = &w.hub.texts.problem_412[0]
    path.length = key.path_length
    put_problem(&text, texts + 1, entry.length, path, identity)
    put_status(&pen, head.minor, texts[0])
    put_span(&pen, entry.error)
    if range:
        put_text(&pen, b"Content-Range: bytes */")
        put_number(&pen, entry.length)
        put_text(&pen, b"\r\nAccept-Ranges: bytes\r\n")
    put_own(&pen, entry, now, identity)
    put_length(&pen, text.at - document)
    put_end(c, &pen, head.minor)
    if head.method.length == 3:
        put(&pen, document, text.at - document)
    if pen.full or text.full:
        return False
    count_status(w, texts[0])
    queue_scratch(w, c, &pen)
    return True


cdef inline bint is_repr(Span name) noexcept nogil:
    """Whether Python would write a name between quotes as it is."""
    cdef uint32_t each
    for each in range(name.length):
        if not is_word(name.at[each]):
            return False
    return name.length <= NAMED_CHARACTERS


cdef inline Span refused_name(const Key* key, const TokenPath* path, Admission why) noexcept nogil:
    """Give what the message of a refusal names."""
    cdef Span name
    cdef const uint8_t* slash
    if why == FORGED:
        return path.id
    if why == UNKNOWN_KEY:
        return path.kid
    if why == EXPIRED:
        return path.expiry
    name.at = key.text.at + 7
    name.length = key.path_length - 7
    slash = <const uint8_t*>memchr(name.at, 47, name.length)
    if slash != NULL:
        name.length = <uint32_t>(slash - name.at)
    return name


cdef inline bint refuse_token(
    Worker* w, Connection* c, const Head* head, const Key* key, const TokenPath* path,
    Admission why
) noexcept nogil:
    """Answer 403 to who has no token or a wrong one; False where Python has to."""
    cdef uint8_t[16] room
    cdef uint8_t[20480] document
    cdef Span identity = request_id(w, c, head, room)
    cdef Span whole = key.text
    cdef Span name
    cdef const Span* texts
    cdef Pen pen = scratch_pen(w)
    cdef Pen text
    if why == UNJUDGED:
        return False
    name = refused_name(key, path, why)
    if not is_repr(name):
        return False
    texts = &w.hub.texts.token_refused[<int>why - <int>MISSING][0]
    text.at = document
    text.end = document + sizeof(document)
    text.full = False
    whole.length = key.path_length
    put_span(&text, texts[1])
    put_span(&text, name)
    put_span(&text, texts[2])
    put_ids(&text, texts + 3, whole, identity)
    put_status(&pen, head.minor, texts[0])
    put_date_field(w, &pen)
    put_text(&pen, b"X-Request-Id: ")
    put_span(&pen, identity)
    put(&pen, b"\r\n", 2)
    put_length(&pen, text.at - document)
    put_end(c, &pen, head.minor)
    if head.method.length == 3:
        put(&pen, document, text.at - document)
    if pen.full or text.full:
        return False
    count_status(w, texts[0])
    queue_scratch(w, c, &pen)
    return True


# ---- several ranges

cdef inline void write_boundary(Entry* entry, const Parts* parts, uint8_t* boundary) noexcept nogil:
    """Derive the boundary from the request and the representation, as core/http does."""
    cdef uint8_t[9216] seed
    cdef uint8_t[32] digest
    cdef int each
    cdef Pen pen
    pen.at = seed
    pen.end = seed + sizeof(seed)
    pen.full = False
    if entry.current.etag.at == NULL:
        put_text(&pen, b"None")
    else:
        put_span(&pen, entry.current.etag)
    put(&pen, b" ", 1)
    put_number(&pen, entry.length)
    put(&pen, b" ", 1)
    for each in range(parts.count):
        put_text(&pen, b", ByteSpan(start=" if each else b"(ByteSpan(start=")
        put_number(&pen, parts.at[each].start)
        put_text(&pen, b", stop=")
        put_number(&pen, parts.at[each].stop)
        put(&pen, b")", 1)
    put(&pen, b")", 1)
    sha256(seed, pen.at - seed, digest)
    for each in range(BOUNDARY // 2):
        boundary[2 * each] = <uint8_t>HEX[digest[each] >> 4]
        boundary[2 * each + 1] = <uint8_t>HEX[digest[each] & 15]


cdef inline void put_part_head(
    Pen* pen, Entry* entry, const uint8_t* boundary, Parts* parts, int each
) noexcept nogil:
    put_text(pen, b"\r\n--" if each else b"--")
    put(pen, boundary, BOUNDARY)
    put(pen, b"\r\n", 2)
    if entry.content_type.at != NULL:
        put_text(pen, b"Content-Type: ")
        put_span(pen, entry.content_type)
        put(pen, b"\r\n", 2)
    put_content_range(pen, parts.at[each].start, parts.at[each].stop, entry.length)
    put(pen, b"\r\n", 2)


cdef inline bint answer_parts(
    Worker* w, Connection* c, const Head* head, Entry* entry, Moment now, Parts* parts
) noexcept nogil:
    """Answer with multipart/byteranges (RFC 9110 §14.6)."""
    cdef uint8_t[32] boundary
    cdef uint8_t[16] room
    cdef uint8_t[16384] framing      # written twice: once to know how long it is
    cdef uint64_t length = 0
    cdef int each, piece = 0
    cdef Pieces pieces
    cdef Pen pen = scratch_pen(w)
    cdef Pen measure
    pieces.count = 0
    write_boundary(entry, parts, boundary)
    measure.at = framing
    measure.end = framing + sizeof(framing)
    measure.full = False
    for each in range(parts.count):
        put_part_head(&measure, entry, boundary, parts, each)
        length += parts.at[each].stop - parts.at[each].start
    length += (measure.at - framing) + BOUNDARY + 8
    put_status(&pen, head.minor, entry.parts)
    put_text(&pen, b"Content-Type: multipart/byteranges; boundary=")
    put(&pen, boundary, BOUNDARY)
    put(&pen, b"\r\n", 2)
    put_own(&pen, entry, now, request_id(w, c, head, room))
    put_length(&pen, length)
    put_end(c, &pen, head.minor)
    if pen.full or measure.full or pen.end - pen.at < (measure.at - framing) + BOUNDARY + 8:
        return False
    for each in range(parts.count):
        length = parts.at[each].stop - parts.at[each].start
        if entry.sliced and not gather(w, entry, parts.at[each].start, length, &pieces):
            let_go(&pieces)
            return False
    count_status(w, entry.parts)
    for each in range(parts.count):
        length = parts.at[each].stop - parts.at[each].start
        put_part_head(&pen, entry, boundary, parts, each)
        queue_scratch(w, c, &pen)
        if entry.sliced:
            piece = queue_pieces(w, c, &pieces, piece, length)
        else:
            queue_body(w, c, entry, parts.at[each].start, length)
        tally(&w.counters.body_bytes, length)
    let_go(&pieces)
    put_text(&pen, b"\r\n--")
    put(&pen, boundary, BOUNDARY)
    put_text(&pen, b"--\r\n")
    queue_scratch(w, c, &pen)
    return True


# ---- one entry

cdef inline bint answer_whole(
    Worker* w, Connection* c, const Head* head, Entry* entry, Moment now
) noexcept nogil:
    cdef uint8_t[16] room
    cdef Pen pen = scratch_pen(w)
    put_status(&pen, head.minor, entry.whole)
    put_own(&pen, entry, now, request_id(w, c, head, room))
    put_end(c, &pen, head.minor)
    return finish(
        w, c, &pen, entry, 0, entry.length if head.method.length == 3 else 0, entry.whole
    )


cdef inline bint answer_part(
    Worker* w, Connection* c, const Head* head, Entry* entry, Moment now, uint64_t start,
    uint64_t stop
) noexcept nogil:
    cdef uint8_t[16] room
    cdef Pen pen = scratch_pen(w)
    put_status(&pen, head.minor, entry.part)
    put_content_range(&pen, start, stop, entry.length)
    put_own(&pen, entry, now, request_id(w, c, head, room))
    put_length(&pen, stop - start)
    put_end(c, &pen, head.minor)
    return finish(w, c, &pen, entry, start, stop - start, entry.part)


cdef inline bint answer_unchanged(
    Worker* w, Connection* c, const Head* head, Entry* entry, Moment now
) noexcept nogil:
    cdef uint8_t[16] room
    cdef Pen pen = scratch_pen(w)
    put_status(&pen, head.minor, entry.unchanged)
    put_own(&pen, entry, now, request_id(w, c, head, room))
    put_end(c, &pen, head.minor)
    if pen.full:
        return False
    count_status(w, entry.unchanged)
    queue_scratch(w, c, &pen)
    return True


cdef inline bint answer_entry(
    Worker* w, Connection* c, const Head* head, const Key* key, Entry* entry
) noexcept nogil:
    """Answer a GET or HEAD from a fresh entry; False, and nothing queued, where Python has to.

    The caller has seen that the scratch and the pool have room for one answer.
    """
    cdef Moment now
    cdef Parts parts
    cdef Outcome outcome
    cdef Selection selection
    now.age_s = entry.initial_age_s + max(0.0, w.wall_s - entry.received_s)
    now.ttl_s = entry.fresh_s - <int64_t>now.age_s
    if not now.age_s < entry.fresh_s:
        return False
    if entry.status != 200:
        return answer_whole(w, c, head, entry, now)
    outcome = evaluate(head, &entry.current)
    if outcome == UNSURE:
        return False
    if outcome == FAILED:
        return answer_problem(w, c, head, key, entry, now, False)
    if outcome == NOT_MODIFIED:
        return answer_unchanged(w, c, head, entry, now)
    if head.method.length != 3 or not has(head, RANGE):
        return answer_whole(w, c, head, entry, now)
    outcome = range_counts(head, &entry.current)
    if outcome == UNSURE:
        return False
    if outcome == FAILED:
        return answer_whole(w, c, head, entry, now)
    selection = select(head.known[<int>RANGE], entry.length, &parts)
    if selection == WHOLE:
        return answer_whole(w, c, head, entry, now)
    if selection == UNSATISFIABLE:
        return answer_problem(w, c, head, key, entry, now, True)
    if parts.count == 1:
        return answer_part(w, c, head, entry, now, parts.at[0].start, parts.at[0].stop)
    # A segment that was made has no block for several: sixteen of one with a header of its own
    # could need more pieces than there are.
    if entry.parts.length == 0 or not entry.plain_tag:
        return False
    return answer_parts(w, c, head, entry, now, &parts)


cdef inline bint answer_preflight(Worker* w, Connection* c, const Head* head) noexcept nogil:
    """Answer an OPTIONS under `/media/` (Fetch standard, CORS preflight)."""
    cdef uint8_t[16] room
    cdef Pen pen = scratch_pen(w)
    put_status(&pen, head.minor, w.hub.texts.preflight)
    put_date_field(w, &pen)
    put_text(&pen, b"X-Request-Id: ")
    put_span(&pen, request_id(w, c, head, room))
    put(&pen, b"\r\n", 2)
    put_end(c, &pen, head.minor)
    if pen.full:
        return False
    count_status(w, w.hub.texts.preflight)
    queue_scratch(w, c, &pen)
    return True


cdef inline void answer_refusal(Worker* w, Connection* c, Span text) noexcept nogil:
    """Refuse what is no request; `text` is the answer but for its Date and its end of the head.

    It is the status and the fields, then an empty line, then the document.
    """
    cdef Pen pen = scratch_pen(w)
    cdef uint32_t status = 0
    while status < text.length and text.at[status] != 10:
        status += 1
    put(&pen, b"HTTP/1.1", 8)
    put(&pen, text.at, status + 1)
    put_date_field(w, &pen)
    put(&pen, text.at + status + 1, text.length - status - 1)
    count_status(w, text)
    if not pen.full:
        queue_scratch(w, c, &pen)
