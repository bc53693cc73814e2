"""One connection's bytes: what is queued to go out, how it goes, and the times that may run out.

All socket calls of the data plane are here, so that TLS has one place to go.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from posix.types cimport off_t

from native._body cimport (
    Body,
    body_descriptor,
    body_hold,
    body_release,
    by_sendfile,
    mark_broken,
)
from native._linux cimport (
    EAGAIN,
    EINTR,
    EIO,
    MSG_DONTWAIT,
    MSG_MORE,
    MSG_NOSIGNAL,
    MSG_TRUNC,
    SHUT_WR,
    SO_LINGER,
    SOL_SOCKET,
    close,
    iovec,
    linger,
    msghdr,
    recv,
    send,
    sendfile,
    sendmsg,
    setsockopt,
    shutdown,
    sluice_errno,
    sluice_send_room,
    sluice_store,
    tally,
)
from native._reader cimport WARM_BYTES, is_resident
from native._seal cimport (
    LEAST_SEALED_BYTES,
    SEALED_BYTES,
    SEAL_ROOM,
    Mark,
    Seal,
    make_piece,
    piece_end,
    wanted_of_file,
)
from native._state cimport (
    NO_TIMER,
    POOLED,
    PROGRESS_BYTES,
    TURN_BYTES,
    Connection,
    Out,
    Timer,
    Worker,
)

cdef enum:
    MOST_PIECES = 64

cdef enum Flow:
    FLOWN                        # everything went
    BLOCKED                      # the socket takes no more for now
    PAUSED                       # it may take more, but others have their turn
    COLD                         # what comes next is not in memory
    BROKEN                       # the client has gone

# ---- the calls


cdef inline ssize_t socket_read(Connection* c, uint8_t* room, size_t length) noexcept nogil:
    """Read; 0 at the end, -1 when nothing is there, -2 when the connection is broken."""
    cdef ssize_t count
    while True:
        count = recv(c.fd, room, length, MSG_DONTWAIT)
        if count >= 0:
            # A short read has emptied the socket; only a hang-up is still to be found behind it.
            if <size_t>count < length and not c.hung_up:
                c.readable = False
            return count
        if sluice_errno() == EINTR:
            continue
        c.readable = False
        return -1 if sluice_errno() == EAGAIN else -2


cdef inline ssize_t socket_discard(Connection* c) noexcept nogil:
    """Throw away what has come, at most a quarter of a mebibyte; gives what `socket_read` gives."""
    cdef ssize_t count = recv(c.fd, NULL, 262144, MSG_DONTWAIT | MSG_TRUNC)
    if count > 0:
        return count
    c.readable = False
    if count == 0:
        return 0
    return -1 if sluice_errno() == EAGAIN or sluice_errno() == EINTR else -2


cdef inline ssize_t socket_write(
    Connection* c, iovec* pieces, int count, bint more
) noexcept nogil:
    cdef msghdr message
    memset(&message, 0, sizeof(message))
    message.msg_iov = pieces
    message.msg_iovlen = count
    return sendmsg(c.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT | (MSG_MORE if more else 0))


cdef inline ssize_t socket_write_one(Connection* c, iovec* piece, bint more) noexcept nogil:
    return send(c.fd, piece.iov_base, piece.iov_len,
                MSG_NOSIGNAL | MSG_DONTWAIT | (MSG_MORE if more else 0))


cdef inline ssize_t socket_send_file(Connection* c, Out* out) noexcept nogil:
    """Send from the descriptor of a body; of a file no more than is known to be in memory."""
    cdef off_t offset = <off_t>(out.body.offset + out.offset)
    cdef uint64_t most = out.warm - out.offset if out.warm > out.offset else WARM_BYTES
    return sendfile(c.fd, body_descriptor(out.body), &offset, min(out.length, most))


cdef inline void socket_end(Connection* c) noexcept nogil:
    shutdown(c.fd, SHUT_WR)


cdef inline void socket_reset(Connection* c) noexcept nogil:
    """Make the coming close a reset: nothing that looks like an orderly end."""
    cdef linger at_once
    at_once.l_onoff = 1
    at_once.l_linger = 0
    setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once))


cdef inline void socket_close(Connection* c) noexcept nogil:
    close(c.fd)
    c.fd = -1


# ---- the queue

cdef inline void out_free(Out* out) noexcept nogil:
    body_release(out.body)
    if not out.pooled:
        free(out)


cdef inline void out_append(Connection* c, Out* out) noexcept nogil:
    out.next = NULL
    if c.out == NULL:
        c.out = out
    else:
        c.out_last.next = out
    c.out_last = out


cdef inline Out* out_of_bytes(const uint8_t* data, size_t length) noexcept nogil:
    """Copy bytes into an Out of their own; NULL when memory is short."""
    cdef Out* out = <Out*>malloc(sizeof(Out) + length)
    if out == NULL:
        return NULL
    memcpy(<uint8_t*>out + sizeof(Out), data, length)
    out.next = NULL
    out.body = NULL
    out.at = <const uint8_t*>out + sizeof(Out)
    out.offset = 0
    out.length = length
    out.pooled = out.counted = out.sent_by_file = False
    out.warm = 0
    out.mark.hidden = 0
    return out


cdef inline void out_point(Out* out, Body* body, uint64_t start, uint64_t length) noexcept nogil:
    """Let an Out send bytes of a body, which it then holds."""
    body_hold(body)
    out.next = NULL
    out.body = body
    out.at = body.at + start
    out.offset = start + body.skipped
    out.length = length
    out.pooled = out.counted = False
    out.sent_by_file = by_sendfile(body, start, length)
    out.warm = 0
    out.mark.hidden = 0


cdef inline Out* pooled_out(Worker* w) noexcept nogil:
    """Give the next Out of this turn; the caller has seen that there is one."""
    cdef Out* out = &w.pool[w.pooled]
    w.pooled += 1
    return out


cdef inline bint out_keep(Connection* c) noexcept nogil:
    """Make what is left unsent outlast this turn; False when memory is short."""
    cdef Out** place = &c.out
    cdef Out* out
    cdef Out* kept
    c.out_last = NULL
    while place[0] != NULL:
        out = place[0]
        if out.pooled:
            if out.body == NULL:
                kept = out_of_bytes(out.at, out.length)
                if kept == NULL:
                    return False
            else:
                kept = <Out*>malloc(sizeof(Out))
                if kept == NULL:
                    return False
                kept[0] = out[0]  # takes over the hold on the body
                kept.pooled = False
            kept.next = out.next
            place[0] = kept
        c.out_last = place[0]
        place = &place[0].next
    return True


cdef inline void out_drop_all(Connection* c) noexcept nogil:
    cdef Out* out
    while c.out != NULL:
        out = c.out
        c.out = out.next
        out_free(out)
    c.out_last = NULL


cdef inline uint64_t out_consume(Connection* c, uint64_t count) noexcept nogil:
    """Take what was sent off the queue; give how much of it Python had pushed."""
    cdef uint64_t counted = 0, taken
    cdef Out* out
    while count:
        out = c.out
        taken = min(count, out.length)
        if out.counted:
            counted += taken
        out.at += taken
        out.offset += taken
        out.length -= taken
        count -= taken
        if out.length == 0:
            c.out = out.next
            out_free(out)
    if c.out == NULL:
        c.out_last = NULL
    return counted


cdef inline bint in_file(const Out* out) noexcept nogil:
    return out.body != NULL and out.body.file >= 0


cdef inline void next_of_file(
    const Out* out, uint64_t* offset, uint64_t* length
) noexcept nogil:
    """Say which bytes of its file are read to send what comes next, none where it takes none."""
    if out.body.seal == NULL:
        offset[0], length[0] = out.offset, min(out.length, <uint64_t>WARM_BYTES)
        return
    wanted_of_file(out.body.seal, out.offset, min(out.length, <uint64_t>SEALED_BYTES), &out.mark,
                   offset, length)


cdef inline bint is_cold(Out* out) noexcept nogil:
    """Whether the disk would have to be waited for to send what comes next.

    What was found in memory is not looked for again: a socket takes some of it at a time.
    """
    cdef const Seal* seal
    cdef uint64_t offset, length, ahead
    if not in_file(out):
        return False
    seal = out.body.seal
    next_of_file(out, &offset, &length)
    if length == 0 or offset < out.warm and (seal == NULL or offset + length <= out.warm):
        return False
    ahead = length
    if seal != NULL:
        ahead = max(length, min(seal.sample_bytes - offset, <uint64_t>WARM_BYTES))
    if is_resident(out.body, offset, ahead):
        out.warm = offset + ahead
        return False
    return ahead == length or not is_resident(out.body, offset, length)


cdef inline Out* lay_out(Connection* c, iovec* pieces, int room, int* count) noexcept nogil:
    """Point at what one write can take of the queue; give what is left, or NULL.

    Of the first piece the caller knows that it is in memory. The kernel reads a mapped file's
    bytes, so that a page that cannot be had after all is an error of the call and no signal.
    """
    cdef Out* out = c.out
    while out != NULL and count[0] < room and not out.sent_by_file and (
            count[0] == 0 or not is_cold(out)):
        pieces[count[0]].iov_base = <void*>out.at
        pieces[count[0]].iov_len = out.length
        count[0] += 1
        out = out.next
    return out


cdef inline ssize_t send_sealed(Worker* w, Connection* c, Out* out) noexcept nogil:
    """Encrypt some of a fragment, and send it; 0 where its file fails, or memory is short.

    What the socket does not take is made anew when it takes more, so that nothing is held for it;
    it is asked first, so that this is little. That it is full it has to say itself, else epoll
    would not tell when it is not any more.
    """
    cdef const Seal* seal = out.body.seal
    cdef Mark mark = out.mark
    cdef iovec[2] pieces
    cdef uint64_t start = out.offset, stop = out.offset + out.length, end
    cdef int count = 0
    cdef ssize_t sent
    cdef int64_t most = sluice_send_room(c.fd)
    cdef uint8_t* made
    if start < seal.header_bytes:
        pieces[0].iov_base = seal.header + start
        pieces[0].iov_len = min(stop, seal.header_bytes) - start
        start += pieces[0].iov_len
        count = 1
    if start < stop:
        if w.sealing == NULL:
            w.sealing = <uint8_t*>malloc(SEAL_ROOM)
            if w.sealing == NULL:
                return 0
        start -= seal.header_bytes
        most = SEALED_BYTES if most < 0 else min(
            max(most, <int64_t>LEAST_SEALED_BYTES), <int64_t>SEALED_BYTES)
        end = min(piece_end(seal, start, most), stop - seal.header_bytes)
        made = make_piece(seal, out.body.file, w.sealing, start, end, &mark)
        if made == NULL:
            return 0
        pieces[count].iov_base = made
        pieces[count].iov_len = end - start
        start = end + seal.header_bytes
        count += 1
    sent = socket_write(c, pieces, count, start < stop or out.next != NULL)
    if sent == <ssize_t>(start - out.offset):
        out.mark = mark
    return sent


cdef inline ssize_t send_some(Worker* w, Connection* c) noexcept nogil:
    """Hand the kernel as much of the queue as one call can."""
    cdef iovec[64] pieces        # MOST_PIECES
    cdef int count = 0
    cdef Out* rest
    if c.out.body != NULL and c.out.body.seal != NULL:
        return send_sealed(w, c, c.out)
    if c.out.sent_by_file:
        return socket_send_file(c, c.out)
    rest = lay_out(c, pieces, MOST_PIECES, &count)
    if count == 1:
        return socket_write_one(c, &pieces[0], rest != NULL)
    return socket_write(c, pieces, count, rest != NULL)


cdef inline void note_broken(Worker* w, Connection* c) noexcept nogil:
    """The file of what is sent next failed: let the close look like no orderly end."""
    if in_file(c.out):
        mark_broken(c.out.body)
        tally(&w.counters.disk_failures, 1)
    socket_reset(c)


cdef inline uint64_t note_sent(Worker* w, Connection* c, uint64_t count) noexcept nogil:
    """Count what went, and take it off the queue; give how much of it Python had pushed."""
    tally(&w.counters.sent_bytes, count)
    c.progress += count
    c.sent += count
    return out_consume(c, count)


cdef inline Flow flush(Worker* w, Connection* c, uint64_t* counted) noexcept nogil:
    """Send what is queued, as far as it goes."""
    cdef ssize_t sent
    cdef int why
    while c.out != NULL:
        if w.turn_bytes > TURN_BYTES:
            return PAUSED
        if is_cold(c.out):
            return COLD
        sent = send_some(w, c)
        if sent < 0:
            why = sluice_errno()
            if why == EINTR:
                continue
            if why != EAGAIN:
                if why == EIO:
                    note_broken(w, c)
                return BROKEN
            c.writable = False
            return BLOCKED
        if sent == 0:
            note_broken(w, c)  # a file shorter than its length must not be asked for ever
            return BROKEN
        w.turn_bytes += sent
        counted[0] += note_sent(w, c, sent)
    return FLOWN


# ---- the timers

cdef inline void timer_stop(Worker* w, Connection* c) noexcept nogil:
    if c.timer == NO_TIMER:
        return
    if c.earlier == NULL:
        w.timers[c.timer].first = c.later
    else:
        c.earlier.later = c.later
    if c.later == NULL:
        w.timers[c.timer].last = c.earlier
    else:
        c.later.earlier = c.earlier
    c.timer = NO_TIMER
    c.earlier = c.later = NULL


cdef inline void timer_start(Worker* w, Connection* c, Timer timer) noexcept nogil:
    """Let this time run from now on; the list stays in order, since each has one duration."""
    timer_stop(w, c)
    c.stamp_ms = w.now_ms
    timer_place(w, c, timer)


cdef inline void timer_place(Worker* w, Connection* c, Timer timer) noexcept nogil:
    c.timer = timer
    c.touched = False
    c.later = NULL
    c.earlier = w.timers[<int>timer].last
    if c.earlier == NULL:
        w.timers[<int>timer].first = c
    else:
        c.earlier.later = c
    w.timers[<int>timer].last = c


cdef inline void timer_touch(Worker* w, Connection* c, Timer timer) noexcept nogil:
    """Let this time begin anew, without moving the connection until the list is looked at."""
    if c.timer == timer:
        c.stamp_ms = w.now_ms
        c.touched = True
    else:
        timer_start(w, c, timer)
