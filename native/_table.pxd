"""What is stored, by key: a hash table in shards, each with a short lock of its own.

A body of one slice is in its entry. The slices of a longer one are entries of their own, so that
any of them may come, go, and be counted by itself; see `core.cache.slices`.

Python writes, every thread reads. An entry is never changed once it can be found; it is replaced,
and lives on for as long as someone holds it.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from native._body cimport Body, body_release
from native._conditional cimport Validators
from native._linux cimport (
    pthread_mutex_destroy,
    pthread_mutex_init,
    pthread_mutex_lock,
    pthread_mutex_t,
    pthread_mutex_unlock,
    sluice_add,
    sluice_peek,
)
from native._text cimport Span
from native._track cimport Track, track_release

cdef enum:
    SHARDS = 64
    FIRST_BUCKETS = 64
    SLICE_BYTES = 1048576
    SLICE_KEY_BYTES = 17
    MOST_USES = 4            # no policy counts further, and threads need not share the counter

cdef struct Entry:
    # Everything an answer needs, ready to be copied. The spans point behind this struct.
    Entry* next              # in its bucket
    uint64_t hash
    int refs
    int uses                 # hits since Python last asked
    Entry* next_used
    Span key
    Span names               # of the fields that choose a variant; then this is no answer itself
    bint media
    int status
    double initial_age_s
    double received_s
    int64_t fresh_s
    Validators current
    bint plain_tag           # the tag is ASCII, so a boundary may be made from it here
    Span content_type
    # Blocks of field lines that follow "HTTP/1.x"; all but the last begin with the status.
    Span whole
    Span part                # 206 with one range: without Content-Length and Content-Range
    Span parts               # 206 with several: without Content-Type, too
    Span unchanged           # 304
    Span error               # 412 and 416
    Span caption             # Cache-Status up to the number of its ttl
    Body* body               # NULL when it is empty, and when the slices are elsewhere
    uint64_t length          # of the whole body; of a slice its own
    uint64_t version         # tells this body from others, and its slices from theirs
    uint64_t number          # of the slice
    bint sliced              # the slices are in entries of their own
    # Of a segment that was just made: its header, behind which `body` goes on from `skip`.
    Body* lead
    uint64_t skip
    Track* track             # owned; then this is no answer itself, but makes some

cdef struct Shard:
    pthread_mutex_t lock
    Entry** buckets
    uint32_t count
    uint32_t mask
    uint8_t[16] padding      # no two locks on one cache line

cdef struct Table:
    uint64_t seed
    Shard[64] shards         # SHARDS
    pthread_mutex_t used_lock
    Entry* used              # entries with uses, each held once


cdef inline uint64_t mix(uint64_t value) noexcept nogil:
    value ^= value >> 32
    value *= <uint64_t>0xd6e8feb86659fd93
    value ^= value >> 32
    value *= <uint64_t>0xd6e8feb86659fd93
    return value ^ value >> 32


cdef inline uint64_t hash_of(uint64_t seed, const uint8_t* at, uint32_t length) noexcept nogil:
    """Hash with a secret seed: who can choose keys must not be able to choose buckets."""
    cdef uint64_t state = mix(seed ^ length)
    cdef uint64_t word
    while length >= 8:
        memcpy(&word, at, 8)
        state = mix(state ^ word) + seed
        at += 8
        length -= 8
    word = 0
    memcpy(&word, at, length)
    return mix(state ^ word)


cdef inline Span slice_key(uint8_t* room, uint64_t version, uint64_t number) noexcept nogil:
    """Write the key of a slice, which is none of a resource, to `room` of SLICE_KEY_BYTES."""
    cdef Span key
    room[0] = 0
    memcpy(room + 1, &version, 8)
    memcpy(room + 9, &number, 8)
    key.at = room
    key.length = SLICE_KEY_BYTES
    return key


cdef inline void entry_release(Entry* entry) noexcept nogil:
    if entry != NULL and sluice_add(&entry.refs, -1) == 0:
        body_release(entry.body)
        track_release(entry.track)
        free(entry)


cdef inline Entry** place_of(Shard* shard, uint64_t hashed, Span key) noexcept nogil:
    """Give where the entry with this key hangs, or where it would; the caller has the lock."""
    cdef Entry** place = &shard.buckets[hashed >> 6 & shard.mask]
    while place[0] != NULL:
        if (place[0].hash == hashed and place[0].key.length == key.length
                and memcmp(place[0].key.at, key.at, key.length) == 0):
            break
        place = &place[0].next
    return place


cdef inline Entry* table_find(Table* table, Span key) noexcept nogil:
    """Give the entry with this key, held for the caller; NULL when there is none."""
    cdef uint64_t hashed = hash_of(table.seed, key.at, key.length)
    cdef Shard* shard = &table.shards[hashed % SHARDS]
    cdef Entry* entry
    pthread_mutex_lock(&shard.lock)
    entry = place_of(shard, hashed, key)[0]
    if entry != NULL:
        sluice_add(&entry.refs, 1)
    pthread_mutex_unlock(&shard.lock)
    return entry


cdef inline Entry* table_find_slice(Table* table, uint64_t version, uint64_t number) noexcept nogil:
    """Give the entry of a slice, held for the caller; NULL when there is none."""
    cdef uint8_t[17] room
    return table_find(table, slice_key(room, version, number))


cdef inline void table_used(Table* table, Entry* entry) noexcept nogil:
    """Count a hit; the first since Python last asked puts the entry on the list."""
    if sluice_peek(&entry.uses) >= MOST_USES or sluice_add(&entry.uses, 1) != 1:
        return
    sluice_add(&entry.refs, 1)
    pthread_mutex_lock(&table.used_lock)
    entry.next_used = table.used
    table.used = entry
    pthread_mutex_unlock(&table.used_lock)


cdef inline void shard_grow(Shard* shard) noexcept nogil:
    """Double the buckets; when memory is short the chains just get longer."""
    cdef uint32_t mask = shard.mask * 2 + 1
    cdef Entry** wider = <Entry**>calloc(<size_t>mask + 1, sizeof(Entry*))
    cdef Entry* entry
    cdef Entry* next
    cdef uint32_t each
    if wider == NULL:
        return
    for each in range(shard.mask + 1):
        entry = shard.buckets[each]
        while entry != NULL:
            next = entry.next
            entry.next = wider[entry.hash >> 6 & mask]
            wider[entry.hash >> 6 & mask] = entry
            entry = next
    free(shard.buckets)
    shard.buckets = wider
    shard.mask = mask


cdef inline void table_put(Table* table, Entry* entry) noexcept nogil:
    """Put an entry in the place of an older one; the table takes over the caller's hold."""
    cdef Shard* shard
    cdef Entry** place
    cdef Entry* old
    entry.hash = hash_of(table.seed, entry.key.at, entry.key.length)
    shard = &table.shards[entry.hash % SHARDS]
    pthread_mutex_lock(&shard.lock)
    place = place_of(shard, entry.hash, entry.key)
    old = place[0]
    entry.next = NULL if old == NULL else old.next
    place[0] = entry
    if old == NULL:
        shard.count += 1
        if shard.count > shard.mask + 1:
            shard_grow(shard)
    pthread_mutex_unlock(&shard.lock)
    entry_release(old)


