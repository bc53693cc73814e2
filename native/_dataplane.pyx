# cython: boundscheck=False, wraparound=False, cdivision=True
"""The data plane: threads that answer what is stored, and hand everything else to Python.

The threads run `run` of `_loop.pxd` and never touch a Python object. This module is Python's side
of it: memory for bodies, entries, the requests that crossed, counters. Everything here runs on the
one thread that has the event loop, except `DataPlane.serve`, which is a thread's whole life.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from native._body cimport body_hold
from native._counts cimport counters_of
from native._crossing cimport Crossing, crossing_of
from native._entries cimport entry_of_fork, entry_of_slice, entry_of_texts
from native._exchange cimport exchange_release, wake_worker
from native._key_samples cimport Sample, sample_done, sample_next
from native._lines cimport LINES_BYTES, put_lines
from native._linux cimport (
    EFD_CLOEXEC,
    EFD_NONBLOCK,
    close,
    eventfd,
    getrandom,
    pthread_mutex_destroy,
    pthread_mutex_init,
    pthread_mutex_lock,
    pthread_mutex_unlock,
    read,
    sluice_store,
    sluice_swap,
)
from native._loop cimport run
from native._memory cimport Memory, StoredBody
from native._plane_texts cimport (
    PROBLEM_TEXTS,
    REFUSALS,
    TOKEN_REFUSALS,
    keep_keys,
    keep_texts,
    keep_trusted,
)
from native._plane_threads cimport close_worker, open_worker
from native._pointed cimport pointed
from native._protection cimport FragmentCipher
from native._state cimport BUCKETS, GONE, NEW, TIMERS, ClientCount, Exchange, Hub, Worker
from native._table cimport (
    Entry,
    entry_release,
    slice_key,
    table_close,
    table_drop,
    table_open,
    table_put,
)
from native._text cimport Pen
from native._track cimport track_of

cdef enum:
    CLIENT_LISTS = 1024
    MOST_EVENTS = 4096           # how many one call of `poll` gives
    MOST_RECORDS = 1048576


# What it holds never refers back to it, and must outlast it.
@cython.no_gc
@cython.final
cdef class DataPlane:
    """Threads that serve `listeners`, descriptors of bound and listening sockets, one each.

    The descriptors become the plane's. `timers_s`: idle, head, body, send, linger. `connections`
    bounds those of one thread, `per_client` those of one client over all threads (0: any number).
    `trusted`: networks of proxies, (16 address bytes, bits). `preflight`: the status and the fields
    of the answer to OPTIONS; `refusals`: status, fields and document of each refusal;
    `problems`: for 412 and 416 the status, and the document around length, path and request id;
    `token_refused`: for a missing token, a forged one, an unknown key and an expired one the status
    and fields, and the document around name, path and request id. `keys`: (name, secret) pairs;
    `fill_key`: what an edge that has looked at the token shows instead of it; with `for_edges`,
    what everything under `/media/` takes in place of tokens. `journal_records`: how many answers
    each thread's ring has room for until `log_lines` is called, a power of two; 0 keeps no record
    of answers. `batches`: answers that are ready together are sent in one call by io_uring, where
    the kernel lets us.
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
        list bounds_s not None, unsigned int journal_records = 0, bint batches = True,
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
        self.hub.batches = batches
        self.hub.limits.connections = connections
        self.hub.limits.per_client = per_client
        for each in range(<int>TIMERS):
            self.hub.limits.timer_ms[each] = <int64_t>(<double>timers_s[each] * 1000)
        for each in range(BUCKETS - 1):
            self.hub.bounds_us[each] = <uint64_t>(<double>bounds_s[each] * 1e6)
        self.texts = [preflight, refusals, problems, token_refused, fill_key]
        keep_texts(&self.hub, preflight, refusals, problems, token_refused, fill_key)
        self.hub.texts.for_edges = for_edges
        keep_trusted(&self.hub, trusted)
        keep_keys(&self.hub, keys)
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
            open_worker(&self.hub, &self.workers[each], listeners[each], journal_records)

    def __dealloc__(self):
        # A thread in `serve` and every crossing hold this object, so none of them is left.
        cdef int each
        cdef ClientCount* client
        if self.workers != NULL:
            for each in range(self.threads):
                close_worker(&self.workers[each])
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
        cdef Entry* entry
        if body is not None and body.body.length != length:
            raise ValueError(f"a body of {body.body.length} bytes, not {length}")
        entry = entry_of_texts(
            key, etag, content_type, whole, part, parts, unchanged, error, caption
        )
        entry.media = media
        entry.status = status
        entry.initial_age_s = initial_age_s
        entry.received_s = received_s
        entry.fresh_s = fresh_s
        entry.current.has_date = last_modified_s is not None
        if last_modified_s is not None:
            entry.current.last_modified_s = last_modified_s
        entry.version = version
        entry.length = length
        entry.sliced = body is None
        if body is not None:
            entry.body = body.body
            body_hold(body.body)
        table_put(&self.hub.table, entry)

    def store_track(
        self, bytes key not None, StoredBody samples not None, StoredBody index not None, *,
        unsigned long long sample_count, first not None, count not None, FragmentCipher cipher,
        double initial_age_s, double received_s, long long fresh_s, bytes etag not None,
        bytes content_type, bytes whole not None, bytes part not None, bytes unchanged not None,
        bytes error not None, bytes caption not None,
    ):
        """Answer the media segments of a track from the files of its samples and its index.

        Segment `n` has `count[n]` samples from `first[n]` on, none where it is not to be answered.
        With a cipher it is encrypted; the key is held for as long as this is answered.
        `key` is for `drop`, too; see `_made_segment.pxd` for it and for the marks in the blocks.
        Raises `ValueError` where the segments are not within the index.
        """
        cdef Entry* entry
        if samples.body.file < 0 or index.body.file < 0:
            raise ValueError("a track's samples and its index are files")
        entry = entry_of_texts(
            key, etag, content_type, whole, part, b"", unchanged, error, caption
        )
        try:
            entry.track = track_of(
                index.body, sample_count, first, count, NULL if cipher is None else cipher.cipher
            )
        except BaseException:
            entry_release(entry)
            raise
        entry.media = True
        entry.status = 200
        entry.initial_age_s = initial_age_s
        entry.received_s = received_s
        entry.fresh_s = fresh_s
        entry.body = samples.body
        body_hold(samples.body)
        table_put(&self.hub.table, entry)

    def store_slice(
        self, unsigned long long version, unsigned long long number, StoredBody body not None
    ):
        """Let what is stored with this version be answered from this slice, too."""
        table_put(&self.hub.table, entry_of_slice(version, number, body.body))

    def drop_slice(self, unsigned long long version, unsigned long long number):
        """Forget a slice; who is being answered from it is answered in full."""
        cdef uint8_t[17] room
        return bool(table_drop(&self.hub.table, slice_key(room, version, number)))

    def fork(self, bytes key not None, bytes names not None):
        """Answer `key` from the variant that a request chooses by the fields `names`.

        They are in lower case, with a line feed between them; for the keys see `_vary.pxd`.
        """
        table_put(&self.hub.table, entry_of_fork(key, names))

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
                elif events & <uint32_t>NEW and not events & <uint32_t>GONE:
                    found.append((crossing_of(exchange, self), events))
                exchange_release(exchange)
        return found

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
        return [counters_of(&self.workers[each]) for each in range(self.threads)]
