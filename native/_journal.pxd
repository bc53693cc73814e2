"""What a thread writes down for the access log: a record for each answer of a connection.

An answer is known by where it lies in the bytes of its connection, so its record is done with when
that many bytes were handed to the kernel, or when the connection ends before.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from native._answer cimport fresh_id, is_request_id
from native._head cimport RANGE, REQUEST_ID, Head
from native._linux cimport now_us, pthread_mutex_lock, pthread_mutex_unlock
from native._record cimport (
    AGENT_ROOM,
    FORWARDED_ROOM,
    IDENTITY_ROOM,
    METHOD_ROOM,
    PATH_ROOM,
    RANGE_ROOM,
    REFERER_ROOM,
    Record,
    record_take,
    record_write,
    shortened,
)
from native._state cimport ENDED, Connection, Exchange, Out, Worker
from native._text cimport Span, says


cdef inline uint64_t stream_end(const Connection* c) noexcept nogil:
    """Where the next answer begins: behind all that was sent and all that waits."""
    cdef uint64_t place = c.sent
    cdef Out* out = c.out
    while out != NULL:
        place += out.length
        out = out.next
    return place


cdef inline Span field_of(const Head* head, const char* name) noexcept nogil:
    """The first field of that name, which is in lower case; nothing when there is none."""
    cdef Span nothing
    cdef int each
    for each in range(head.field_count):
        if says(head.fields[each].name.at, head.fields[each].name.length, name):
            return head.fields[each].value
    nothing.at = NULL
    nothing.length = 0
    return nothing


cdef inline Record* add_record(Worker* w, Connection* c, uint64_t begin) noexcept nogil:
    """Begin a record at the end of the connection's list; NULL when it has to do without."""
    cdef Record* record = record_take(w.journal)
    if record == NULL:
        return NULL
    record.next = NULL
    record.begin = record.end = begin
    record.open = False
    record.reused = c.reused
    record.wall_s = w.wall_s
    record.began_us = w.began_us
    record.note.status = 0
    record.note.promised = 0
    record.note.identity_length = record.note.result_length = 0
    record.method_length = record.path_length = record.range_length = 0
    record.agent_length = record.referer_length = record.forwarded_length = 0
    memcpy(record.address, c.peer.address, 16)
    if c.records == NULL:
        c.records = record
    else:
        c.records_last.next = record
    c.records_last = record
    return record


cdef inline void note_request(Record* record, const Connection* c, const Head* head) noexcept nogil:
    record.method_length = shortened(record.method, METHOD_ROOM, head.method)
    record.path_length = shortened(record.path, PATH_ROOM, head.target)
    record.range_length = shortened(record.range_, RANGE_ROOM, head.known[<int>RANGE])
    record.agent_length = shortened(record.agent, AGENT_ROOM, field_of(head, b"user-agent"))
    record.referer_length = shortened(record.referer, REFERER_ROOM, field_of(head, b"referer"))
    if c.peer.trusted:
        record.forwarded_length = shortened(
            record.forwarded, FORWARDED_ROOM, field_of(head, b"x-forwarded-for")
        )


cdef inline void note_result(Record* record, const char* result, uint32_t length) noexcept nogil:
    memcpy(record.note.result, result, length)
    record.note.result_length = <unsigned short>length


cdef inline void note_status(Worker* w, Record* record) noexcept nogil:
    """Take over the status of the answer that was queued last."""
    record.note.status = (
        (w.status[1] - 48) * 100 + (w.status[2] - 48) * 10 + w.status[3] - 48
    )


cdef inline void note_answer(
    Worker* w, Connection* c, const Head* head, uint64_t begin, bint hit
) noexcept nogil:
    """Record an answer that was queued from `begin` on."""
    cdef Record* record = add_record(w, c, begin)
    cdef Span given = head.known[<int>REQUEST_ID]
    if record == NULL:
        return
    note_request(record, c, head)
    note_status(w, record)
    if given.at != NULL and c.peer.trusted and is_request_id(given):
        record.note.identity_length = shortened(record.note.identity, IDENTITY_ROOM, given)
    else:
        fresh_id(w, record.note.identity)
        record.note.identity_length = 16
    if hit:
        note_result(record, b"hit", 3)
    else:
        note_result(record, b"local", 5)
    record.end = stream_end(c)


cdef inline void note_refusal(
    Worker* w, Connection* c, uint64_t begin, int64_t began_us
) noexcept nogil:
    """Record the refusal of what was no request."""
    cdef Record* record = add_record(w, c, begin)
    if record == NULL:
        return
    note_status(w, record)
    note_result(record, b"local", 5)
    record.began_us = began_us
    record.reused = c.served
    record.end = stream_end(c)


cdef inline void note_crossing(Worker* w, Connection* c, const Head* head) noexcept nogil:
    """Begin the record of a request that Python answers."""
    cdef Record* record = add_record(w, c, stream_end(c))
    if record == NULL:
        return
    note_request(record, c, head)
    note_result(record, b"aborted", 7)
    record.open = True


cdef inline void take_note(Worker* w, Record* record, Exchange* exchange) noexcept nogil:
    """Take over what Python said of its answer, if it has said anything."""
    pthread_mutex_lock(&w.lock)
    if exchange.note.result_length:
        record.note = exchange.note
    pthread_mutex_unlock(&w.lock)


cdef inline void note_ending(
    Worker* w, Connection* c, Exchange* exchange, int ending
) noexcept nogil:
    """Python has answered, or given up; its bytes are queued."""
    cdef Record* record = c.records_last
    if record == NULL or not record.open:
        return
    take_note(w, record, exchange)
    record.open = False
    record.end = stream_end(c)
    if ending != ENDED:
        record.end = max(record.end, record.begin + record.note.promised)
    write_sent(w, c)


cdef inline void write_record(Worker* w, Connection* c, int64_t at_us) noexcept nogil:
    """Write down the first record of the connection, as things are."""
    cdef Record* record = c.records
    c.records = record.next
    if c.records == NULL:
        c.records_last = NULL
    record.sent = min(max(c.sent, record.begin), record.end) - record.begin
    record.aborted = record.end - record.begin - record.sent
    record.took_us = <uint64_t>max(0, at_us - record.began_us)
    record_write(w.journal, record)


cdef inline void write_sent(Worker* w, Connection* c) noexcept nogil:
    """Write down the answers that the kernel has whole."""
    cdef int64_t at_us
    if c.records == NULL or c.records.open or c.sent < c.records.end:
        return
    at_us = now_us()
    while c.records != NULL and not c.records.open and c.sent >= c.records.end:
        write_record(w, c, at_us)


cdef inline void write_all(Worker* w, Connection* c) noexcept nogil:
    """The connection ends: write down what was sent of its answers, and what was not."""
    cdef int64_t at_us = now_us()
    cdef Record* record = c.records_last
    if record.open:
        if c.exchange != NULL:
            take_note(w, record, c.exchange)
        record.end = max(stream_end(c), record.begin + record.note.promised)
        if record.note.promised == 0 or c.sent < record.end:
            note_result(record, b"aborted", 7)
    while c.records != NULL:
        write_record(w, c, at_us)
