"""Crossing: a request goes to Python, and what Python answers comes back.

Either side queues under the worker's lock, which nobody holds for longer than a few assignments,
and wakes the other only when it sleeps: `sleeping` is set before the last look at the queue, so
that nothing is left lying.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from native._bell cimport ring_bell
from native._connection cimport out_free
from native._linux cimport (
    pthread_mutex_lock,
    pthread_mutex_unlock,
    sluice_add,
    sluice_load,
    sluice_store,
    sluice_swap,
)
from native._state cimport (
    WRITABLE,
    Connection,
    Exchange,
    Hub,
    Out,
    Worker,
)
from native._text cimport Span


cdef inline void exchange_release(Exchange* exchange) noexcept nogil:
    cdef Out* out
    if exchange == NULL or sluice_add(&exchange.refs, -1) != 0:
        return
    while exchange.out != NULL:
        out = exchange.out
        exchange.out = out.next
        out_free(out)
    while exchange.body != NULL:
        out = exchange.body
        exchange.body = out.next
        out_free(out)
    free(exchange)


cdef inline Exchange* exchange_open(Worker* w, Connection* c, Span head) noexcept nogil:
    """Make an exchange for a request; NULL when memory is short. The connection holds it."""
    cdef Exchange* exchange = <Exchange*>malloc(sizeof(Exchange) + head.length)
    if exchange == NULL:
        return NULL
    memset(exchange, 0, sizeof(Exchange))
    exchange.refs = 1
    exchange.worker = w
    exchange.connection = c
    exchange.keep_alive = c.keep_alive
    exchange.peer = c.peer
    exchange.head = <unsigned char*>exchange + sizeof(Exchange)
    exchange.head_length = head.length
    memcpy(exchange.head, head.at, head.length)
    return exchange


cdef inline void tell_python_locked(Exchange* exchange, uint32_t events) noexcept nogil:
    """Queue events; the caller has the lock, and rings the hub's bell once it has let it go."""
    cdef Worker* w = exchange.worker
    exchange.events |= events
    if exchange.event_queued:
        return
    exchange.event_queued = True
    sluice_add(&exchange.refs, 1)
    exchange.next_event = NULL
    if w.events == NULL:
        w.events = exchange
    else:
        w.events_last.next_event = exchange
    w.events_last = exchange


cdef inline void tell_python(Exchange* exchange, uint32_t events) noexcept nogil:
    cdef Worker* w = exchange.worker
    pthread_mutex_lock(&w.lock)
    tell_python_locked(exchange, events)
    pthread_mutex_unlock(&w.lock)
    ring_bell(w.hub.fd, &w.hub.sleeping)


cdef inline void tell_worker_locked(Exchange* exchange) noexcept nogil:
    """Queue an exchange for its worker; the caller has the lock, and rings the bell later."""
    cdef Worker* w = exchange.worker
    if not exchange.ready_queued:
        exchange.ready_queued = True
        sluice_add(&exchange.refs, 1)
        exchange.next_ready = w.ready
        w.ready = exchange
        sluice_store(&w.has_ready, 1)


cdef inline void wake_worker(Worker* w) noexcept nogil:
    ring_bell(w.wake_fd, &w.sleeping)


cdef inline void exchange_sent(Exchange* exchange, uint64_t count) noexcept nogil:
    """Some of what Python pushed has gone out; wake it if it waits for that."""
    cdef int left
    if count == 0:
        return
    left = sluice_add(&exchange.unsent, -<int>count)
    if left <= sluice_load(&exchange.low_bytes) and sluice_load(&exchange.waiting) \
            and sluice_swap(&exchange.waiting, 0):
        tell_python(exchange, WRITABLE)