cdef inline bint table_drop(Table* table, Span key) noexcept nogil:
    """Take an entry out; False when it was not there."""
    cdef uint64_t hashed = hash_of(table.seed, key.at, key.length)
    cdef Shard* shard = &table.shards[hashed % SHARDS]
    cdef Entry** place
    cdef Entry* entry
    pthread_mutex_lock(&shard.lock)
    place = place_of(shard, hashed, key)
    entry = place[0]
    if entry != NULL:
        place[0] = entry.next
        shard.count -= 1
    pthread_mutex_unlock(&shard.lock)
    entry_release(entry)
    return entry != NULL


cdef inline bint table_open(Table* table) noexcept nogil:
    """Make an empty table; False when memory is short."""
    cdef int each
    pthread_mutex_init(&table.used_lock, NULL)
    for each in range(SHARDS):
        pthread_mutex_init(&table.shards[each].lock, NULL)
        table.shards[each].mask = FIRST_BUCKETS - 1
        table.shards[each].buckets = <Entry**>calloc(FIRST_BUCKETS, sizeof(Entry*))
        if table.shards[each].buckets == NULL:
            return False
    return True


cdef inline void table_close(Table* table) noexcept nogil:
    """Let go of everything; no thread uses the table any more."""
    cdef Entry* entry
    cdef Entry* next
    cdef int each
    cdef uint32_t bucket
    while table.used != NULL:
        entry = table.used
        table.used = entry.next_used
        entry_release(entry)
    for each in range(SHARDS):
        if table.shards[each].buckets == NULL:
            continue
        for bucket in range(table.shards[each].mask + 1):
            entry = table.shards[each].buckets[bucket]
            while entry != NULL:
                next = entry.next
                entry_release(entry)
                entry = next
        free(table.shards[each].buckets)
        table.shards[each].buckets = NULL
        pthread_mutex_destroy(&table.shards[each].lock)
    pthread_mutex_destroy(&table.used_lock)
