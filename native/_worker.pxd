"""One thread of the data plane: its connections, driven from event to event.

epoll tells of edges only: a connection is registered once, and what it said last is remembered in
`readable` and `writable`. `drive` does whatever can be done for one connection until the socket or
Python has to say more. Whoever ends a connection returns at once; it is DEAD then, and its place
is given to another only after the turn.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy

from native._answer cimport answer_entry, answer_preflight, answer_refusal
from native._clients cimport client_enters, client_leaves, is_trusted, read_peer
from native._connection cimport (
    BLOCKED,
    BROKEN,
    FLOWN,
    PAUSED,
    Flow,
    flush,
    out_append,
    out_drop_all,
    out_keep,
    out_of_bytes,
    socket_close,
    socket_discard,
    socket_end,
    socket_read,
    socket_reset,
    timer_place,
    timer_start,
    timer_stop,
    timer_touch,
)
from native._exchange cimport (
    exchange_open,
    exchange_release,
    exchange_sent,
    tell_python,
    tell_python_locked,
    ring_bell,
)
from native._head cimport COMPLETE, EXPECT, INCOMPLETE, Head, has, scan_head
from native._linux cimport (
    AF_INET,
    EAGAIN,
    ECONNABORTED,
    EINTR,
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLLERR,
    EPOLLET,
    EPOLLHUP,
    EPOLLIN,
    EPOLLOUT,
    EPOLLRDHUP,
    SIG_BLOCK,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    accept4,
    close,
    epoll_ctl,
    epoll_event,
    epoll_wait,
    now_ms,
    now_us,
    pthread_mutex_lock,
    pthread_mutex_unlock,
    pthread_sigmask,
    read,
    sigfillset,
    sigset_t,
    sluice_errno,
    sluice_load,
    sluice_store,
    sluice_swap,
    sockaddr,
    sockaddr_storage,
    socklen_t,
    tally,
    wall_s,
)
from native._request_body cimport decode_body
from native._state cimport (
    BODY,
    BODY_TIMER,
    BROKEN_BODY,
    BUCKETS,
    BY_LENGTH,
    CHUNK_SIZE,
    CROSSED,
    CUT,
    DEAD,
    DRAIN_BYTES,
    DRAINING,
    ENDED,
    GONE,
    HEAD_TIMER,
    HEADROOM_BYTES,
    IDLE_TIMER,
    IN_HIGH_BYTES,
    INPUT_BYTES,
    LINGER_TIMER,
    LINGERING,
    NEW,
    NO_BODY,
    NO_TIMER,
    OPEN,
    POOLED,
    POOLED_PER_ANSWER,
    PROGRESS_BYTES,
    READ_BYTES,
    READING,
    RESET,
    SCRATCH_BYTES,
    SEND_TIMER,
    SPENT_GENERATION,
    TIMERS,
    TURN_PASSES,
    Connection,
    Exchange,
    Out,
    Peer,
    Timer,
    Worker,
)
from native._table cimport Entry, entry_release, table_find, table_used
from native._target cimport Key, read_key
from native._text cimport Span, says

cdef enum:
    WAKE = 0
    LISTENER = 1
    EVENTS = 256
    ACCEPTS = 64
    REST_MS = 100                # how long accepting rests when descriptors have run out
    LONGEST_WAIT_MS = 1000
    GRACE_MS = 1000

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


# ---- the end of a connection

cdef inline void put_back(Worker* w, Connection* c) noexcept nogil:
    """Let another connection have this place."""
    c.later = w.spare
    w.spare = c


cdef inline void end(Worker* w, Connection* c) noexcept nogil:
    """Close the connection, whatever it is doing."""
    cdef Exchange* exchange = c.exchange
    timer_stop(w, c)
    out_drop_all(c)
    free(c.input)
    c.input = NULL
    c.input_length = 0
    socket_close(c)
    client_leaves(w.hub, c.peer.address)
    if exchange != NULL:
        c.exchange = NULL
        exchange.connection = NULL
        tell_python(exchange, GONE)
        exchange_release(exchange)
    c.state = DEAD
    c.generation = (c.generation + 1) & 0x7fffffff
    w.open -= 1
    tally(&w.counters.open, <uint64_t>-1)
    if not c.queued:
        put_back(w, c)


cdef inline void close_down(Worker* w, Connection* c) noexcept nogil:
    """All is sent: close, but not on top of bytes that would turn the close into a reset."""
    if c.hung_up or not (c.heedful or c.readable or c.unparsed):
        end(w, c)
        return
    socket_end(c)
    c.state = LINGERING
    c.unparsed = False
    timer_start(w, c, LINGER_TIMER)


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


cdef inline bint is_guarded(const Key* key) noexcept nogil:
    """Whether a path is one that only a token opens, or has one: `/media/s_…`, `/media/~…`."""
    cdef const uint8_t* name = key.text.at + 7
    if not key.media or key.path_length < 8:
        return False
    return name[0] == 126 or key.path_length > 8 and name[0] == 115 and name[1] == 95


cdef inline bint answer(Worker* w, Connection* c, const Head* head) noexcept nogil:
    """Answer a request here, if it is one of those that need no Python."""
    cdef Key key
    cdef Entry* entry
    cdef Span method = head.method
    cdef bint answered
    if head.chunked or head.content_length or has(head, EXPECT):
        return False
    if not read_key(head.target, w.key, &key) or is_guarded(&key):
        return False
    if method.length == 7 and key.media and memcmp(method.at, b"OPTIONS", 7) == 0:
        if not answer_preflight(w, c, head):
            return False
        tally(&w.counters.preflights, 1)
        return True
    if not (method.length == 3 and memcmp(method.at, b"GET", 3) == 0
            or method.length == 4 and memcmp(method.at, b"HEAD", 4) == 0):
        return False
    entry = table_find(&w.hub.table, key.text)
    if entry == NULL:
        return False
    answered = answer_entry(w, c, head, &key, entry)
    if answered:
        table_used(&w.hub.table, entry)
        tally(&w.counters.hits, 1)
    entry_release(entry)
    return answered


cdef inline void refuse(Worker* w, Connection* c, Refusal why) noexcept nogil:
    """Answer what is no request, and read no further."""
    answer_refusal(w, c, w.hub.texts.refusals[<int>why])
    tally(&w.counters.refused, 1)
    c.keep_alive = False
    c.closing = c.heedful = True


cdef inline bint push(Worker* w, Connection* c) noexcept nogil:
    """Send what is queued; True when all of it went. Ends a broken connection."""
    cdef uint64_t counted = 0
    cdef Flow flow
    if c.out == NULL:
        return True
    if not c.writable:
        return False
    flow = flush(w, c, &counted)
    if c.exchange != NULL:
        exchange_sent(c.exchange, counted)
    if flow == BROKEN:
        end(w, c)
    elif flow == PAUSED:
        call_again(w, c)
    elif flow == FLOWN:
        w.pooled = 0
        w.scratch_used = 0
    return flow == FLOWN


cdef inline void call_again(Worker* w, Connection* c) noexcept nogil:
    """Come back to this connection once the others have had their turn."""
    if not c.queued:
        c.queued = True
        c.again = w.again
        w.again = c


cdef inline uint32_t parse(Worker* w, Connection* c, uint32_t length) noexcept nogil:
    """Answer the requests that the worker's buffer holds; give how many bytes were used."""
    cdef Head head
    cdef Span whole
    cdef uint32_t at = 0
    cdef int status
    while c.state == READING and not c.closing and at < length:
        if (w.pooled + POOLED_PER_ANSWER > POOLED
                or w.scratch_used + HEADROOM_BYTES > SCRATCH_BYTES):
            if not push(w, c):
                break
        status = scan_head(&head, w.input + at, length - at)
        if status == INCOMPLETE:
            return at
        tally(&w.counters.requests, 1)
        if status != COMPLETE:
            refuse(w, c, refusal_of(status))
            return length
        c.served = True
        c.keep_alive = head.keep_alive and not sluice_load(&w.hub.draining)
        whole.at = w.input + at
        whole.length = head.length
        at += head.length
        if answer(w, c, &head):
            c.closing = not c.keep_alive
        elif not cross(w, c, &head, whole):
            end(w, c)
    c.unparsed = at < length
    return at


