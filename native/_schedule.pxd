"""How soon a thread gets the processor that another one has: sched_setattr(2).

Linux gives every thread its share, but lets the one that runs go on for a slice, milliseconds long,
before another one that has become ready. Since Linux 6.12 a thread may ask for a shorter slice: it
gets no more of the processor, only sooner, even in the middle of another one's slice (`slice` in
kernel/sched/fair.c). That needs no privilege.
"""

from native._linux cimport sluice_ask_for_slice

cdef enum:
    SLICE_NS = 100000            # the shortest there is


cdef inline void ask_for_short_slice() noexcept nogil:
    """Ask for this thread; an older kernel takes no notice, and a real-time thread needs none."""
    sluice_ask_for_slice(SLICE_NS)
