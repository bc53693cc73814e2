# cython: boundscheck=False, wraparound=False, cdivision=True
"""Requests that crossed: what Python reads of them, and how it answers.

A crossing is used on the one thread that has the event loop. What it queues is taken by the thread
that has the connection; see `_exchange.pxd`.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc

from native._body cimport body_release
from native._connection cimport out_of_bytes, out_point
from native._exchange cimport exchange_release, tell_worker_locked, wake_worker
from native._linux cimport (
    pthread_mutex_lock,
    pthread_mutex_unlock,
    sluice_add,
    sluice_load,
    sluice_store,
    sluice_swap,
)
from native._memory cimport StoredBody
from native._pointed cimport pointed
from native._record cimport IDENTITY_ROOM, RESULT_ROOM, Note, shortened
from native._state cimport CUT, ENDED, OPEN, RESET, Exchange, Out, Worker

# Only `crossing_of` makes crossings: one without its request must never be reachable.
cdef bint making = False


cdef Crossing crossing_of(Exchange* exchange, object plane):
    cdef Crossing crossing
    global making
    making = True
    try:
        crossing = Crossing.__new__(Crossing)
    finally:
        making = False
    sluice_add(&exchange.refs, 1)
    crossing.exchange = exchange
    crossing.plane = plane
    pthread_mutex_lock(&exchange.worker.lock)
    exchange.object = <void*>crossing
    pthread_mutex_unlock(&exchange.worker.lock)
    return crossing


# What it holds never refers back to it, and must outlast it.
@cython.no_gc
@cython.final
cdef class Crossing:
    """A request that Python answers. Whoever lets go of it unanswered resets its connection."""

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
        """Whether the connection stays open after an answer that begins now."""
        cdef Worker* w = self.exchange.worker
        pthread_mutex_lock(&w.lock)
        broken = self.exchange.body_broken
        pthread_mutex_unlock(&w.lock)
        return bool(self.exchange.keep_alive and not broken and not sluice_load(&w.hub.draining))

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
        """Say for the access log what becomes of the request; the last call before the end counts.

        Without an end it is `aborted`, unless the client has all that was promised by then.

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
