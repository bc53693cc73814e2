# cython: boundscheck=False, wraparound=False, cdivision=True
"""The samples of a track where they lie in a file, compiled: see `native/reference/sample_file.py`.

A block of the file is read into memory of our own and written from there, track by track, whatever
lies between the samples: two copies, of which one stays within the processor's cache, cost half of
what the kernel needs to splice as many pieces from file to file. A sample larger than the block, or
far from the one before, takes a block of its own.

The rows are our own copy and are never changed; every access to them is below `sample_count`.
"""

cimport cython
from cpython.buffer cimport (
    Py_buffer,
    PyBUF_SIMPLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EINTR, errno
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport strerror

from native._rows cimport SampleRow

from native.errors import UnfitTimes

cdef extern from "<string.h>" nogil:
    void* memmem(const void* data, size_t length, const void* needle, size_t needle_length)

cdef extern from "<sys/types.h>" nogil:
    ctypedef long ssize_t
    ctypedef long off_t

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len
    ssize_t writev(int fd, const iovec* pieces, int count)

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int fd, void* buffer, size_t count, off_t offset)

cdef enum:
    BLOCK_BYTES = 1 << 20
    MOST_PIECES = 512      # of one writev; IOV_MAX is 1024
    LARGEST_HOLE = 16384   # between samples, read rather than skipped
    PEEK_BYTES = 1024
    SYNC = 1
    OPEN_ACCESS = 2
    LEADING = 4
    CAPTIONS = 8
    EXAMINE = 16
    # Outcomes below the errors of the system, which are negated.
    ENDED = -100000
    FALLING = -100001
    NOWHERE = -100002


cdef const char* CAPTION_MARK = b"GA94"
cdef size_t CAPTION_MARK_BYTES = 4


cdef struct Peek:
    # A part of the file, and how much of it is known.
    int file
    uint64_t start
    uint64_t length
    uint8_t[1024] data


cdef int64_t read_all(int file, uint8_t* into, uint64_t length, uint64_t offset) noexcept nogil:
    """Read all of a stretch; 0, or what went wrong."""
    cdef ssize_t got
    cdef uint64_t done = 0
    while done < length:
        got = pread(file, into + done, length - done, <off_t>(offset + done))
        if got > 0:
            done += got
        elif got == 0:
            return ENDED
        elif errno != EINTR:
            return -errno
    return 0


cdef int64_t write_all(int file, iovec* pieces, int count) noexcept nogil:
    """Write all pieces, which are used up; 0, or what went wrong."""
    cdef ssize_t done
    cdef int at = 0
    while at < count:
        done = writev(file, pieces + at, count - at)
        if done < 0:
            if errno != EINTR:
                return -errno
            continue
        while at < count and <size_t>done >= pieces[at].iov_len:
            done -= pieces[at].iov_len
            at += 1
        if at < count:
            pieces[at].iov_base = <uint8_t*>pieces[at].iov_base + done
            pieces[at].iov_len -= done
    return 0


cdef int64_t peeked(Peek* peek, uint64_t at, uint64_t need, uint64_t end) noexcept nogil:
    """See to it that `need` bytes from `at` are known; none is read from `end` on."""
    cdef uint64_t length
    cdef int64_t wrong
    if at >= peek.start and at + need <= peek.start + peek.length:
        return 0
    length = PEEK_BYTES if end - at > PEEK_BYTES else end - at
    wrong = read_all(peek.file, peek.data, length, at)
    peek.start = at
    peek.length = 0 if wrong else length
    return wrong


cdef inline int unit_access(uint8_t first, bint hevc) noexcept nogil:
    cdef int kind
    if hevc:
        kind = first >> 1 & 63
        if 16 <= kind < 24:
            return SYNC
        if kind == 8 or kind == 9:
            return LEADING
        return EXAMINE if 32 <= kind <= 34 else 0
    kind = first & 31
    if kind == 5:
        return SYNC
    return EXAMINE if kind == 7 or kind == 8 else 0


cdef inline bint is_message(uint8_t first, bint hevc) noexcept nogil:
    """Say whether a unit is of supplemental enhancement information."""
    if hevc:
        return 39 <= (first >> 1 & 63) <= 40
    return first & 31 == 6


