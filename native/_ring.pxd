"""Several sends in one system call, through io_uring where the kernel lets us.

A ring is used like a longer `send(2)`: `ring_submit` returns when every send has been tried, and
has its results. Nothing of it ever waits (`MSG_DONTWAIT`), so nothing is under way between calls,
and whoever gave the bytes may have them back at once. Its thread makes the ring and alone uses it.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from native._linux cimport (
    MAP_FAILED,
    MAP_SHARED,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    PROT_READ,
    PROT_WRITE,
    close,
    iovec,
    mmap,
    msghdr,
    munmap,
)

cdef extern from * nogil:
    """
    #include <linux/io_uring.h>

    static inline int sluice_ring_setup(unsigned entries, struct io_uring_params *params) {
        return (int)syscall(SYS_io_uring_setup, entries, params);
    }
    static inline int sluice_ring_enter(int fd, unsigned count, unsigned least) {
        return (int)syscall(SYS_io_uring_enter, fd, count, least, IORING_ENTER_GETEVENTS, NULL, 0);
    }
    static inline unsigned sluice_acquire(const unsigned *at) {
        return __atomic_load_n(at, __ATOMIC_ACQUIRE);
    }
    static inline void sluice_release(unsigned *at, unsigned value) {
        __atomic_store_n(at, value, __ATOMIC_RELEASE);
    }
    """
    struct io_sqring_offsets:
        uint32_t head
        uint32_t tail
        uint32_t ring_mask
        uint32_t array
    struct io_cqring_offsets:
        uint32_t head
        uint32_t tail
        uint32_t ring_mask
        uint32_t cqes
    struct io_uring_params:
        uint32_t sq_entries
        uint32_t cq_entries
        uint32_t features
        io_sqring_offsets sq_off
        io_cqring_offsets cq_off
    struct io_uring_sqe:
        uint8_t opcode
        int32_t fd
        uint64_t addr
        uint32_t len
        uint32_t msg_flags
        uint64_t user_data
    struct io_uring_cqe:
        uint64_t user_data
        int32_t res
    enum: IORING_OP_SEND, IORING_OP_SENDMSG, IORING_OFF_SQ_RING, IORING_OFF_SQES
    enum: IORING_FEAT_SINGLE_MMAP, IORING_FEAT_NATIVE_WORKERS
    int sluice_ring_setup(unsigned int entries, io_uring_params* params)
    int sluice_ring_enter(int fd, unsigned int count, unsigned int least)
    uint32_t sluice_acquire(const uint32_t* at)
    void sluice_release(uint32_t* at, uint32_t value)

cdef enum:
    RING_SENDS = 32              # in one call at most; a power of two
    RING_PIECES = 4              # of one send
    NOT_SENT = 1 << 30           # the result of a send that the kernel did not come to

cdef struct Send:
    iovec[4] pieces              # RING_PIECES
    msghdr message
    int result                   # bytes, or an error's number below zero

cdef struct Ring:
    int fd
    uint8_t* shared
    size_t shared_bytes
    io_uring_sqe* requests
    size_t requests_bytes
    uint32_t* request_head
    uint32_t* request_tail
    uint32_t request_mask
    uint32_t* places             # which request stands where in the queue
    uint32_t* result_head
    uint32_t* result_tail
    uint32_t result_mask
    io_uring_cqe* results
    Send[32] sends               # RING_SENDS
    uint32_t count


cdef inline void ring_close(Ring* ring) noexcept nogil:
    if ring == NULL:
        return
    if ring.requests != NULL:
        munmap(ring.requests, ring.requests_bytes)
    if ring.shared != NULL:
        munmap(ring.shared, ring.shared_bytes)
    if ring.fd >= 0:
        close(ring.fd)
    free(ring)


cdef inline bint ring_map(Ring* ring, const io_uring_params* params) noexcept nogil:
    """Map what is shared with the kernel; False when it gives no addresses."""
    cdef void* mapped
    ring.shared_bytes = max(
        params.sq_off.array + params.sq_entries * sizeof(uint32_t),
        params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe),
    )
    mapped = mmap(
        NULL, ring.shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQ_RING
    )
    if mapped == MAP_FAILED:
        return False
    ring.shared = <uint8_t*>mapped
    ring.requests_bytes = params.sq_entries * sizeof(io_uring_sqe)
    mapped = mmap(
        NULL, ring.requests_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQES
    )
    if mapped == MAP_FAILED:
        return False
    ring.requests = <io_uring_sqe*>mapped
    ring.request_head = <uint32_t*>(ring.shared + params.sq_off.head)
    ring.request_tail = <uint32_t*>(ring.shared + params.sq_off.tail)
    ring.request_mask = (<uint32_t*>(ring.shared + params.sq_off.ring_mask))[0]
    ring.places = <uint32_t*>(ring.shared + params.sq_off.array)
    ring.result_head = <uint32_t*>(ring.shared + params.cq_off.head)
    ring.result_tail = <uint32_t*>(ring.shared + params.cq_off.tail)
    ring.result_mask = (<uint32_t*>(ring.shared + params.cq_off.ring_mask))[0]
    ring.results = <io_uring_cqe*>(ring.shared + params.cq_off.cqes)
    return True


cdef inline Ring* ring_open() noexcept nogil:
    """Make a ring for the calling thread; NULL where the kernel has none, or gives us none.

    Needs Linux 5.12: older ones count rings as locked memory and send from threads of their own.
    """
    cdef io_uring_params params
    cdef uint32_t needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NATIVE_WORKERS
    cdef Ring* ring = <Ring*>calloc(1, sizeof(Ring))
    if ring == NULL:
        return NULL
    memset(&params, 0, sizeof(params))
    ring.fd = sluice_ring_setup(RING_SENDS, &params)
    if ring.fd < 0 or params.features & needed != needed or not ring_map(ring, &params):
        ring_close(ring)
        return NULL
    return ring


cdef inline void ring_put(Ring* ring, int fd, int pieces) noexcept nogil:
    """Queue the send whose first `pieces` were laid out at `sends[count]`; there is room for it."""
    cdef Send* send = &ring.sends[ring.count]
    cdef uint32_t tail = ring.request_tail[0] + ring.count
    cdef uint32_t place = tail & ring.request_mask
    cdef io_uring_sqe* request = &ring.requests[place]
    memset(request, 0, sizeof(io_uring_sqe))
    request.fd = fd
    request.msg_flags = MSG_NOSIGNAL | MSG_DONTWAIT
    request.user_data = ring.count
    if pieces == 1:
        request.opcode = IORING_OP_SEND
        request.addr = <uint64_t>send.pieces[0].iov_base
        request.len = <uint32_t>send.pieces[0].iov_len
    else:
        memset(&send.message, 0, sizeof(msghdr))
        send.message.msg_iov = send.pieces
        send.message.msg_iovlen = pieces
        request.opcode = IORING_OP_SENDMSG
        request.addr = <uint64_t>&send.message
        request.len = 1
    send.result = NOT_SENT
    ring.places[place] = place
    ring.count += 1


cdef inline bint ring_submit(Ring* ring) noexcept nogil:
    """Send what is queued, and note the results; False when the kernel will take no more.

    Whatever it did not come to keeps NOT_SENT as its result.
    """
    cdef uint32_t at = ring.result_head[0], ready
    cdef uint32_t begin = ring.request_tail[0], count = ring.count, done = 0
    cdef io_uring_cqe* result
    cdef int taken
    ring.count = 0
    sluice_release(ring.request_tail, begin + count)
    taken = sluice_ring_enter(ring.fd, count, count)
    if taken < <int>count:
        # It reads the tail in that call alone, so what it left there can be taken back.
        count = max(0, taken)
        sluice_release(ring.request_tail, begin + count)
    while True:
        ready = sluice_acquire(ring.result_tail)
        while at != ready:
            result = &ring.results[at & ring.result_mask]
            ring.sends[<uint32_t>result.user_data].result = result.res
            at += 1
            done += 1
        sluice_release(ring.result_head, at)
        if done >= count:
            return taken >= 0 and sluice_acquire(ring.request_head) == begin + count
        sluice_ring_enter(ring.fd, 0, count - done)
