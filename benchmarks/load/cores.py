"""Which core a process runs on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """The core of the servers and the core of the generator, and a second one of each.

    Where there is no third core, a second thread of a server runs on the generator's; where there
    is no fourth, one generator asks however many cores answer.
    """

    server: int
    generator: int
    second: int
    second_generator: int | None = None

    def generators(self, answering: int) -> tuple[int, ...]:
        """The cores to ask from so that each core that answers has as much to do as one alone."""
        if answering == 1 or self.second_generator is None:
            return (self.generator,)
        return (self.generator, self.second_generator)


def choose(allowed: set[int]) -> Cores:
    """Give servers and generator a core each, and a second one each where there are as many."""
    if len(allowed) < 2:
        raise SystemExit("bench edge: needs two cores, one for the server and one for the load")
    server, generator, *others = sorted(allowed)
    second = others[0] if others else generator
    return Cores(server, generator, second, others[1] if len(others) > 1 else None)


@contextmanager
def running_on(*cores: int) -> Iterator[None]:
    """Move this thread to some cores for a while: what it starts then stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