cdef int64_t sample_access(Peek* peek, const SampleRow* row, uint64_t length_size,
                           bint hevc) noexcept nogil:
    """Walk the NAL units of a sample; its flags, or below 0 what went wrong."""
    cdef uint64_t at = row.offset
    cdef uint64_t end = row.offset + row.size
    cdef uint64_t length, digit
    cdef const uint8_t* head
    cdef int64_t wrong
    cdef int flags = 0
    while at < end:
        if end - at <= length_size:
            return EXAMINE
        wrong = peeked(peek, at, length_size + 1, end)
        if wrong:
            return wrong
        head = peek.data + (at - peek.start)
        length = 0
        for digit in range(length_size):
            length = length << 8 | head[digit]
        if length == 0 or length > end - at - length_size:
            return EXAMINE
        flags |= unit_access(head[length_size], hevc)
        if is_message(head[length_size], hevc):
            if length > PEEK_BYTES - length_size:
                flags |= CAPTIONS
            else:
                wrong = peeked(peek, at, length_size + length, end)
                if wrong:
                    return wrong
                head = peek.data + (at - peek.start)
                if memmem(head + length_size, length, CAPTION_MARK, CAPTION_MARK_BYTES):
                    flags |= CAPTIONS
        at += length_size + length
    return flags


@cython.final
cdef class SampleFile:
    """The samples that `rows` tells of, in a file whose descriptor is borrowed.

    Every sample has bytes. Raises `EOFError` where the file ends before one does, `OSError` where
    it cannot be read.
    """

    cdef readonly int file
    cdef bytes owner             # keeps the rows
    cdef const SampleRow* rows
    cdef uint8_t* block          # BLOCK_BYTES, once they are needed
    cdef bint busy               # whether somebody uses the block without the GIL
    cdef readonly uint64_t sample_count

    def __cinit__(self, int file, rows):
        cdef uint64_t number
        self.block = NULL
        self.owner = bytes(rows)
        if PyBytes_GET_SIZE(self.owner) % sizeof(SampleRow):
            raise ValueError(f"{len(self.owner)} bytes are no rows of {sizeof(SampleRow)}")
        self.file = file
        self.rows = <const SampleRow*>PyBytes_AS_STRING(self.owner)
        self.sample_count = PyBytes_GET_SIZE(self.owner) // sizeof(SampleRow)
        for number in range(self.sample_count):
            if self.rows[number].size == 0 or not lies_in_a_file(&self.rows[number]):
                size, offset = self.rows[number].size, self.rows[number].offset
                raise ValueError(f"a sample of {size} bytes at {offset}")

    def __dealloc__(self):
        free(self.block)

    def offset(self, Py_ssize_t sample):
        """Give the first byte of a sample in the file. Raises `IndexError`."""
        self.check(sample, 1)
        return self.rows[sample].offset

    def before(self, uint64_t offset, Py_ssize_t first):
        """Give the first sample from `first` on that begins at `offset` or behind it."""
        cdef uint64_t number = first
        if first < 0:
            raise IndexError(f"a sample {first}")
        while number < self.sample_count and self.rows[number].offset < offset:
            number += 1
        return number

    def nal_access(self, int length_size, *, bint hevc=False):
        """Say what each sample is that is made of NAL units, in a byte of flags.

        1: a picture to start at; 2: any other that the file's tables name as such; 4: a picture
        that leans on what comes before the one to start at; 8: messages that may hold captions
        (they have the mark of ATSC, or are long); 16: something to examine, parameter sets or
        lengths that do not add up.
        """
        cdef bytes answers = PyBytes_FromStringAndSize(NULL, self.sample_count)
        cdef uint8_t* out = <uint8_t*>PyBytes_AS_STRING(answers)
        cdef uint64_t number
        cdef int64_t access = 0
        cdef Peek peek
        if not 1 <= length_size <= 4:
            raise ValueError(f"a length field has 1 to 4 bytes, not {length_size}")
        peek.file = self.file
        peek.start = peek.length = 0
        with nogil:
            for number in range(self.sample_count):
                access = sample_access(&peek, &self.rows[number], length_size, hevc)
                if access < 0:
                    break
                if not access & SYNC and self.rows[number].access:
                    access |= OPEN_ACCESS
                out[number] = <uint8_t>access
        judge(access)
        return answers

    def heads(self, int length):
        """Give the first bytes of every sample, `length` of each, one behind the other.

        A shorter sample is given whole.
        """
        cdef uint64_t number, size, total = 0
        cdef bytes heads
        cdef uint8_t* out
        cdef int64_t wrong = 0
        if length < 1:
            raise ValueError(f"{length} bytes of every sample")
        for number in range(self.sample_count):
            total += min(self.rows[number].size, <uint64_t>length)
        heads = PyBytes_FromStringAndSize(NULL, total)
        out = <uint8_t*>PyBytes_AS_STRING(heads)
        with nogil:
            for number in range(self.sample_count):
                size = min(self.rows[number].size, <uint64_t>length)
                wrong = read_all(self.file, out, size, self.rows[number].offset)
                if wrong:
                    break
                out += size
        judge(wrong)
        return heads

    cdef int check(self, Py_ssize_t first, Py_ssize_t count) except -1:
        if first < 0 or count < 1 or <uint64_t>first >= self.sample_count or (
            <uint64_t>count > self.sample_count - <uint64_t>first
        ):
            raise IndexError(f"{count} samples from {first} of {self.sample_count}")
        return 0

    cdef int take_block(self) except -1:
        if self.busy:
            raise ValueError("these samples are being copied already")
        if self.block is NULL:
            self.block = <uint8_t*>malloc(BLOCK_BYTES)
            if self.block is NULL:
                raise MemoryError
        self.busy = True
        return 0


