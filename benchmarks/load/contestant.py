"""A server in one configuration, ready to be measured."""

from dataclasses import dataclass

from benchmarks.load.works import PUBLIC_FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """Where a configuration of a server listens, and what it is called in the report.

    Of the configurations of one `family` the cheapest for each work is what others are compared
    with. `works` names those it takes part in; None stands for all. `beside` are the port and the
    process of a second server that takes half of the connections. `cores` is how many it
    answers on.
    """

    name: str
    family: str
    settings: str
    port: int
    pid: int
    folder: str = PUBLIC_FOLDER
    works: frozenset[str] | None = None
    beside: tuple[int, int] | None = None
    cores: int = 1

    @property
    def ports(self) -> tuple[int, ...]:
        """Where connections go, to each in turn."""
        return (self.port,) if self.beside is None else (self.port, self.beside[0])

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that answer, those that descend from them not counted."""
        return (self.pid,) if self.beside is None else (self.pid, self.beside[1])

    def takes(self, work: str) -> bool:
        """Whether it takes part in a work."""
        return self.works is None or work in self.works
