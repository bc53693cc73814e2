# cython: boundscheck=False, wraparound=False, cdivision=True
"""The data plane: threads that answer what is stored, and hand everything else to Python.

The threads run `run` of `_loop.pxd` and never touch a Python object. This module is Python's side
of it: memory for bodies, entries, the requests that crossed, counters. Everything here runs on the
one thread that has the event loop, except `DataPlane.serve`, which is a thread's whole life.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from native._body cimport Warming, body_hold, body_release
from native._connection cimport out_of_bytes, out_point
from native._exchange cimport exchange_release, tell_worker_locked, wake_worker
from native._lines cimport LONGEST_LINE, put_line
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
    pthread_mutex_lock,
    pthread_mutex_unlock,
    read,
    sluice_add,
    sluice_count,
    sluice_load,
    sluice_store,
    sluice_swap,
)
from native._loop cimport WAKE, run
from native._memory cimport Memory, StoredBody
from native._record cimport (
    IDENTITY_ROOM,
    RESULT_ROOM,
    Journal,
    Note,
    Record,
    journal_close,
    journal_dropped,
    journal_open,
    record_done,
    record_next,
    shortened,
)
from native._reader cimport warming_free
from native._key_samples cimport Sample, sample_done, sample_next, samples_close, samples_open
from native._state cimport (
    BUCKETS,
    CUT,
    ENDED,
    INPUT_BYTES,
    OPEN,
    RESET,
    SCRATCH_BYTES,
    SPENT_GENERATION,
    TIMERS,
    ClientCount,
    Exchange,
    Hub,
    Network,
    Out,
    Worker,
)
from native._table cimport (
    SLICE_KEY_BYTES,
    Entry,
    entry_release,
    slice_key,
    table_close,
    table_drop,
    table_open,
    table_put,
)
from native._target cimport LONGEST_KEY
from native._text cimport Pen, Span
from native._token cimport LONGEST_KID, REMEMBERED, TokenKey, Verified, token_key

cdef enum:
    REFUSALS = 8
    PROBLEM_TEXTS = 5
    TOKEN_REFUSALS = 4
    KEY_BYTES = 64
    CLIENT_LISTS = 1024
    NEW_EVENT = 1
    GONE_EVENT = 8
    MOST_EVENTS = 4096           # how many one call of `poll` gives
    MOST_RECORDS = 1048576
    LINES_BYTES = 262144


# ---- requests that crossed

# Only this module makes crossings: one without its request must never be reachable.
cdef bint making = False


cdef Crossing new_crossing():
    global making
    making = True
    try:
        return Crossing.__new__(Crossing)
    finally:
        making = False


# What it holds never refers back to it, and must outlast it.
@cython.no_gc
@cython.final
cdef class Crossing:
    """A request that Python answers. Whoever lets go of it unanswered resets its connection."""

    cdef Exchange* exchange
    cdef DataPlane plane         # keeps the worker

    def __cinit__(self):
        if not making:
            raise TypeError("crossings come from DataPlane.poll")

    def __dealloc__(self):
        cdef Worker* w
        if self.exchange == NULL:
            return
        w = self.exchange.worker
        pthread_mutex_lock(&w.lock)
        self.exchange.object = NULL
        if self.exchange.ending == OPEN:
            self.exchange.ending = RESET
            tell_worker_locked(self.exchange)
        pthread_mutex_unlock(&w.lock)
        wake_worker(w)
        exchange_release(self.exchange)

    @property
    def head(self):
        """The bytes of the request's head, which was found complete and acceptable."""
        return PyBytes_FromStringAndSize(<char*>self.exchange.head, self.exchange.head_length)

    @property
    def peer(self):
        """The client's address, 16 bytes; IPv4 as IPv4-mapped IPv6."""
        return PyBytes_FromStringAndSize(<char*>self.exchange.peer.address, 16)

    @property
    def keep_alive(self):
        """Whether the connection stays open after the answer."""
        return bool(self.exchange.keep_alive)

    @property
    def unsent(self):
        """How many bytes were pushed and not yet taken by the kernel."""
        return sluice_load(&self.exchange.unsent)

    def push(self, data not None):
        """Copy bytes to the end of the answer."""
        cdef Py_buffer view
        cdef Out* out
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        out = out_of_bytes(<const uint8_t*>view.buf, view.len)
        PyBuffer_Release(&view)
        if out == NULL:
            raise MemoryError("no room for bytes to send")
        self.append(out)

    def push_stored(self, StoredBody body not None, unsigned long long start,
                    unsigned long long stop):
        """Add bytes of a stored body to the end of the answer, without copying them."""
        cdef Out* out
        if not start <= stop <= body.body.length:
            raise IndexError(f"bytes {start} to {stop} of a body of {body.body.length}")
        out = <Out*>malloc(sizeof(Out))
        if out == NULL:
            raise MemoryError("no room for an answer")
        out_point(out, body.body, start, stop - start)
        self.append(out)

    def wait_writable(self, int most_bytes):
        """Ask for the WRITABLE event when more is unsent than that; False when there is not.

        It comes when no more than three quarters of it are; after False none comes.
        """
        cdef int low_bytes = most_bytes // 4 * 3
        if sluice_load(&self.exchange.unsent) <= most_bytes:
            return False
        sluice_store(&self.exchange.low_bytes, low_bytes)
        sluice_store(&self.exchange.waiting, 1)
        if sluice_load(&self.exchange.unsent) > low_bytes:
            return True
        return not sluice_swap(&self.exchange.waiting, 0)

    def finish(self):
        """The answer is whole."""
        self.conclude(ENDED)

    def cut(self):
        """Close the connection once what was pushed has gone out."""
        self.conclude(CUT)

    def reset(self):
        """Break the connection off at once, in a way that no client takes for an orderly end."""
        self.conclude(RESET)

    def note(
        self, int status, bytes result not None, bytes identity not None,
        unsigned long long promised,
    ):
        """Say for the access log what became of the request; the last call before the end counts.

        `promised`: the bytes of the whole answer, head included, or 0 where its head does not say.
        """
        cdef Note note
        note.status = status
        note.promised = promised
        note.result_length = shortened(note.result, RESULT_ROOM, pointed(result))
        note.identity_length = shortened(note.identity, IDENTITY_ROOM, pointed(identity))
        pthread_mutex_lock(&self.exchange.worker.lock)
        self.exchange.note = note
        pthread_mutex_unlock(&self.exchange.worker.lock)

    def take_body(self):
        """Take what has come of the request's body: (pieces, whether it ended, or is broken)."""
        cdef Worker* w = self.exchange.worker
        cdef Out* out
        cdef Out* first
        cdef list pieces = []
        pthread_mutex_lock(&w.lock)
        out = first = self.exchange.body
        self.exchange.body = self.exchange.body_last = NULL
        self.exchange.body_bytes = 0
        ended, broken = self.exchange.body_ended, self.exchange.body_broken
        if first != NULL and not ended:
            tell_worker_locked(self.exchange)
        pthread_mutex_unlock(&w.lock)
        wake_worker(w)
        try:
            while out != NULL:
                pieces.append(PyBytes_FromStringAndSize(<char*>out.at, out.length))
                out = out.next
        finally:
            while first != NULL:
                out = first.next
                free(first)
                first = out
        return pieces, bool(ended), bool(broken)

    cdef int append(self, Out* out) except -1:
        cdef Exchange* exchange = self.exchange
        if out.length == 0:
            body_release(out.body)
            free(out)
            return 0
        # Bytes of stored bodies count, too: the cache may let go of them while they wait here.
        out.counted = True
        sluice_add(&exchange.unsent, <int>out.length)
        pthread_mutex_lock(&exchange.worker.lock)
        if exchange.out == NULL:
            exchange.out = out
        else:
            exchange.out_last.next = out
        exchange.out_last = out
        tell_worker_locked(exchange)
        pthread_mutex_unlock(&exchange.worker.lock)
        wake_worker(exchange.worker)
        return 0

    cdef int conclude(self, int ending) except -1:
        cdef Exchange* exchange = self.exchange
        pthread_mutex_lock(&exchange.worker.lock)
        if exchange.ending == OPEN:
            exchange.ending = ending
            tell_worker_locked(exchange)
        pthread_mutex_unlock(&exchange.worker.lock)
        wake_worker(exchange.worker)
        return 0