cdef int judge(int64_t outcome) except -1:
    if outcome == ENDED:
        raise EOFError("the file has become shorter than its index says")
    if outcome < 0:
        raise OSError(-outcome, strerror(<int>-outcome).decode())
    return 0


# ---- copying

cdef struct Job:
    # Samples of one track on their way to a file.
    const SampleRow* rows
    uint64_t next
    uint64_t stop
    uint64_t taken     # samples of the block that is being copied, up to this one
    int target
    const char* head   # not yet written
    size_t head_bytes


def copy_samples(jobs):
    """Append samples of one file's tracks to other files, in one pass; gives the bytes written.

    A job is `(samples, target, first, count, head)`: `head` goes before the samples. Whatever is
    wrong, targets may have been written to. Raises as `SampleFile` does, `OSError` for a target.
    """
    cdef SampleFile samples
    cdef SampleFile owner = None
    cdef Job* work
    cdef Py_ssize_t count = len(jobs)
    cdef Py_ssize_t number
    cdef Py_ssize_t first, length
    cdef int target
    cdef bytes head
    cdef int64_t wrong = 0
    cdef uint64_t done = 0
    if count == 0:
        return 0
    held = list(jobs)
    work = <Job*>malloc(count * sizeof(Job))
    if work is NULL:
        raise MemoryError
    try:
        for number in range(count):
            samples, target, first, length, head = held[number]
            samples.check(first, length)
            if owner is not None and samples.file != owner.file:
                raise ValueError("the tracks lie in different files")
            owner = samples
            work[number].rows = samples.rows
            work[number].next = first
            work[number].stop = first + length
            work[number].target = target
            work[number].head = head
            work[number].head_bytes = len(head)
        owner.take_block()
        try:
            with nogil:
                wrong = copy_all(owner.file, owner.block, work, count, &done)
        finally:
            owner.busy = False
    finally:
        free(work)
    judge(wrong)
    return done


cdef int64_t copy_all(int file, uint8_t* block, Job* jobs, Py_ssize_t count,
                      uint64_t* done) noexcept nogil:
    cdef Py_ssize_t number
    cdef Job* first
    cdef uint64_t start, end
    cdef int64_t wrong
    while True:
        first = foremost(jobs, count, False)
        if first is NULL:
            return 0
        if first.rows[first.next].size > BLOCK_BYTES:
            wrong = copy_large(file, block, first, done)
            if wrong:
                return wrong
            continue
        start = first.rows[first.next].offset
        end = choose(jobs, count, start)
        wrong = read_all(file, block, end - start, start)
        if wrong:
            return wrong
        for number in range(count):
            wrong = scatter(block, start, &jobs[number], done)
            if wrong:
                return wrong


cdef Job* foremost(Job* jobs, Py_ssize_t count, bint taken) noexcept nogil:
    """Find the job whose next sample, or next that is not taken, comes first in the file."""
    cdef Job* found = NULL
    cdef Py_ssize_t number
    cdef uint64_t at, offset
    cdef uint64_t least = 0
    for number in range(count):
        at = jobs[number].taken if taken else jobs[number].next
        if at < jobs[number].stop:
            offset = jobs[number].rows[at].offset
            if found is NULL or offset < least:
                found = &jobs[number]
                least = offset
    return found


cdef uint64_t choose(Job* jobs, Py_ssize_t count, uint64_t start) noexcept nogil:
    """Take the samples that fit the block which begins at `start`; gives where it ends."""
    cdef Py_ssize_t number
    cdef uint64_t offset, stop
    cdef uint64_t end = start
    cdef Job* job
    for number in range(count):
        jobs[number].taken = jobs[number].next
    while True:
        job = foremost(jobs, count, True)
        if job is NULL:
            return end
        offset = job.rows[job.taken].offset
        stop = offset + job.rows[job.taken].size
        if offset < start or stop - start > BLOCK_BYTES or (
            offset > end and offset - end > LARGEST_HOLE
        ):
            return end
        if stop > end:
            end = stop
        job.taken += 1


