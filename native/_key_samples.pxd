"""Which keys are asked for, as samples: for whoever watches, and at next to no cost for nobody.

While somebody watches, a thread leaves the key of a hit now and then in a ring of its own, with how
many hits it stands for. The fuller the ring, the fewer are taken; how many are passed over is left
to chance, so that no rhythm of the clients hides a key.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from native._record cimport sluice_publish, sluice_seen
from native._text cimport Span

cdef enum:
    SAMPLES = 1024
    SAMPLE_BYTES = 240           # of a key; a longer one is cut

cdef struct Sample:
    uint32_t weight
    uint32_t length
    uint8_t[240] key

cdef struct Samples:
    Sample[1024] slots
    uint64_t random
    uint32_t weight              # hits since the last sample
    uint32_t until               # how many it is to stand for
    uint8_t[64] padding
    uint64_t written             # the thread's position
    uint8_t[64] more_padding
    uint64_t taken               # the reader's


cdef inline Samples* samples_open(uint64_t seed) noexcept nogil:
    """Make room for samples; NULL when memory is short."""
    cdef Samples* samples = <Samples*>calloc(1, sizeof(Samples))
    if samples != NULL:
        samples.random = seed | 1
    return samples


cdef inline void samples_close(Samples* samples) noexcept nogil:
    free(samples)


cdef inline uint32_t stride(Samples* samples, uint64_t waiting) noexcept nogil:
    """How many hits the next sample stands for: one in an empty ring, hundreds in a full one."""
    cdef uint32_t mean = <uint32_t>1 << (waiting * 10 // SAMPLES)
    samples.random ^= samples.random << 13
    samples.random ^= samples.random >> 7
    samples.random ^= samples.random << 17
    return 1 + <uint32_t>(samples.random % (2 * mean - 1))


cdef inline void sample_key(Samples* samples, Span key) noexcept nogil:
    """Count a hit, and leave its key if it is this one's turn."""
    cdef uint64_t waiting
    cdef Sample* sample
    samples.weight += 1
    if samples.weight < samples.until:
        return
    waiting = samples.written - sluice_seen(&samples.taken)
    if waiting >= SAMPLES:
        return  # it stands for the ones to come, too
    sample = &samples.slots[samples.written % SAMPLES]
    sample.weight = samples.weight
    sample.length = min(key.length, <uint32_t>SAMPLE_BYTES)
    memcpy(sample.key, key.at, sample.length)
    samples.weight = 0
    samples.until = stride(samples, waiting)
    sluice_publish(&samples.written, samples.written + 1)


cdef inline Sample* sample_next(Samples* samples) noexcept nogil:
    """Give the next sample to the reader, who lets go of it with `sample_done`; NULL: no more."""
    if samples.taken == sluice_seen(&samples.written):
        return NULL
    return &samples.slots[samples.taken % SAMPLES]


cdef inline void sample_done(Samples* samples) noexcept nogil:
    sluice_publish(&samples.taken, samples.taken + 1)