cdef inline void count_hits(Worker* w, uint64_t hits, int64_t began_us) noexcept nogil:
    """Enter the hits of this turn in the histogram."""
    cdef uint64_t took_us = <uint64_t>(now_us() - began_us)
    cdef int bucket = 0
    while bucket < BUCKETS - 1 and took_us > w.hub.bounds_us[bucket]:
        bucket += 1
    tally(&w.counters.hit_seconds[bucket], hits)
    tally(&w.counters.hit_us, took_us * hits)


cdef inline bint take_requests(Worker* w, Connection* c) noexcept nogil:
    """Read and answer; False when there is nothing to be done for now, or the connection ended."""
    cdef uint32_t length = gather(c, w.input), used
    cdef uint64_t hits = w.counters.hits
    cdef int64_t began_us = now_us()
    cdef ssize_t count = -1
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
    used = parse(w, c, length)
    if c.state == DEAD:
        return False
    if not keep(c, w.input + used, length - used):
        end(w, c)
        return False
    if c.hung_up and not c.readable and c.state == READING and not c.unparsed:
        c.closing = True
    push(w, c)
    if w.counters.hits != hits:
        count_hits(w, w.counters.hits - hits, began_us)
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
        timer_touch(w, c, BODY_TIMER)
    elif ended:
        c.state = READING
    elif c.body_state == BROKEN_BODY or c.drained > DRAIN_BYTES:
        c.closing = c.heedful = True
    return True


