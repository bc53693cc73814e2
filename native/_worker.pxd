"""What a thread of the data plane does for one connection, from event to event.

epoll tells of edges only: a connection is registered once, and what it said last is remembered in
`readable` and `writable`. `drive` does whatever can be done for one connection until the socket or
Python has to say more. Whoever ends a connection returns at once; it is DEAD then, and its place
is given to another only after the turn.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from native._answer cimport (
    answer_entry,
    answer_preflight,
    answer_refusal,
    is_broken,
    refuse_token,
)
from native._batch cimport batch_add, batch_send, clear_room, has_room, is_gathering
from native._bell cimport ring_bell
from native._body cimport Warming, body_hold, body_release
from native._connection cimport (
    BROKEN,
    COLD,
    FLOWN,
    PAUSED,
    Flow,
    flush,
    next_of_file,
    out_append,
    out_keep,
    out_of_bytes,
    socket_discard,
    socket_read,
    socket_reset,
    timer_stop,
    timer_touch,
)
from native._exchange cimport (
    exchange_open,
    exchange_sent,
    tell_python,
    tell_python_locked,
)
from native._head cimport (
    CACHE_CONTROL,
    COMPLETE,
    EXPECT,
    FILL_KEY,
    INCOMPLETE,
    PRAGMA,
    Head,
    has,
    scan_head,
)
from native._journal cimport (
    note_answer,
    note_crossing,
    note_refusal,
    stream_end,
    write_sent,
)
from native._linux cimport (
    close,
    now_us,
    pthread_mutex_lock,
    pthread_mutex_unlock,
    read,
    sluice_load,
    sluice_peek,
    tally,
    wall_s,
)
from native._made_seal cimport is_asked_again
from native._made_segment cimport Made, find_track, make_segment
from native._reader cimport ask_reader, warming_free
from native._request_body cimport decode_body
from native._key_samples cimport sample_key
from native._state cimport (
    BODY,
    BODY_TIMER,
    BROKEN_BODY,
    BY_LENGTH,
    CHUNK_SIZE,
    CROSSED,
    DEAD,
    DRAINING,
    DRAIN_BYTES,
    HEAD_TIMER,
    HEAVY_MS,
    INPUT_BYTES,
    LINGERING,
    NEW,
    NO_BODY,
    READING,
    READ_BYTES,
    SEND_TIMER,
    TURN_PASSES,
    TURN_REQUESTS,
    Connection,
    Exchange,
    Out,
    Worker,
)
from native._table cimport Entry, entry_release, hash_of, table_find, table_used
from native._target cimport Key, read_key
from native._text cimport Span, says
from native._token cimport (
    ADMITTED,
    MISSING,
    OPEN_PATH,
    UNJUDGED,
    Admission,
    TokenPath,
    read_token_path,
    starts_signed,
    verify,
)
from native._turns cimport (
    body_waits,
    close_down,
    count_hits,
    end,
    rest_turn,
    watch_time,
)
from native._vary cimport LONGEST_VARIANT, write_variant

cdef enum Refusal:
    # The order of `Texts.refusals`.
    BAD_REQUEST
    REQUEST_TIMEOUT
    CONTENT_TOO_LARGE
    URI_TOO_LONG
    FIELDS_TOO_LARGE
    NOT_IMPLEMENTED
    BAD_VERSION
    UNAVAILABLE


cdef inline Refusal refusal_of(int status) noexcept nogil:
    if status == 413:
        return CONTENT_TOO_LARGE
    if status == 414:
        return URI_TOO_LONG
    if status == 431:
        return FIELDS_TOO_LARGE
    if status == 501:
        return NOT_IMPLEMENTED
    return BAD_VERSION if status == 505 else BAD_REQUEST


# ---- input

cdef inline uint32_t gather(Connection* c, uint8_t* room) noexcept nogil:
    """Move what was kept of the input to the worker's buffer."""
    cdef uint32_t length = c.input_length
    if length:
        memcpy(room, c.input, length)
        free(c.input)
        c.input = NULL
        c.input_length = 0
    c.unparsed = False
    return length


