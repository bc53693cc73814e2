"""The threads of a data plane: what each needs is made before it runs, and let go of after it."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from native._body cimport Warming
from native._exchange cimport exchange_release
from native._key_samples cimport samples_close, samples_open
from native._linux cimport (
    EFD_CLOEXEC,
    EFD_NONBLOCK,
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLLIN,
    close,
    epoll_create1,
    epoll_ctl,
    epoll_event,
    eventfd,
    getrandom,
    pthread_mutex_destroy,
    pthread_mutex_init,
)
from native._loop cimport WAKE
from native._reader cimport warming_free
from native._record cimport journal_close, journal_open
from native._state cimport (
    INPUT_BYTES,
    MADE_BYTES,
    ROWS_BYTES,
    SCRATCH_BYTES,
    SPENT_GENERATION,
    Exchange,
    Hub,
    Worker,
)
from native._target cimport LONGEST_KEY
from native._token cimport REMEMBERED, Verified


cdef inline int open_worker(Hub* hub, Worker* w, int listener, uint32_t records) except -1:
    """Make what a thread needs; the listener is its own from now on."""
    cdef epoll_event event
    w.hub = hub
    w.listener = listener
    w.poll = w.wake_fd = -1
    w.date_s = -1
    w.input = <uint8_t*>malloc(INPUT_BYTES)
    w.scratch = <uint8_t*>malloc(SCRATCH_BYTES)
    w.key = <uint8_t*>malloc(LONGEST_KEY)
    w.rows = <uint8_t*>malloc(ROWS_BYTES)
    w.made = <uint8_t*>malloc(MADE_BYTES)
    w.verified = <Verified*>calloc(REMEMBERED, sizeof(Verified))
    if w.input == NULL or w.scratch == NULL or w.key == NULL or w.verified == NULL:
        raise MemoryError("no room for a thread's buffers")
    if w.rows == NULL or w.made == NULL:
        raise MemoryError("no room for the segments that a thread makes")
    if records:
        w.journal = journal_open(records)
        if w.journal == NULL:
            raise MemoryError("no room for a thread's records")
    if getrandom(&w.random, 8, 0) != 8:
        raise OSError("the kernel gives no random bytes")
    w.samples = samples_open(w.random)
    if w.samples == NULL:
        raise MemoryError("no room for a thread's samples")
    pthread_mutex_init(&w.lock, NULL)
    w.poll = epoll_create1(EPOLL_CLOEXEC)
    w.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    event.events = EPOLLIN
    event.data.u64 = <uint64_t>SPENT_GENERATION << 32 | WAKE
    if epoll_ctl(w.poll, EPOLL_CTL_ADD, w.wake_fd, &event) != 0:
        raise OSError("no epoll instance")
    return 0


cdef inline int close_worker(Worker* w) except -1:
    """Let go of it all, of a thread that is not running any more or was never opened."""
    cdef Exchange* exchange
    cdef Warming* warmed
    cdef uint32_t each
    if w.hub == NULL:
        return 0
    while w.ready != NULL:
        exchange = w.ready
        w.ready = exchange.next_ready
        exchange_release(exchange)
    while w.events != NULL:
        exchange = w.events
        w.events = exchange.next_event
        exchange_release(exchange)
    while w.warmed != NULL:
        warmed = w.warmed
        w.warmed = warmed.next
        warming_free(warmed)
    for each in range(w.connection_count):
        free(w.connections[each])
    free(w.connections)
    free(w.input)
    free(w.scratch)
    free(w.sealing)
    free(w.key)
    free(w.rows)
    free(w.made)
    free(w.sample)
    free(w.verified)
    journal_close(w.journal)
    samples_close(w.samples)
    if w.listener >= 0:
        close(w.listener)
    if w.poll >= 0:
        close(w.poll)
    if w.wake_fd >= 0:
        close(w.wake_fd)
    pthread_mutex_destroy(&w.lock)
    return 0