cdef inline bint body_waits(Exchange* exchange) noexcept nogil:
    """Whether Python has to take some of the body first."""
    cdef bint waits
    pthread_mutex_lock(&exchange.worker.lock)
    waits = exchange.body_bytes >= IN_HIGH_BYTES
    pthread_mutex_unlock(&exchange.worker.lock)
    return waits


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
    w.turn_bytes = 0
    w.pooled = 0
    w.scratch_used = 0
    while c.state != DEAD and advance(w, c):
        passes += 1
        if passes == TURN_PASSES:
            call_again(w, c)
            break
    if c.state == DEAD:
        return
    if w.pooled and not out_keep(c):
        end(w, c)
        return
    watch_time(w, c)


cdef inline void watch_time(Worker* w, Connection* c) noexcept nogil:
    """Let the time run that what this connection waits for may take."""
    if c.out != NULL:
        if c.timer != SEND_TIMER:
            timer_start(w, c, SEND_TIMER)
            c.progress = 0
        elif c.progress >= PROGRESS_BYTES:
            timer_touch(w, c, SEND_TIMER)
            c.progress = 0
    elif c.state == READING:
        if c.input_length == 0:
            timer_touch(w, c, IDLE_TIMER)
        elif c.timer != HEAD_TIMER:
            timer_start(w, c, HEAD_TIMER)
    elif c.state == LINGERING:
        if c.timer != LINGER_TIMER:
            timer_start(w, c, LINGER_TIMER)
    elif c.body_state == NO_BODY or c.body_state == BROKEN_BODY or c.state == CROSSED and (
            body_waits(c.exchange)):
        timer_stop(w, c)
    elif c.timer != BODY_TIMER:
        timer_start(w, c, BODY_TIMER)


cdef inline void expire(Worker* w, Connection* c) noexcept nogil:
    """This connection's time has run out."""
    tally(&w.counters.expired, 1)
    if c.timer == HEAD_TIMER:
        w.turn_bytes = 0
        w.pooled = 0
        w.scratch_used = 0
        refuse(w, c, REQUEST_TIMEOUT)
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


cdef inline int64_t run_timers(Worker* w) noexcept nogil:
    """End what has waited too long; give how long nothing else will."""
    cdef int64_t wait_ms = LONGEST_WAIT_MS, left_ms
    cdef Connection* c
    cdef int each
    for each in range(<int>TIMERS):
        while True:
            c = w.timers[each].first
            if c == NULL:
                break
            left_ms = c.stamp_ms + w.hub.limits.timer_ms[each] - w.now_ms
            if c.touched:
                timer_stop(w, c)
                timer_place(w, c, <Timer>each)
            elif left_ms <= 0:
                expire(w, c)
            else:
                wait_ms = min(wait_ms, left_ms)
                break
    return wait_ms


# ---- what Python says

cdef inline void finish(Worker* w, Connection* c, Exchange* exchange, int ending) noexcept nogil:
    """Python has answered; go on with the connection as that leaves it."""
    c.exchange = NULL
    exchange.connection = NULL
    exchange_release(exchange)
    if ending == RESET:
        socket_reset(c)
        end(w, c)
        return
    c.state = READING
    if ending == CUT or not c.keep_alive or sluice_load(&w.hub.draining):
        c.closing = True
        c.heedful = c.body_state != NO_BODY
    elif c.body_state == BROKEN_BODY:
        c.closing = c.heedful = True
    elif c.body_state != NO_BODY:
        c.state = DRAINING