cdef inline bint keep(Connection* c, const uint8_t* data, uint32_t length) noexcept nogil:
    """Keep input for later; False when memory is short."""
    if length == 0:
        return True
    c.input = <uint8_t*>malloc(length)
    if c.input == NULL:
        return False
    memcpy(c.input, data, length)
    c.input_length = length
    return True


# ---- requests

cdef inline bint cross(Worker* w, Connection* c, const Head* head, Span whole) noexcept nogil:
    """Hand a request to Python; parsing stops until it is answered."""
    cdef Exchange* exchange = exchange_open(w, c, whole)
    cdef Span expected = head.known[<int>EXPECT]
    cdef Out* interim
    if exchange == NULL:
        return False
    if w.journal != NULL:
        note_crossing(w, c, head)
    c.exchange = exchange
    c.state = CROSSED
    c.drained = 0
    c.body_line = 0
    c.body_left = head.content_length
    c.body_state = CHUNK_SIZE if head.chunked else BY_LENGTH if head.content_length else NO_BODY
    exchange.body_ended = c.body_state == NO_BODY
    if not exchange.body_ended and head.minor == 1 and expected.at != NULL:
        if says(expected.at, expected.length, b"100-continue"):
            interim = out_of_bytes(b"HTTP/1.1 100 Continue\r\n\r\n", 25)
            if interim == NULL:
                return False
            out_append(c, interim)
    tally(&w.counters.crossed, 1)
    tell_python(exchange, NEW)
    return True


cdef inline bint from_edge(const Worker* w, const Head* head) noexcept nogil:
    """Whether an edge below us asks, which has looked at the token and taken it off."""
    cdef Span known = w.hub.texts.fill_key
    cdef Span shown = head.known[<int>FILL_KEY]
    cdef uint8_t differs = 0
    cdef uint32_t each
    if known.at == NULL or shown.at == NULL or known.length != shown.length:
        return False
    for each in range(known.length):
        differs |= known.at[each] ^ shown.at[each]
    return differs == 0


cdef inline Admission admit_path(
    Worker* w, const Head* head, Key* key, TokenPath* path
) noexcept nogil:
    """Let through what is public and what a token opens, which is then taken off the key."""
    cdef Admission admission
    cdef uint64_t hashed
    cdef Span text = key.text
    if not key.media or key.path_length < 8:
        return OPEN_PATH
    if w.hub.texts.for_edges:
        return OPEN_PATH if w.hub.texts.fill_key.at == NULL or from_edge(w, head) else UNJUDGED
    text.length = key.path_length
    if text.at[7] != 126:
        if not starts_signed(text) or from_edge(w, head):
            return OPEN_PATH
        return UNJUDGED if has(head, FILL_KEY) else MISSING
    if not read_token_path(text, path):
        return UNJUDGED
    hashed = hash_of(w.hub.table.seed, text.at, path.prefix_length)
    admission = verify(
        w.hub.keys, w.hub.key_count, w.verified, hashed, text, path, w.wall_s
    )
    if admission == ADMITTED:
        if key.text.at != w.key:
            memcpy(w.key, key.text.at, key.text.length)
        key.text.at = w.key + path.token_length
        key.text.length -= path.token_length
        key.path_length -= path.token_length
        memcpy(w.key + path.token_length, b"/media/", 7)
    return admission


cdef inline Entry* chosen(
    Worker* w, const Head* head, const Key* key, Entry* fork
) noexcept nogil:
    """Give the entry of the variant that a request chooses in place of the one that says how."""
    cdef uint8_t[LONGEST_VARIANT] room
    cdef Span variant
    cdef Entry* entry = NULL
    if write_variant(head, key.text, fork.names, room, &variant):
        entry = table_find(&w.hub.table, variant)
    entry_release(fork)
    return entry


