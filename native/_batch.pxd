"""Answers of one round of events that go out together, in one system call: see `_ring.pxd`.

A hit that is ready to be sent waits, for some microseconds, for the hits that other connections ask
for in the same round. Its bytes stay where they are in the worker's scratch and pool, which are
not used anew before the batch has gone. Only what fits one send is gathered; everything else goes
as it always does, and so does all of it where there is no ring.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from native._connection cimport in_file, lay_out, note_broken, note_sent, out_keep
from native._journal cimport write_sent
from native._linux cimport EAGAIN, EINTR, EIO, now_us, tally
from native._ring cimport (
    NOT_SENT,
    RING_PIECES,
    RING_SENDS,
    Ring,
    ring_close,
    ring_put,
    ring_submit,
)
from native._state cimport (
    HEADROOM_BYTES,
    POOLED,
    POOLED_PER_ANSWER,
    READING,
    SCRATCH_BYTES,
    Connection,
    Gathered,
    Worker,
)
from native._turns cimport call_again, count_hits, end, watch_time


cdef inline bint has_room(const Worker* w) noexcept nogil:
    """Whether scratch and pool have room for one more answer."""
    return (w.pooled + POOLED_PER_ANSWER <= POOLED
            and w.scratch_used + HEADROOM_BYTES <= SCRATCH_BYTES)


cdef inline bint batch_add(
    Worker* w, Connection* c, uint64_t hits, int64_t began_us
) noexcept nogil:
    """Let what is queued for a connection go with the batch; False where it has to go by itself.

    With it goes the count of hits that it answers.
    """
    cdef Ring* ring = w.ring
    cdef Gathered* gathered
    cdef int pieces = 0
    if not w.gathering or c.out == NULL or not c.writable or c.cold or c.state != READING:
        return False
    if c.closing or c.unparsed or c.readable or c.hung_up or in_file(c.out):
        return False
    if lay_out(c, ring.sends[ring.count].pieces, RING_PIECES, &pieces) != NULL or pieces == 0:
        return False
    gathered = &w.gathered[ring.count]
    gathered.connection = c
    gathered.hits = hits
    gathered.began_us = began_us
    ring_put(ring, c.fd, pieces)
    c.gathered = True
    return True


cdef inline void settle(
    Worker* w, Gathered* gathered, int result, int64_t at_us
) noexcept nogil:
    """Go on with a connection whose send had this result, as `flush` does after its own."""
    cdef Connection* c = gathered.connection
    c.gathered = False
    if gathered.hits:
        count_hits(w, gathered.hits, at_us - gathered.began_us)
    if result != NOT_SENT:
        tally(&w.counters.batched, 1)
    if result > 0 and result != NOT_SENT:
        note_sent(w, c, result)
        if c.records != NULL:
            write_sent(w, c)
    elif result == -EAGAIN:
        c.writable = False
    elif result != NOT_SENT and result != -EINTR:
        if result == -EIO:
            note_broken(w, c)
        end(w, c)
        return
    if c.out != NULL:
        if not out_keep(c):
            end(w, c)
            return
        if c.writable:
            call_again(w, c)
    watch_time(w, c)


cdef inline void batch_send(Worker* w) noexcept nogil:
    """Send what was gathered; what the kernel leaves over goes with its connection's next turn."""
    cdef Ring* ring = w.ring
    cdef uint32_t count = ring.count, each
    cdef bint works = ring_submit(ring)
    cdef int64_t at_us = now_us()
    for each in range(count):
        settle(w, &w.gathered[each], ring.sends[each].result, at_us)
    if not works:
        ring_close(ring)
        w.ring = NULL
        w.gathering = False


cdef inline bint is_gathering(const Worker* w) noexcept nogil:
    """Whether answers wait in the scratch for the batch to go."""
    return w.ring != NULL and w.ring.count != 0


cdef inline void clear_room(Worker* w) noexcept nogil:
    """Make room for one answer at least, at the beginning of a turn."""
    if is_gathering(w) and (w.ring.count == RING_SENDS or not has_room(w)):
        batch_send(w)
    if not is_gathering(w):
        w.pooled = 0
        w.scratch_used = 0
