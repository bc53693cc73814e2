"""How a connection waits for its next turn, how long it may, and how it ends.

Whoever ends a connection returns at once; it is DEAD then, and its place is given to another only
after the turn.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free

from native._clients cimport client_leaves
from native._connection cimport (
    out_drop_all,
    socket_close,
    socket_end,
    timer_start,
    timer_stop,
    timer_touch,
)
from native._exchange cimport exchange_release, tell_python
from native._journal cimport write_all
from native._linux cimport pthread_mutex_lock, pthread_mutex_unlock, tally
from native._state cimport (
    BODY_TIMER,
    BROKEN_BODY,
    BUCKETS,
    CROSSED,
    DEAD,
    GONE,
    HEAD_TIMER,
    HEAVY_MS,
    IDLE_TIMER,
    IN_HIGH_BYTES,
    LINGERING,
    LINGER_TIMER,
    NO_BODY,
    PROGRESS_BYTES,
    READING,
    SEND_TIMER,
    Connection,
    Exchange,
    Worker,
)


# ---- the end

cdef inline void put_back(Worker* w, Connection* c) noexcept nogil:
    """Let another connection have this place."""
    c.later = w.spare
    w.spare = c


cdef inline void end(Worker* w, Connection* c) noexcept nogil:
    """Close the connection, whatever it is doing."""
    cdef Exchange* exchange = c.exchange
    if c.records != NULL:
        write_all(w, c)
    timer_stop(w, c)
    out_drop_all(c)
    free(c.input)
    c.input = NULL
    c.input_length = 0
    socket_close(c)
    client_leaves(w.hub, &c.peer)
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


# ---- turns

cdef inline void call_again(Worker* w, Connection* c) noexcept nogil:
    """Come back to this connection once the others have had their turn."""
    if c.queued:
        return
    c.queued = True
    c.again = NULL
    if w.again == NULL:
        w.again = c
    else:
        w.again_last.again = c
    w.again_last = c


cdef inline void rest_turn(Worker* w, Connection* c) noexcept nogil:
    """This connection has used up its turn, and for a while has none but queued ones."""
    c.heavy_until_ms = w.now_ms + HEAVY_MS
    call_again(w, c)


# ---- times

cdef inline bint body_waits(Exchange* exchange) noexcept nogil:
    """Whether Python has to take some of the body first."""
    cdef bint waits
    pthread_mutex_lock(&exchange.worker.lock)
    waits = exchange.body_bytes >= IN_HIGH_BYTES
    pthread_mutex_unlock(&exchange.worker.lock)
    return waits


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
        c.progress = 0
    elif c.progress >= PROGRESS_BYTES:
        timer_touch(w, c, BODY_TIMER)
        c.progress = 0


cdef inline void count_hits(Worker* w, uint64_t hits, int64_t took_us) noexcept nogil:
    """Enter hits that took so long in the histogram."""
    cdef int bucket = 0
    while bucket < BUCKETS - 1 and took_us > <int64_t>w.hub.bounds_us[bucket]:
        bucket += 1
    tally(&w.counters.hit_seconds[bucket], hits)
    tally(&w.counters.hit_us, <uint64_t>took_us * hits)
