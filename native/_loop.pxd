"""The loop of one thread: events, time, what Python says, and new connections."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, realloc

from native._batch cimport batch_send, is_gathering
from native._body cimport Warming
from native._clients cimport client_enters, client_leaves, is_trusted, read_peer
from native._connection cimport socket_reset, timer_place, timer_start, timer_stop
from native._exchange cimport exchange_release
from native._journal cimport note_ending
from native._linux cimport (
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
    pthread_mutex_lock,
    pthread_mutex_unlock,
    pthread_sigmask,
    read,
    sigfillset,
    sigset_t,
    sluice_errno,
    sluice_load,
    sluice_store,
    sockaddr,
    sockaddr_storage,
    socklen_t,
    tally,
    wall_s,
)
from native._reader cimport warming_free
from native._ring cimport ring_close, ring_open
from native._schedule cimport ask_for_short_slice
from native._state cimport (
    BROKEN_BODY,
    CUT,
    DEAD,
    DRAINING,
    IDLE_TIMER,
    NO_BODY,
    NO_TIMER,
    OPEN,
    READING,
    RESET,
    ROUND_TURNS,
    SPENT_GENERATION,
    TIMERS,
    Connection,
    Exchange,
    Out,
    Peer,
    Timer,
    Worker,
)
from native._text cimport says
from native._turns cimport call_again, end, put_back
from native._worker cimport drive, expire, take_warmed

cdef enum:
    WAKE = 0
    LISTENER = 1
    EVENTS = 256
    ACCEPTS = 16                 # before others have their turn
    LAST_ACCEPTS = 256           # times that, when no more are to come: any backlog there may be
    REST_MS = 100                # how long accepting rests when descriptors have run out
    LONGEST_WAIT_MS = 1000
    GRACE_MS = 1000


# ---- the timers

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
    if c.records != NULL:
        note_ending(w, c, exchange, ending)
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
    cdef Warming* warmed
    if not sluice_load(&w.has_ready):
        return
    pthread_mutex_lock(&w.lock)
    exchange = w.ready
    w.ready = NULL
    warmed = w.warmed
    w.warmed = NULL
    sluice_store(&w.has_ready, 0)
    pthread_mutex_unlock(&w.lock)
    while exchange != NULL:
        next = exchange.next_ready
        hear(w, exchange)
        exchange_release(exchange)
        exchange = next
    hear_readers(w, warmed)


cdef inline void hear_readers(Worker* w, Warming* warmed) noexcept nogil:
    cdef Warming* next
    while warmed != NULL:
        next = warmed.next
        take_warmed(w, warmed)
        warming_free(warmed)
        warmed = next


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
    c.readable = c.hung_up = c.closing = c.heedful = c.unparsed = c.queued = False
    c.served = c.cold = c.gathered = False
    c.writable = c.keep_alive = True
    c.heavy_until_ms = 0
    c.earlier = c.later = c.again = NULL
    c.input = NULL
    c.input_length = 0
    c.out = c.out_last = NULL
    c.sent = 0
    c.reused = False
    c.records = c.records_last = NULL
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
    if w.open >= w.hub.limits.connections:
        return False
    if not client_enters(w.hub, &peer):
        tally(&w.counters.crowded, 1)
        return False
    c = new_connection(w)
    if c == NULL:
        client_leaves(w.hub, &peer)
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


cdef inline bint accept_some(Worker* w) noexcept nogil:
    """Take some of those in that wait; whether there may be more."""
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
            return False
        if why != EINTR and why != ECONNABORTED:
            watch_listener(w, False)  # no descriptors or no memory: others must leave first
            w.accept_after_ms = w.now_ms + REST_MS
            return False
    return True


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
            accept_some(w)
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
    if w.now_ms < c.heavy_until_ms:
        call_again(w, c)
    elif not c.queued:
        drive(w, c)


cdef inline void take_turns(Worker* w) noexcept nogil:
    """Go on with some of the connections that had to let others go first."""
    cdef Connection* c
    cdef int _each
    for _each in range(ROUND_TURNS):
        c = w.again
        if c == NULL:
            return
        w.again = c.again
        c.queued = False
        if c.state == DEAD:
            put_back(w, c)
        else:
            drive(w, c)


cdef inline void drain(Worker* w) noexcept nogil:
    """Stop accepting, and part from whoever waits for nothing.

    Who has just connected has a moment to ask.
    """
    cdef Connection* c
    cdef uint32_t each
    cdef int _more
    if w.listener >= 0:
        if w.accepting:
            for _more in range(LAST_ACCEPTS):  # who was let in by the kernel is answered
                if not accept_some(w):
                    break
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
    ask_for_short_slice()
    w.now_ms = now_ms()
    if w.hub.batches:
        w.ring = ring_open()
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
        w.gathering = w.ring != NULL and count > 1
        for each in range(count):
            take_event(w, &events[each])
        if is_gathering(w):
            batch_send(w)
        w.gathering = False
        hear_all(w)
        take_turns(w)
        if sluice_load(&w.hub.draining):
            drain(w)
            drained = True
            if w.open == 0:
                break
    end_all(w)
    ring_close(w.ring)
    w.ring = NULL