# ---- the plane

cdef Span packed(uint8_t** at, bytes data) noexcept:
    """Copy bytes to `at` and move it past them; no bytes at all stay no bytes."""
    cdef Span span
    span.at = NULL
    span.length = 0
    if data is not None:
        memcpy(at[0], <const char*>data, len(data))
        span.at = at[0]
        span.length = <uint32_t>len(data)
        at[0] += len(data)
    return span


cdef Span pointed(bytes data):
    cdef Span span
    span.at = NULL
    span.length = 0
    if data is not None:
        span.at = <const uint8_t*><const char*>data
        span.length = <uint32_t>len(data)
    return span


# What it holds never refers back to it, and must outlast it.
@cython.no_gc
@cython.final
cdef class DataPlane:
    """Threads that serve `listeners`, descriptors of bound and listening sockets, one each.

    The descriptors become the plane's. `timers_s`: idle, head, body, send, linger. `connections`
    bounds those of one thread, `per_client` those of one address over all threads (0: any number).
    `trusted`: networks of proxies, (16 address bytes, bits). `preflight`: the status and the fields
    of the answer to OPTIONS; `refusals`: status, fields and document of each refusal;
    `problems`: for 412 and 416 the status, and the document around length, path and request id;
    `token_refused`: for a missing token, a forged one, an unknown key and an expired one the status
    and fields, and the document around name, path and request id. `keys`: (name, secret) pairs;
    `fill_key`: what an edge that has looked at the token shows instead of it; with `for_edges`,
    what everything under `/media/` takes in place of tokens. `journal_records`: how many answers
    each thread's ring has room for until `log_lines` is called, a power of two; 0 keeps no record
    of answers.
    """

    cdef Hub hub
    cdef Worker* workers
    cdef readonly int threads
    cdef list texts              # what hub.texts points to
    cdef Memory memory
    cdef readonly unsigned int journal_records
    cdef uint8_t* lines          # LINES_BYTES, for `log_lines`
    cdef int turn                # whose records it takes first

    def __cinit__(
        self, list listeners not None, Memory memory not None, *, tuple timers_s not None,
        unsigned long long connections, unsigned int per_client, list trusted not None,
        bytes preflight not None, list refusals not None, list problems not None,
        list token_refused not None, list keys not None, bytes fill_key, bint for_edges=False,
        list bounds_s not None, unsigned int journal_records = 0,
    ):
        cdef int each
        if journal_records & (journal_records - 1) or journal_records > MOST_RECORDS:
            raise ValueError(f"{journal_records} records are no power of two, or too many")
        self.journal_records = journal_records
        self.hub.fd = -1
        self.memory = memory
        if len(timers_s) != TIMERS or len(refusals) != REFUSALS or len(bounds_s) != BUCKETS - 1:
            raise ValueError("timers, refusals or bounds are not as many as there are")
        if not listeners or len(problems) != 2 or len(token_refused) != TOKEN_REFUSALS:
            raise ValueError("no listeners, or not as many problems as there are")
        if any(len(texts) != PROBLEM_TEXTS for texts in [*problems, *token_refused]):
            raise ValueError("a problem without its texts")
        self.hub.sleeping = 1
        self.hub.limits.connections = connections
        self.hub.limits.per_client = per_client
        for each in range(<int>TIMERS):
            self.hub.limits.timer_ms[each] = <int64_t>(<double>timers_s[each] * 1000)
        for each in range(BUCKETS - 1):
            self.hub.bounds_us[each] = <uint64_t>(<double>bounds_s[each] * 1e6)
        self.keep_texts(preflight, refusals, problems, token_refused, fill_key)
        self.hub.texts.for_edges = for_edges
        self.keep_trusted(trusted)
        self.keep_keys(keys)
        if getrandom(&self.hub.table.seed, 8, 0) != 8 or not table_open(&self.hub.table):
            raise MemoryError("no room for the table")
        pthread_mutex_init(&self.hub.clients_lock, NULL)
        if journal_records:
            self.lines = <uint8_t*>malloc(LINES_BYTES)
            if self.lines == NULL:
                raise MemoryError("no room for lines")
        self.hub.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        self.threads = <int>len(listeners)
        self.workers = <Worker*>calloc(self.threads, sizeof(Worker))
        if self.workers == NULL:
            raise MemoryError("no room for the threads")
        for each in range(self.threads):
            self.open_worker(&self.workers[each], listeners[each])

    cdef int keep_texts(
        self, bytes preflight, list refusals, list problems, list token_refused, bytes fill_key
    ) except -1:
        cdef int each, number
        self.texts = [preflight, refusals, problems, token_refused, fill_key]
        self.hub.texts.preflight = pointed(preflight)
        self.hub.texts.fill_key = pointed(fill_key)
        for number in range(TOKEN_REFUSALS):
            for each in range(PROBLEM_TEXTS):
                self.hub.texts.token_refused[number][each] = pointed(token_refused[number][each])
        for each in range(REFUSALS):
            self.hub.texts.refusals[each] = pointed(refusals[each])
        for each in range(PROBLEM_TEXTS):
            self.hub.texts.problem_412[each] = pointed(problems[0][each])
            self.hub.texts.problem_416[each] = pointed(problems[1][each])
        return 0

    cdef int keep_keys(self, list keys) except -1:
        cdef TokenKey* key
        cdef bytes kid, secret
        self.hub.keys = <TokenKey*>calloc(max(1, len(keys)), sizeof(TokenKey))
        if self.hub.keys == NULL:
            raise MemoryError("no room for the keys")
        for kid, secret in keys:
            if not 0 < len(kid) <= LONGEST_KID or not 0 < len(secret) <= KEY_BYTES:
                raise ValueError(f"the key {kid!r} or its name is too long, or there is none")
            key = &self.hub.keys[self.hub.key_count]
            memcpy(key.kid, <const char*>kid, len(kid))
            key.kid_length = <uint32_t>len(kid)
            token_key(key, <const uint8_t*><const char*>secret, <uint32_t>len(secret))
            self.hub.key_count += 1
        return 0

    cdef int keep_trusted(self, list trusted) except -1:
        cdef int each
        self.hub.trusted = <Network*>calloc(max(1, len(trusted)), sizeof(Network))
        if self.hub.trusted == NULL:
            raise MemoryError("no room for the networks")
        for each in range(<int>len(trusted)):
            address, bits = trusted[each]
            if len(address) != 16 or not 0 <= bits <= 128:
                raise ValueError(f"{trusted[each]!r} is no network")
            memcpy(self.hub.trusted[each].address, <const char*><bytes>address, 16)
            self.hub.trusted[each].bits = bits
        self.hub.trusted_count = <int>len(trusted)
        return 0

    cdef int open_worker(self, Worker* w, int listener) except -1:
        cdef epoll_event event
        w.hub = &self.hub
        w.listener = listener
        w.poll = w.wake_fd = -1
        w.date_s = -1
        w.input = <uint8_t*>malloc(INPUT_BYTES)
        w.scratch = <uint8_t*>malloc(SCRATCH_BYTES)
        w.key = <uint8_t*>malloc(LONGEST_KEY)
        w.verified = <Verified*>calloc(REMEMBERED, sizeof(Verified))
        if w.input == NULL or w.scratch == NULL or w.key == NULL or w.verified == NULL:
            raise MemoryError("no room for a thread's buffers")
        if self.journal_records:
            w.journal = journal_open(self.journal_records)
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

    def __dealloc__(self):
        # A thread in `serve` and every crossing hold this object, so none of them is left.
        cdef int each
        cdef ClientCount* client
        if self.workers != NULL:
            for each in range(self.threads):
                self.close_worker(&self.workers[each])
            free(self.workers)
        if self.hub.fd >= 0:
            close(self.hub.fd)
            table_close(&self.hub.table)
            pthread_mutex_destroy(&self.hub.clients_lock)
        for each in range(CLIENT_LISTS):
            while self.hub.clients[each] != NULL:
                client = self.hub.clients[each]
                self.hub.clients[each] = client.next
                free(client)
        free(self.hub.trusted)
        free(self.hub.keys)
        free(self.lines)

    cdef int close_worker(self, Worker* w) except -1:
        cdef Exchange* exchange
        cdef Warming* warmed
        cdef uint32_t each
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
        free(w.key)
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

    def fileno(self):
        """Give the descriptor that becomes readable when `poll` has something to give."""
        return self.hub.fd

    def serve(self, int number):
        """Be thread `number` until the plane is drained or stopped; the GIL is not held."""
        if not 0 <= number < self.threads:
            raise IndexError(f"thread {number} of {self.threads}")
        with nogil:
            run(&self.workers[number])

    def drain(self):
        """Stop accepting; each thread ends when the last of its connections has been answered."""
        sluice_store(&self.hub.draining, 1)
        self.wake_all()

    def stop(self):
        """Close every connection at once, and end the threads."""
        sluice_store(&self.hub.stopping, 1)
        self.wake_all()

    cdef int wake_all(self) except -1:
        cdef int each
        for each in range(self.threads):
            sluice_store(&self.workers[each].sleeping, 1)
            wake_worker(&self.workers[each])
        return 0

    # What is stored

    def store(
        self, bytes key not None, StoredBody body, *, unsigned long long version,
        unsigned long long length, bint media, int status,
        double initial_age_s, double received_s, long long fresh_s, bytes etag,
        last_modified_s, bytes content_type, bytes whole not None, bytes part not None,
        bytes parts not None, bytes unchanged not None, bytes error not None,
        bytes caption not None,
    ):
        """Answer `key` from this body, until it is no longer fresh; see `Entry` for the blocks.

        Without a body it is answered from the slices of this version as far as they are there.
        """
        cdef uint64_t text = sum([
            len(each) for each in
            (key, etag or b"", content_type or b"", whole, part, parts, unchanged, error, caption)
        ])
        cdef Entry* entry = <Entry*>malloc(sizeof(Entry) + text)
        cdef uint8_t* at = <uint8_t*>entry + sizeof(Entry)
        if entry == NULL:
            raise MemoryError("no room for an entry")
        memset(entry, 0, sizeof(Entry))
        entry.refs = 1
        entry.media = media
        entry.status = status
        entry.initial_age_s = initial_age_s
        entry.received_s = received_s
        entry.fresh_s = fresh_s
        entry.key = packed(&at, key)
        entry.current.etag = packed(&at, etag)
        entry.plain_tag = etag is None or etag.isascii()
        entry.current.has_date = last_modified_s is not None
        if last_modified_s is not None:
            entry.current.last_modified_s = last_modified_s
        entry.content_type = packed(&at, content_type)
        entry.whole = packed(&at, whole)
        entry.part = packed(&at, part)
        entry.parts = packed(&at, parts)
        entry.unchanged = packed(&at, unchanged)
        entry.error = packed(&at, error)
        entry.caption = packed(&at, caption)
        entry.version = version
        entry.length = length
        entry.sliced = body is None
        if body is not None:
            if body.body.length != length:
                free(entry)
                raise ValueError(f"a body of {body.body.length} bytes, not {length}")
            entry.body = body.body
            body_hold(body.body)
        table_put(&self.hub.table, entry)

    def store_slice(
        self, unsigned long long version, unsigned long long number, StoredBody body not None
    ):
        """Let what is stored with this version be answered from this slice, too."""
        cdef Entry* entry = <Entry*>calloc(1, sizeof(Entry) + SLICE_KEY_BYTES)
        if entry == NULL:
            raise MemoryError("no room for an entry")
        entry.refs = 1
        entry.key = slice_key(<uint8_t*>entry + sizeof(Entry), version, number)
        entry.version = version
        entry.number = number
        entry.body = body.body
        entry.length = body.body.length
        body_hold(body.body)
        table_put(&self.hub.table, entry)

    def drop_slice(self, unsigned long long version, unsigned long long number):
        """Forget a slice; who is being answered from it is answered in full."""
        cdef uint8_t[17] room
        return bool(table_drop(&self.hub.table, slice_key(room, version, number)))

    def fork(self, bytes key not None, bytes names not None):
        """Answer `key` from the variant that a request chooses by the fields `names`.

        They are in lower case, with a line feed between them; for the keys see `_vary.pxd`.
        """
        cdef Entry* entry = <Entry*>calloc(1, sizeof(Entry) + len(key) + len(names))
        cdef uint8_t* at = <uint8_t*>entry + sizeof(Entry)
        if entry == NULL:
            raise MemoryError("no room for an entry")
        entry.refs = 1
        entry.key = packed(&at, key)
        entry.names = packed(&at, names)
        table_put(&self.hub.table, entry)

    def drop(self, bytes key not None):
        """Forget what is stored for `key`; who is being answered from it is answered in full."""
        return bool(table_drop(&self.hub.table, pointed(key)))

    def used(self):
        """Give (version, number, hits) of the slices that were hit since the last call."""
        cdef Entry* entry
        cdef Entry* next
        cdef list found = []
        pthread_mutex_lock(&self.hub.table.used_lock)
        entry = self.hub.table.used
        self.hub.table.used = NULL
        pthread_mutex_unlock(&self.hub.table.used_lock)
        while entry != NULL:
            next = entry.next_used
            # The link was read first: once its uses are none, a thread may queue the entry anew.
            found.append((entry.version, entry.number, sluice_swap(&entry.uses, 0)))
            entry_release(entry)
            entry = next
        found.reverse()
        return found

    # What crossed

    def poll(self):
        """Give what happened to crossings since the last call: (crossing, events) pairs.

        Call again until there is nothing: only then does the descriptor tell of more.
        """
        cdef uint64_t rung
        cdef list found
        read(self.hub.fd, &rung, sizeof(rung))
        found = self.collect()
        if found:
            return found
        sluice_store(&self.hub.sleeping, 1)
        found = self.collect()
        if found:
            sluice_store(&self.hub.sleeping, 0)
        return found

    cdef list collect(self):
        cdef list found = []
        cdef int each
        cdef Worker* w
        cdef Exchange* exchange
        cdef uint32_t events
        cdef void* known
        for each in range(self.threads):
            w = &self.workers[each]
            while len(found) < MOST_EVENTS:
                pthread_mutex_lock(&w.lock)
                exchange = w.events
                if exchange == NULL:
                    pthread_mutex_unlock(&w.lock)
                    break
                w.events = exchange.next_event
                exchange.event_queued = False
                events = exchange.events
                exchange.events = 0
                known = exchange.object
                pthread_mutex_unlock(&w.lock)
                if known != NULL:
                    found.append((<Crossing>known, events))
                elif events & NEW_EVENT and not events & GONE_EVENT:
                    found.append((self.take(exchange), events))
                exchange_release(exchange)
        return found

    cdef Crossing take(self, Exchange* exchange):
        cdef Crossing crossing = new_crossing()
        sluice_add(&exchange.refs, 1)
        crossing.exchange = exchange
        crossing.plane = self
        pthread_mutex_lock(&exchange.worker.lock)
        exchange.object = <void*>crossing
        pthread_mutex_unlock(&exchange.worker.lock)
        return crossing

    # What is asked for

    def watch(self, bint watched):
        """Sample the keys of hits from now on, or no longer."""
        sluice_store(&self.hub.watched, watched)

    def samples(self):
        """Give (key, hits) of hits since the last call while they are watched.

        Hits are many: each key stands for some beside it, and the longest are cut.
        """
        cdef int each
        cdef Sample* sample
        cdef list found = []
        for each in range(self.threads):
            while True:
                sample = sample_next(self.workers[each].samples)
                if sample == NULL:
                    break
                found.append((
                    PyBytes_FromStringAndSize(<char*>sample.key, sample.length), sample.weight
                ))
                sample_done(self.workers[each].samples)
        return found

    # What was answered

    def log_lines(self):
        """Give lines of JSON for answers that have ended since the last call; b"" when none has.

        For one caller at a time, which may be any thread; the GIL is not held while lines are made.
        """
        cdef Pen pen
        cdef int each
        if self.lines == NULL:
            return b""
        pen.at = self.lines
        pen.end = self.lines + LINES_BYTES
        pen.full = False
        with nogil:
            for each in range(self.threads):  # another one first each time: room is scarce
                put_lines(&pen, self.workers[(self.turn + each) % self.threads].journal)
        self.turn = (self.turn + 1) % self.threads
        return PyBytes_FromStringAndSize(<char*>self.lines, pen.at - self.lines)

    # What was counted

    def counters(self):
        """Give the counters of each thread, by name; they may be a moment apart.

        What is counted by kind is a tuple: `expired` in the order of `timers_s`, `refusals` and
        `tokens_refused` in that of their texts, `hit_seconds` in that of `bounds_s`, then longer.
        """
        cdef int each
        return [self.counters_of(&self.workers[each]) for each in range(self.threads)]

    cdef dict counters_of(self, Worker* w):
        cdef int each
        cdef dict found = {
            "requests": sluice_count(&w.counters.requests),
            "hits": sluice_count(&w.counters.hits),
            "crossed": sluice_count(&w.counters.crossed),
            "refused": sluice_count(&w.counters.refused),
            "preflights": sluice_count(&w.counters.preflights),
            "sent_bytes": sluice_count(&w.counters.sent_bytes),
            "body_bytes": sluice_count(&w.counters.body_bytes),
            "accepted": sluice_count(&w.counters.accepted),
            "turned_away": sluice_count(&w.counters.turned_away),
            "crowded": sluice_count(&w.counters.crowded),
            "lines_dropped": journal_dropped(w.journal),
            "disk_waits": sluice_count(&w.counters.disk_waits),
            "disk_failures": sluice_count(&w.counters.disk_failures),
            "open": sluice_count(&w.counters.open),
            "hit_us": sluice_count(&w.counters.hit_us),
        }
        for each in range(1, 6):
            found[f"status_{each}xx"] = sluice_count(&w.counters.statuses[each])
        found["expired"] = counts(w.counters.expired, TIMERS)
        found["refusals"] = counts(w.counters.refusals, REFUSALS)
        found["tokens_refused"] = counts(w.counters.tokens_refused, TOKEN_REFUSALS)
        found["hit_seconds"] = counts(w.counters.hit_seconds, BUCKETS)
        return found


cdef void put_lines(Pen* pen, Journal* journal) noexcept nogil:
    """Write lines while there is room for the longest."""
    cdef Record* record
    while pen.end - pen.at >= LONGEST_LINE:
        record = record_next(journal)
        if record == NULL:
            return
        put_line(pen, record)
        record_done(journal)


cdef tuple counts(const uint64_t* counters, int count):
    cdef int each
    return tuple([sluice_count(&counters[each]) for each in range(count)])
