"""Waking a thread that sleeps: an eventfd, written to only when somebody waits for it."""

from libc.stdint cimport uint64_t

from native._linux cimport sluice_swap, write


cdef inline void ring_bell(int fd, int* sleeping) noexcept nogil:
    cdef uint64_t one = 1
    if sluice_swap(sleeping, 0):
        write(fd, &one, sizeof(one))
