"""Which core a process runs on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """The core of the servers, the core of the generator, and a second one for two threads."""

    server: int
    generator: int
    second: int


def choose(allowed: set[int]) -> Cores:
    """Give servers and generator a core each; the second is a third core where there is one."""
    if len(allowed) < 2:
        raise SystemExit("bench edge: needs two cores, one for the server and one for the load")
    server, generator, *others = sorted(allowed)
    return Cores(server, generator, others[0] if others else generator)


@contextmanager
def running_on(*cores: int) -> Iterator[None]:
    """Move this thread to some cores for a while: what it starts then stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
