"""What a server keeps in memory for connections that say nothing."""

import resource
from dataclasses import dataclass
from typing import Final

from benchmarks.load.accounting import process_tree, rss_bytes
from benchmarks.load.contestant import Contestant
from benchmarks.load.generator import Load, generator
from benchmarks.load.works import Work

SPARE_DESCRIPTORS: Final = 500
# No server minds a hundred from one address.
CONNECTIONS_PER_SOURCE: Final = 100


@dataclass(frozen=True, slots=True)
class Idle:
    """Resident memory of a server without connections, and with that many idle ones."""

    connections: int
    before_bytes: int
    with_bytes: int

    @property
    def per_10_000_bytes(self) -> float:
        """What ten thousand connections cost."""
        return (self.with_bytes - self.before_bytes) / self.connections * 10_000


def raise_descriptor_limit(connections: int) -> None:
    """Allow ourselves and the servers we start a socket for each connection."""
    wanted = connections + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, PermissionError):
        raise SystemExit(f"bench edge: {wanted} descriptors are needed, {hard} allowed") from None


def tree_rss_bytes(pid: int) -> int:
    """Resident memory of a server's processes; pages they share count for each."""
    return sum(map(rss_bytes, process_tree(pid)))


def measure_idle(contestant: Contestant, work: Work, connections: int) -> Idle:
    """Open connections, have one answer on each, and look at the memory while they are silent.

    Before that the same is done with a few, so that what a server makes once is not counted.
    """
    with generator(contestant, work, Load(connections=64)):
        pass
    before_bytes = tree_rss_bytes(contestant.pid)
    sources = max(1, connections // CONNECTIONS_PER_SOURCE)
    with generator(contestant, work, Load(connections, sources=sources)):
        return Idle(connections, before_bytes, tree_rss_bytes(contestant.pid))
