"""What one piece of media work may use, so that no file can take the machine for itself."""

import os
from typing import Final

from origin.packaging.limits import Limits
from origin.packaging.protocol import Bounds

# Address space, of which FFmpeg reserves much more than it uses; a box that claims 20 GB does not
# fit. The processor times are far above what honest files need on slow machines.
MEMORY_BYTES: Final = 8 * 2**30
NICENESS: Final = 5
LEAST_CPU_S: Final = 600
COPIED_BYTES_PER_CPU_S: Final = 2_000_000
CPU_S_PER_MEDIA_S: Final = 120
# A file that claims to be longer than this many bytes a second make it is not believed.
LEAST_BYTES_PER_MEDIA_S: Final = 500
STILL_CPU_S: Final = 20
MOST_THREADS: Final = 16


def copy_bounds(size_bytes: int) -> Bounds:
    """Bounds for reading a file through once."""
    return _bounds(size_bytes // COPIED_BYTES_PER_CPU_S)


def encode_bounds(size_bytes: int, duration_ms: int) -> Bounds:
    """Bounds for encoding one track of a file."""
    longest_s = size_bytes // LEAST_BYTES_PER_MEDIA_S
    claimed_s = duration_ms // 1000 or longest_s
    return _bounds(min(claimed_s, longest_s) * CPU_S_PER_MEDIA_S)


def still_bounds() -> Bounds:
    """Bounds for decoding up to one picture, which somebody waits for."""
    return Bounds(memory_bytes=MEMORY_BYTES, cpu_s=STILL_CPU_S, niceness=NICENESS)


def limits(concurrency: int) -> Limits:
    """Packaging's limits, with the machine's cores shared among `concurrency` encodings."""
    cores = len(os.sched_getaffinity(0))
    return Limits(threads=max(1, min(MOST_THREADS, cores // concurrency)))


def _bounds(cpu_s: int) -> Bounds:
    return Bounds(memory_bytes=MEMORY_BYTES, cpu_s=LEAST_CPU_S + cpu_s, niceness=NICENESS)