cdef inline bint answer(Worker* w, Connection* c, const Head* head) noexcept nogil:
    """Answer a request here, if it is one of those that need no Python."""
    cdef Key key
    cdef Entry* entry
    cdef TokenPath path
    cdef Admission admission
    cdef Span method = head.method
    cdef bint answered
    if head.chunked or head.content_length or has(head, EXPECT):
        return False
    if not read_key(head.target, w.key, &key):
        return False
    if method.length == 7 and key.media and memcmp(method.at, b"OPTIONS", 7) == 0:
        if not answer_preflight(w, c, head):
            return False
        tally(&w.counters.preflights, 1)
        return True
    if not (method.length == 3 and memcmp(method.at, b"GET", 3) == 0
            or method.length == 4 and memcmp(method.at, b"HEAD", 4) == 0):
        return False
    if not key.media or w.hub.texts.for_edges:
        if has(head, CACHE_CONTROL) or has(head, PRAGMA):
            return False  # what they ask for counts, but for viewers under /media/: Python reads it
    admission = admit_path(w, head, &key, &path)
    if admission != OPEN_PATH and admission != ADMITTED:
        if not refuse_token(w, c, head, &key, &path, admission):
            return False
        tally(&w.counters.refused, 1)
        tally(&w.counters.tokens_refused[<int>admission - <int>MISSING], 1)
        return True
    entry = table_find(&w.hub.table, key.text)
    if entry != NULL and entry.names.at != NULL:
        entry = chosen(w, head, &key, entry)
    if entry == NULL:
        return answer_made(w, c, head, &key)
    answered = not is_broken(entry) and answer_entry(w, c, head, &key, entry)
    if answered:
        if not entry.sliced:
            table_used(&w.hub.table, entry)
        count_hit(w, &key)
    entry_release(entry)
    return answered or answer_made(w, c, head, &key)


cdef inline void count_hit(Worker* w, const Key* key) noexcept nogil:
    tally(&w.counters.hits, 1)
    if sluice_peek(&w.hub.watched):
        sample_key(w.samples, key.text)


cdef inline bint answer_made(
    Worker* w, Connection* c, const Head* head, const Key* key
) noexcept nogil:
    """Answer with a segment of a track that was handed over, if the key names one."""
    cdef Made made
    cdef uint32_t number
    cdef bint answered
    cdef Entry* track = find_track(w, key, &number)
    if track == NULL:
        return False
    if head.method.length == 3 and is_asked_again(track.track, number):
        entry_release(track)
        return False
    answered = make_segment(w, head, track, number, &made) \
        and answer_entry(w, c, head, key, &made.entry)
    if answered:
        tally(&w.counters.made, 1)
        count_hit(w, key)
    body_release(made.own)
    entry_release(track)
    return answered


cdef inline bint answer_noted(Worker* w, Connection* c, const Head* head) noexcept nogil:
    """Answer as `answer` does, for the access log."""
    cdef uint64_t hits = w.counters.hits
    cdef uint64_t begin = stream_end(c)
    if not answer(w, c, head):
        return False
    note_answer(w, c, head, begin, w.counters.hits != hits)
    return True


cdef inline void refuse(Worker* w, Connection* c, Refusal why, int64_t began_us) noexcept nogil:
    """Answer what is no request, and read no further."""
    cdef uint64_t begin = stream_end(c)
    answer_refusal(w, c, w.hub.texts.refusals[<int>why])
    tally(&w.counters.refused, 1)
    tally(&w.counters.refusals[<int>why], 1)
    if w.journal != NULL:
        note_refusal(w, c, begin, began_us)
    c.keep_alive = False
    c.closing = c.heedful = True


cdef inline bint push(Worker* w, Connection* c) noexcept nogil:
    """Send what is queued; True when all of it went. Ends a broken connection."""
    cdef uint64_t counted = 0
    cdef Flow flow
    if c.out == NULL:
        return True
    if not c.writable or c.cold:
        return False
    flow = flush(w, c, &counted)
    if c.records != NULL:
        write_sent(w, c)
    if c.exchange != NULL:
        exchange_sent(c.exchange, counted)
    if flow == BROKEN:
        end(w, c)
    elif flow == PAUSED:
        rest_turn(w, c)
    elif flow == COLD:
        wait_for_disk(w, c)
    elif flow == FLOWN and not is_gathering(w):
        w.pooled = 0
        w.scratch_used = 0
    return flow == FLOWN