cdef int64_t scatter(const uint8_t* block, uint64_t start, Job* job,
                     uint64_t* done) noexcept nogil:
    """Write what a job has in the block that begins at `start` of the file."""
    cdef iovec[512] pieces
    cdef int count = 0
    cdef int64_t wrong
    cdef uint64_t behind = 0
    cdef const SampleRow* row
    if job.next == job.taken:
        return 0
    count = lead(job, pieces, done)
    while job.next < job.taken:
        row = &job.rows[job.next]
        if count and behind and row.offset == behind:
            pieces[count - 1].iov_len += row.size
        else:
            if count == MOST_PIECES:
                wrong = write_all(job.target, pieces, count)
                if wrong:
                    return wrong
                count = 0
            pieces[count].iov_base = <void*>(block + (row.offset - start))
            pieces[count].iov_len = row.size
            count += 1
        behind = row.offset + row.size
        done[0] += row.size
        job.next += 1
    return write_all(job.target, pieces, count)


cdef int64_t copy_large(int file, uint8_t* block, Job* job, uint64_t* done) noexcept nogil:
    """Copy the job's next sample, which does not fit the block."""
    cdef iovec[2] pieces
    cdef int count = lead(job, pieces, done)
    cdef const SampleRow* row = &job.rows[job.next]
    cdef uint64_t at = 0
    cdef uint64_t length
    cdef int64_t wrong
    while at < row.size:
        length = row.size - at
        if length > BLOCK_BYTES:
            length = BLOCK_BYTES
        wrong = read_all(file, block, length, row.offset + at)
        if wrong:
            return wrong
        pieces[count].iov_base = block
        pieces[count].iov_len = length
        wrong = write_all(job.target, pieces, count + 1)
        if wrong:
            return wrong
        count = 0
        at += length
        done[0] += length
    job.next += 1
    return 0


cdef int lead(Job* job, iovec* pieces, uint64_t* done) noexcept nogil:
    """Put the job's head before its first sample; gives how many pieces that is."""
    if job.head_bytes == 0:
        return 0
    pieces[0].iov_base = <void*>job.head
    pieces[0].iov_len = job.head_bytes
    done[0] += job.head_bytes
    job.head_bytes = 0
    return 1


def shared_byte(one, other):
    """Give the first byte that samples of two tracks claim both; -1 where there is none.

    Raises `UnfitTimes` for rows that do not rise in the file, `ValueError` for one in none.
    """
    cdef Py_buffer first, second
    cdef int64_t answer
    PyObject_GetBuffer(one, &first, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(other, &second, PyBUF_SIMPLE)
        try:
            if first.len % sizeof(SampleRow) or second.len % sizeof(SampleRow):
                raise ValueError(f"{first.len} and {second.len} bytes are no rows")
            with nogil:
                answer = find_shared(
                    <const SampleRow*>first.buf, first.len // sizeof(SampleRow),
                    <const SampleRow*>second.buf, second.len // sizeof(SampleRow),
                )
        finally:
            PyBuffer_Release(&second)
    finally:
        PyBuffer_Release(&first)
    if answer == FALLING:
        raise UnfitTimes("the samples do not rise in the file")
    if answer == NOWHERE:
        raise ValueError("a sample lies beyond what a file can hold")
    return answer


cdef inline bint lies_in_a_file(const SampleRow* row) noexcept nogil:
    return row.offset <= <uint64_t>INT64_MAX - row.size


cdef int64_t find_shared(const SampleRow* one, uint64_t one_count, const SampleRow* other,
                         uint64_t other_count) noexcept nogil:
    """Walk both in the order of the file."""
    cdef uint64_t i = 0
    cdef uint64_t k = 0
    cdef uint64_t one_end = 0
    cdef uint64_t other_end = 0
    while i < one_count or k < other_count:
        if k == other_count or (i < one_count and one[i].offset <= other[k].offset):
            if not lies_in_a_file(&one[i]):
                return NOWHERE
            if one[i].offset < one_end:
                return FALLING
            if one[i].offset < other_end:
                return one[i].offset
            one_end = one[i].offset + one[i].size
            i += 1
        else:
            if not lies_in_a_file(&other[k]):
                return NOWHERE
            if other[k].offset < other_end:
                return FALLING
            if other[k].offset < one_end:
                return other[k].offset
            other_end = other[k].offset + other[k].size
            k += 1
    return -1
