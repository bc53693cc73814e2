"""The counters of a data plane's threads, by name."""

from libc.stdint cimport uint64_t

from native._linux cimport sluice_count
from native._plane_texts cimport REFUSALS, TOKEN_REFUSALS
from native._record cimport journal_dropped
from native._state cimport BUCKETS, TIMERS, Worker


cdef inline tuple counts(const uint64_t* counters, int count):
    cdef int each
    return tuple([sluice_count(&counters[each]) for each in range(count)])


cdef inline dict counters_of(Worker* w):
    """Give what one thread has counted; what is counted by kind is a tuple."""
    cdef int each
    cdef dict found = {
        "requests": sluice_count(&w.counters.requests),
        "hits": sluice_count(&w.counters.hits),
        "made": sluice_count(&w.counters.made),
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
        "batched": sluice_count(&w.counters.batched),
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