cdef inline void wait_for_disk(Worker* w, Connection* c) noexcept nogil:
    """Let a reader read what this connection sends next; without one, break it off."""
    cdef Warming* wanted = <Warming*>malloc(sizeof(Warming))
    if wanted == NULL:
        end(w, c)
        return
    wanted.body = c.out.body
    body_hold(wanted.body)
    next_of_file(c.out, &wanted.offset, &wanted.length)
    wanted.place = c.place
    wanted.generation = c.generation
    wanted.lock = &w.lock
    wanted.done = &w.warmed
    wanted.has_ready = &w.has_ready
    wanted.wake_fd = w.wake_fd
    wanted.sleeping = &w.sleeping
    tally(&w.counters.disk_waits, 1)
    c.cold = True
    if not ask_reader(wanted):
        warming_free(wanted)
        end(w, c)


cdef inline void take_warmed(Worker* w, Warming* wanted) noexcept nogil:
    """Go on with the connection that waited for the disk, if it is still there."""
    cdef Connection* c = w.connections[wanted.place]
    if c.generation != wanted.generation or c.state == DEAD or not c.cold:
        return
    c.cold = False
    if wanted.failed:
        # What was promised cannot be kept, and must not look like an orderly end.
        tally(&w.counters.disk_failures, 1)
        socket_reset(c)
        end(w, c)
        return
    c.out.warm = wanted.offset + wanted.length
    drive(w, c)


cdef inline uint32_t parse(Worker* w, Connection* c, uint32_t length) noexcept nogil:
    """Answer the requests that the worker's buffer holds; give how many bytes were used."""
    cdef Head head
    cdef Span whole
    cdef uint32_t at = 0
    cdef int status
    while (c.state == READING and not c.closing and at < length
            and w.turn_requests < TURN_REQUESTS):
        if not has_room(w):
            if is_gathering(w):
                batch_send(w)
            if not push(w, c):
                break
        status = scan_head(&head, w.input + at, length - at)
        if status == INCOMPLETE:
            return at
        w.turn_requests += 1
        tally(&w.counters.requests, 1)
        if status != COMPLETE:
            refuse(w, c, refusal_of(status), w.began_us)
            return length
        c.reused = c.served
        c.served = True
        if c.timer == HEAD_TIMER:
            timer_stop(w, c)  # the next head has a time of its own
        c.keep_alive = head.keep_alive and not sluice_load(&w.hub.draining)
        whole.at = w.input + at
        whole.length = head.length
        at += head.length
        if answer(w, c, &head) if w.journal == NULL else answer_noted(w, c, &head):
            c.closing = not c.keep_alive
        elif not cross(w, c, &head, whole):
            end(w, c)
    c.unparsed = at < length
    return at


cdef inline bint take_requests(Worker* w, Connection* c) noexcept nogil:
    """Read and answer; False when there is nothing to be done for now, or the connection ended."""
    cdef uint32_t length = gather(c, w.input), used
    cdef uint64_t hits = w.counters.hits
    cdef int64_t began_us = now_us()
    cdef ssize_t count = -1
    w.began_us = began_us
    if c.readable and length <= READ_BYTES:
        count = socket_read(c, w.input + length, INPUT_BYTES - length)
        if count == -2 or count == 0 and length == 0:
            end(w, c)
            return False
        if count == 0:
            c.hung_up = True
            c.readable = False
        elif count > 0:
            length += <uint32_t>count
    w.wall_s = wall_s()  # after the request came: a token that has ended by then is refused
    used = parse(w, c, length)
    if c.state == DEAD:
        return False
    if not keep(c, w.input + used, length - used):
        end(w, c)
        return False
    if c.hung_up and not c.readable and c.state == READING and not c.unparsed:
        c.closing = True
    hits = w.counters.hits - hits
    if batch_add(w, c, hits, began_us):
        return False
    push(w, c)
    if hits:
        count_hits(w, hits, now_us() - began_us)
    return c.state != DEAD and (c.state != READING or c.closing or c.unparsed or c.readable)