cdef inline void hear(Worker* w, Exchange* exchange) noexcept nogil:
    """Take what Python pushed, and how it ends."""
    cdef Connection* c = exchange.connection
    cdef Out* out
    cdef Out* last
    cdef int ending
    pthread_mutex_lock(&w.lock)
    exchange.ready_queued = False
    out = exchange.out
    last = exchange.out_last
    ending = exchange.ending
    if c != NULL:
        exchange.out = exchange.out_last = NULL
    pthread_mutex_unlock(&w.lock)
    if c == NULL:
        return  # the client has gone; what was pushed goes with the exchange
    if out != NULL:
        if c.out == NULL:
            c.out = out
        else:
            c.out_last.next = out
        c.out_last = last
    if ending != OPEN:
        finish(w, c, exchange, ending)
    if c.state != DEAD:
        drive(w, c)


cdef inline void hear_all(Worker* w) noexcept nogil:
    cdef Exchange* exchange
    cdef Exchange* next
    if not sluice_load(&w.has_ready):
        return
    pthread_mutex_lock(&w.lock)
    exchange = w.ready
    w.ready = NULL
    sluice_store(&w.has_ready, 0)
    pthread_mutex_unlock(&w.lock)
    while exchange != NULL:
        next = exchange.next_ready
        hear(w, exchange)
        exchange_release(exchange)
        exchange = next


# ---- accepting

cdef inline Connection* new_connection(Worker* w) noexcept nogil:
    """Give a place for a connection; NULL when memory is short."""
    cdef Connection* c = w.spare
    cdef Connection** wider
    cdef uint32_t room
    if c != NULL:
        w.spare = c.later
        c.later = NULL
        return c
    if w.connection_count == w.connection_room:
        room = max(64, w.connection_room * 2)
        wider = <Connection**>realloc(w.connections, room * sizeof(Connection*))
        if wider == NULL:
            return NULL
        w.connections = wider
        w.connection_room = room
    c = <Connection*>calloc(1, sizeof(Connection))
    if c == NULL:
        return NULL
    c.place = w.connection_count
    c.state = DEAD
    w.connections[w.connection_count] = c
    w.connection_count += 1
    return c


cdef inline void begin(Connection* c, int fd, Peer peer) noexcept nogil:
    c.fd = fd
    c.state = READING
    c.timer = NO_TIMER
    c.touched = False
    c.readable = c.hung_up = c.closing = c.heedful = c.unparsed = c.queued = c.served = False
    c.writable = c.keep_alive = True
    c.earlier = c.later = c.again = NULL
    c.input = NULL
    c.input_length = 0
    c.out = c.out_last = NULL
    c.exchange = NULL
    c.body_state = NO_BODY
    c.peer = peer


cdef inline bint admit(Worker* w, int fd, const sockaddr_storage* from_) noexcept nogil:
    """Take a connection in; False when it is one too many."""
    cdef Connection* c
    cdef epoll_event event
    cdef Peer peer
    read_peer(from_, &peer)
    peer.trusted = is_trusted(w.hub, peer.address)
    if w.open >= w.hub.limits.connections or not client_enters(w.hub, peer.address):
        return False
    c = new_connection(w)
    if c == NULL:
        client_leaves(w.hub, peer.address)
        return False
    begin(c, fd, peer)
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET
    event.data.u64 = <uint64_t>c.generation << 32 | c.place
    w.open += 1
    tally(&w.counters.open, 1)
    if epoll_ctl(w.poll, EPOLL_CTL_ADD, fd, &event) != 0:
        end(w, c)
        return True
    timer_start(w, c, IDLE_TIMER)
    return True


cdef inline void accept_all(Worker* w) noexcept nogil:
    cdef sockaddr_storage from_
    cdef socklen_t length
    cdef int fd, why, _each
    for _each in range(ACCEPTS):
        length = sizeof(from_)
        fd = accept4(w.listener, <sockaddr*>&from_, &length, SOCK_NONBLOCK | SOCK_CLOEXEC)
        if fd >= 0:
            if admit(w, fd, &from_):
                tally(&w.counters.accepted, 1)
            else:
                tally(&w.counters.turned_away, 1)
                close(fd)
            continue
        why = sluice_errno()
        if why == EAGAIN:
            return
        if why != EINTR and why != ECONNABORTED:
            watch_listener(w, False)  # no descriptors or no memory: others must leave first
            w.accept_after_ms = w.now_ms + REST_MS
            return


