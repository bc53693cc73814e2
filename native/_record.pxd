"""One line of the access log, as a thread writes it down, and the ring it goes through.

A thread fills records by itself. What is done with goes into the thread's own ring, which has one
writer, the thread, and one reader, whoever writes the log: either owns one of the two positions and
only reads the other's, so neither ever waits. A ring that is full takes nothing more; the thread
counts what it had to drop and goes on.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from native._linux cimport sluice_count, tally
from native._text cimport Span

cdef extern from * nogil:
    """
    #include <stdint.h>
    static inline uint64_t sluice_seen(const uint64_t *at) {
        return __atomic_load_n(at, __ATOMIC_ACQUIRE);
    }
    static inline void sluice_publish(uint64_t *at, uint64_t value) {
        __atomic_store_n(at, value, __ATOMIC_RELEASE);
    }
    """
    uint64_t sluice_seen(const uint64_t* at)
    void sluice_publish(uint64_t* at, uint64_t value)

cdef enum:
    METHOD_ROOM = 32
    PATH_ROOM = 512
    RANGE_ROOM = 64
    AGENT_ROOM = 160
    REFERER_ROOM = 160
    FORWARDED_ROOM = 64
    IDENTITY_ROOM = 64
    RESULT_ROOM = 16
    SHORTENED = 0x8000           # in a length: there was more
    MOST_PENDING = 16384         # records of answers under way, of one thread

cdef struct Note:
    # What only the one who answers knows.
    int status
    uint64_t promised            # bytes of the whole answer, as its head says; 0: it does not say
    uint16_t identity_length
    uint16_t result_length
    uint8_t[64] identity         # IDENTITY_ROOM
    uint8_t[16] result           # RESULT_ROOM

cdef struct Record:
    Record* next
    uint64_t begin               # where the answer lies in what goes out on its connection
    uint64_t end
    bint open                    # it is not known yet where it ends
    bint reused
    double wall_s
    int64_t began_us
    uint64_t took_us
    uint64_t sent
    uint64_t aborted
    uint8_t[16] address
    Note note
    uint16_t method_length
    uint16_t path_length
    uint16_t range_length
    uint16_t agent_length
    uint16_t referer_length
    uint16_t forwarded_length
    uint8_t[32] method
    uint8_t[512] path
    uint8_t[64] range_
    uint8_t[160] agent
    uint8_t[160] referer
    uint8_t[64] forwarded

cdef struct Journal:
    # What one thread needs to keep records.
    Record* slots
    uint64_t mask
    Record* spare
    uint32_t pending
    uint64_t dropped
    uint8_t[64] padding
    uint64_t written             # the thread's position
    uint8_t[64] more_padding
    uint64_t taken               # the reader's


cdef inline Journal* journal_open(uint32_t records) noexcept nogil:
    """Make a journal with a ring of so many records, a power of two; NULL when memory is short."""
    cdef Journal* journal = <Journal*>calloc(1, sizeof(Journal))
    if journal == NULL:
        return NULL
    journal.slots = <Record*>calloc(records, sizeof(Record))
    journal.mask = records - 1
    if journal.slots == NULL:
        free(journal)
        return NULL
    return journal


cdef inline void journal_close(Journal* journal) noexcept nogil:
    cdef Record* record
    if journal == NULL:
        return
    while journal.spare != NULL:
        record = journal.spare
        journal.spare = record.next
        free(record)
    free(journal.slots)
    free(journal)


cdef inline Record* record_take(Journal* journal) noexcept nogil:
    """Give a record to fill; NULL, and one line lost, when too many are under way."""
    cdef Record* record = journal.spare
    if record != NULL:
        journal.spare = record.next
    elif journal.pending < MOST_PENDING:
        record = <Record*>malloc(sizeof(Record))
    if record == NULL:
        tally(&journal.dropped, 1)
        return NULL
    journal.pending += 1
    return record


cdef inline void record_write(Journal* journal, Record* record) noexcept nogil:
    """Hand a record to the reader, if there is room for it, and have it back to be filled anew."""
    cdef uint64_t place = journal.written
    if place - sluice_seen(&journal.taken) > journal.mask:
        tally(&journal.dropped, 1)
    else:
        memcpy(&journal.slots[place & journal.mask], record, sizeof(Record))
        sluice_publish(&journal.written, place + 1)
    journal.pending -= 1
    record.next = journal.spare
    journal.spare = record


cdef inline Record* record_next(Journal* journal) noexcept nogil:
    """Give the next record to the reader, who lets go of it with `record_done`; NULL: no more."""
    if journal.taken == sluice_seen(&journal.written):
        return NULL
    return &journal.slots[journal.taken & journal.mask]


cdef inline void record_done(Journal* journal) noexcept nogil:
    sluice_publish(&journal.taken, journal.taken + 1)


cdef inline uint64_t journal_dropped(Journal* journal) noexcept nogil:
    return 0 if journal == NULL else sluice_count(&journal.dropped)


cdef inline uint16_t shortened(uint8_t* room, uint32_t most, Span text) noexcept nogil:
    """Copy what fits of a text; give its length, with a bit set when it is not all."""
    if text.at == NULL:
        return 0
    memcpy(room, text.at, min(text.length, most))
    return <uint16_t>(most | SHORTENED) if text.length > most else <uint16_t>text.length