cdef inline bint take_body(Worker* w, Connection* c) noexcept nogil:
    """Read the body of a request; False when nothing can be done for now."""
    cdef uint32_t length, used
    cdef ssize_t count
    cdef bint ended
    if c.body_state == NO_BODY or c.body_state == BROKEN_BODY:
        return False
    if c.state == CROSSED and body_waits(c.exchange):
        return False
    length = gather(c, w.input)
    if length == 0:
        if not c.readable:
            return False
        count = socket_read(c, w.input, READ_BYTES)
        if count == -1:
            return False
        if count <= 0:
            end(w, c)
            return False
        length = <uint32_t>count
    used = decode_body(c, w.input, length)
    c.progress += used
    if not keep(c, w.input + used, length - used):
        end(w, c)
        return False
    c.unparsed = used < length
    ended = c.body_state == NO_BODY
    if c.state == CROSSED:
        pthread_mutex_lock(&w.lock)
        c.exchange.body_ended = ended
        c.exchange.body_broken = c.body_state == BROKEN_BODY
        tell_python_locked(c.exchange, BODY)
        pthread_mutex_unlock(&w.lock)
        ring_bell(w.hub.fd, &w.hub.sleeping)
    elif ended:
        c.state = READING
    elif c.body_state == BROKEN_BODY or c.drained > DRAIN_BYTES:
        c.closing = c.heedful = True
    return True


cdef inline void take_rest(Worker* w, Connection* c) noexcept nogil:
    """Throw away what a client still sends after its last answer."""
    cdef ssize_t count = socket_discard(c)
    if count == 0 or count == -2:
        end(w, c)


# ---- driving

cdef inline bint advance(Worker* w, Connection* c) noexcept nogil:
    """Do the next thing that can be done; False when there is none."""
    cdef bint sent = push(w, c)
    if c.state == CROSSED and c.hung_up:
        end(w, c)
    if c.state == DEAD or not sent:
        return False
    if c.state == LINGERING:
        if not c.readable:
            return False
        take_rest(w, c)
        return True
    if c.state == CROSSED:
        return take_body(w, c)
    if c.closing:
        close_down(w, c)
        return True
    if c.state == DRAINING:
        return take_body(w, c)
    return (c.unparsed or c.readable) and take_requests(w, c)


cdef inline void drive(Worker* w, Connection* c) noexcept nogil:
    """Do all that can be done for this connection, within one turn."""
    cdef int passes = 0
    clear_room(w)
    w.turn_bytes = 0
    w.turn_requests = 0
    while c.state != DEAD and advance(w, c):
        passes += 1
        if passes == TURN_PASSES or w.turn_requests >= TURN_REQUESTS:
            rest_turn(w, c)
            break
    if c.state == DEAD:
        return
    if w.turn_requests >= TURN_REQUESTS:
        c.heavy_until_ms = w.now_ms + HEAVY_MS
    if c.gathered:
        return
    if w.pooled and not out_keep(c):
        end(w, c)
        return
    watch_time(w, c)


cdef inline void expire(Worker* w, Connection* c) noexcept nogil:
    """This connection's time has run out."""
    tally(&w.counters.expired[c.timer], 1)
    if c.timer == HEAD_TIMER:
        w.turn_bytes = 0
        w.pooled = 0
        w.scratch_used = 0
        w.wall_s = wall_s()
        refuse(w, c, REQUEST_TIMEOUT, c.stamp_ms * 1000)
        drive_out(w, c)
        return
    if c.timer == SEND_TIMER:
        socket_reset(c)
    end(w, c)


cdef inline void drive_out(Worker* w, Connection* c) noexcept nogil:
    """Send what was just queued, then close."""
    if push(w, c):
        close_down(w, c)
    elif c.state != DEAD:
        if out_keep(c):
            watch_time(w, c)
        else:
            end(w, c)
