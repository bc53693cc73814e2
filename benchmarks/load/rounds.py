"""Measures contestants in turn, round by round, so that a disturbance meets all of them."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from benchmarks.load.accounting import core_busy_s, cpu_s, process_tree
from benchmarks.load.contestant import Contestant
from benchmarks.load.cores import Cores
from benchmarks.load.generator import Generators, Load, generators
from benchmarks.load.works import Work

TRIAL_REQUESTS: Final = 200
MAX_REQUESTS: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one contestant: what was asked, and what it took of both cores.

    `generator_cpu_s` is that of the busiest generator.
    """

    requests: int
    seconds: float
    server_cpu_s: float
    generator_cpu_s: float
    core_busy_s: float
    p50_us: float
    p99_us: float

    @property
    def cpu_us(self) -> float:
        """The server's CPU time per request."""
        return self.server_cpu_s / self.requests * 1e6

    @property
    def per_s(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def others_share(self) -> float:
        """How much of the server core's work was not the server's: somebody disturbed us."""
        if self.core_busy_s == 0:
            return 0.0
        return max(0.0, 1 - self.server_cpu_s / self.core_busy_s)


class Changed(Exception):
    """A server started or lost a process in a round: its CPU time is not known."""


def trees(contestant: Contestant) -> frozenset[int]:
    """All the processes of a contestant."""
    return frozenset[int]().union(*map(process_tree, contestant.pids))


def measure(asking: Generators, contestant: Contestant, core: int, requests: int) -> Round:
    """Run a round; once more where a helper of the server has ended in it.

    nginx's cache has one that does, a minute after its start.

    Raises:
        Changed: the server's processes do not stay the same.
    """
    try:
        return measure_once(asking, contestant, core, requests)
    except Changed:
        return measure_once(asking, contestant, core, requests)


def measure_once(asking: Generators, contestant: Contestant, core: int, requests: int) -> Round:
    """Run a round and read every clock before and after it.

    Raises:
        Changed: a process of the server began or ended meanwhile.
    """
    server = trees(contestant)
    busy_s = core_busy_s(core)
    generators_s = [cpu_s(pid) for pid in asking.pids]
    server_s = sum(map(cpu_s, server))
    seen = asking.round(requests)
    if trees(contestant) != server:
        raise Changed(f"processes {contestant.pids} have other children than before")
    server_s = sum(map(cpu_s, server)) - server_s
    spent_s = (cpu_s(pid) for pid in asking.pids)
    generator_s = max(now_s - then_s for now_s, then_s in zip(spent_s, generators_s, strict=True))
    busy_s = core_busy_s(core) - busy_s
    return Round(
        seen.requests, seen.seconds, server_s, generator_s, busy_s, seen.p50_us, seen.p99_us
    )


def requests_for(trial: Round, seconds: float, least: int) -> int:
    """How many requests last about so long, by what a trial took."""
    return max(least, min(MAX_REQUESTS, math.ceil(trial.per_s * seconds)))


@dataclass(frozen=True, slots=True)
class Session:
    """How rounds are run: the load, the server's core, the length of a round, and how many."""

    load: Load
    cores: Cores
    seconds: float
    repetitions: int

    def trial(self, contestant: Contestant, work: Work) -> int:
        """Find the number of requests for the rounds of a contestant; this also warms it up."""
        askers = len(self.cores.generators(contestant.cores))
        least = self.load.connections * work.depth * askers
        with self._asking(contestant, work) as asking:
            begun_s = time.monotonic()
            requests = least
            while True:
                seen = measure(asking, contestant, self.cores.server, max(requests, TRIAL_REQUESTS))
                requests = requests_for(seen, self.seconds, least)
                if seen.seconds > self.seconds / 4 or time.monotonic() - begun_s > self.seconds:
                    return requests

    def once(self, contestant: Contestant, work: Work, requests: int) -> Round:
        """Run one round over fresh connections."""
        with self._asking(contestant, work) as asking:
            return measure(asking, contestant, self.cores.server, requests)

    def interleaved(
        self, contestants: Sequence[Contestant], work: Work
    ) -> Iterator[tuple[Contestant, Round]]:
        """Give the rounds of a work: one of each contestant, then the next of each."""
        requests = {each.name: self.trial(each, work) for each in contestants}
        for _ in range(self.repetitions):
            for each in contestants:
                yield each, self.once(each, work, requests[each.name])

    def _asking(self, contestant: Contestant, work: Work) -> AbstractContextManager[Generators]:
        return generators(contestant, work, self.load, self.cores.generators(contestant.cores))
