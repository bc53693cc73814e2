"""A server in one configuration, ready to be measured."""

from dataclasses import dataclass

from benchmarks.load.works import PUBLIC_FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """Where a configuration of a server listens, and what it is called in the report.

    Of the configurations of one `family` the cheapest for each work is what others are compared
    with. `works` names those it takes part in; None stands for all.
    """

    name: str
    family: str
    settings: str
    port: int
    pid: int
    folder: str = PUBLIC_FOLDER
    works: frozenset[str] | None = None

    def takes(self, work: str) -> bool:
        """Whether it takes part in a work."""
        return self.works is None or work in self.works