cdef inline void watch_listener(Worker* w, bint watch) noexcept nogil:
    cdef epoll_event event
    event.events = EPOLLIN
    event.data.u64 = <uint64_t>SPENT_GENERATION << 32 | LISTENER
    epoll_ctl(w.poll, EPOLL_CTL_ADD if watch else EPOLL_CTL_DEL, w.listener, &event)
    w.accepting = watch


# ---- the loop

cdef inline void take_event(Worker* w, const epoll_event* event) noexcept nogil:
    cdef uint32_t place = <uint32_t>event.data.u64
    cdef uint32_t generation = <uint32_t>(event.data.u64 >> 32)
    cdef Connection* c
    cdef uint64_t rung
    if generation == SPENT_GENERATION:
        if place == LISTENER:
            accept_all(w)
        else:
            read(w.wake_fd, &rung, sizeof(rung))
        return
    c = w.connections[place]
    if c.generation != generation or c.state == DEAD:
        return  # of a connection that ended earlier in this round
    if event.events & EPOLLIN:
        c.readable = True
    if event.events & EPOLLOUT:
        c.writable = True
    if event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR):
        c.hung_up = c.readable = True
        if event.events & (EPOLLHUP | EPOLLERR):
            c.writable = True  # so that the next write finds out
    drive(w, c)


cdef inline void take_turns(Worker* w) noexcept nogil:
    """Go on with the connections that had to let others go first."""
    cdef Connection* c = w.again
    cdef Connection* next
    w.again = NULL
    while c != NULL:
        next = c.again
        c.queued = False
        if c.state == DEAD:
            put_back(w, c)
        else:
            drive(w, c)
        c = next


cdef inline void drain(Worker* w) noexcept nogil:
    """Stop accepting, and part from whoever waits for nothing.

    Who has just connected has a moment to ask.
    """
    cdef Connection* c
    cdef uint32_t each
    if w.listener >= 0:
        if w.accepting:
            accept_all(w)  # who was let in by the kernel is answered
            watch_listener(w, False)
        close(w.listener)
        w.listener = -1
    for each in range(w.connection_count):
        c = w.connections[each]
        if (c.state == READING and c.out == NULL and c.input_length == 0 and not c.readable
                and (c.served or w.now_ms - c.stamp_ms >= GRACE_MS)):
            end(w, c)


cdef inline void end_all(Worker* w) noexcept nogil:
    cdef uint32_t each
    for each in range(w.connection_count):
        if w.connections[each].state != DEAD:
            end(w, w.connections[each])


cdef inline int64_t next_wait_ms(Worker* w) noexcept nogil:
    cdef int64_t wait_ms = run_timers(w)
    if w.again != NULL:
        return 0
    if not w.accepting and w.listener >= 0:
        if w.now_ms >= w.accept_after_ms:
            watch_listener(w, True)
        else:
            wait_ms = min(wait_ms, <int64_t>REST_MS)
    return wait_ms


cdef inline void run(Worker* w) noexcept nogil:
    """Serve until told to stop, or until the last connection has gone when draining."""
    cdef epoll_event[256] events     # EVENTS
    cdef int64_t wait_ms
    cdef int count, each
    cdef bint drained = False
    cdef sigset_t signals
    sigfillset(&signals)
    pthread_sigmask(SIG_BLOCK, &signals, NULL)
    w.now_ms = now_ms()
    watch_listener(w, True)
    while not sluice_load(&w.hub.stopping):
        wait_ms = next_wait_ms(w)
        sluice_store(&w.sleeping, 1)
        if sluice_load(&w.has_ready) or sluice_load(&w.hub.draining) != drained:
            wait_ms = 0
        count = epoll_wait(w.poll, events, EVENTS, <int>wait_ms)
        sluice_store(&w.sleeping, 0)
        w.now_ms = now_ms()
        w.wall_s = wall_s()
        for each in range(count):
            take_event(w, &events[each])
        hear_all(w)
        take_turns(w)
        if sluice_load(&w.hub.draining):
            drain(w)
            drained = True
            if w.open == 0:
                break
    end_all(w)
