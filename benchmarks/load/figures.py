"""The arithmetic of the report: medians, spreads and ratios."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some values, and the least and the most of them."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Sum up values, of which there is at least one."""
    return Spread(median(values), min(values), max(values))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Divide round by round: those of the same number ran one after the other.

    What slows the machine for a minute slows both, and leaves their ratio alone.
    """
    return spread([mine / other for mine, other in zip(ours, theirs, strict=True)])


def best(variants: Mapping[str, Sequence[float]]) -> str:
    """Name the configuration with the least median."""
    return min(variants, key=lambda name: median(variants[name]))


@dataclass(frozen=True, slots=True)
class Goal:
    """For each work the most that one family may cost of what another costs."""

    ours: str
    theirs: str
    limits: Mapping[str, float]


GOALS: Final = (
    Goal(
        "sluice",
        "nginx",
        {"1k": 0.75, "16k": 0.60, "range": 0.75, "256k": 0.80, "1m": 1.0, "4m": 1.0},
    ),
    Goal(
        "sluice",
        "nginx cache",
        {"1k": 0.50, "16k": 0.55, "range": 0.70, "256k": 0.60, "1m": 0.80, "4m": 0.80},
    ),
    Goal(
        "sluice",
        "varnish",
        {"1k": 0.30, "16k": 0.35, "range": 0.45, "256k": 0.75, "1m": 0.85, "4m": 0.85},
    ),
    Goal("sluice, signed", "sluice", {"1k": 1.10}),
    # On two cores the second thread shares its own with the generator, and so does the second of
    # two processes: what those cost tells how much of the first ratio is the machine's.
    Goal("sluice, two threads", "sluice", {"1k": 1.10}),
    Goal("sluice, two threads", "sluice, two processes", {"1k": 1.10}),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one family costs against another's best configuration, for one work."""

    work: str
    ours: str
    theirs: str
    against: str
    ratio: Spread
    limit: float | None

    @property
    def kept(self) -> bool:
        """Whether the goal is met; there may be none."""
        return self.limit is None or self.ratio.median <= self.limit


# For one work: the CPU time per request of each round, by family and name of the contestant.
Costs = Mapping[str, Mapping[str, Sequence[float]]]


def compare(work: str, costs: Costs, goals: Sequence[Goal] = GOALS) -> list[Comparison]:
    """Compare every pair of families that has a goal, as far as both were measured."""
    found = []
    for goal in goals:
        if goal.ours in costs and goal.theirs in costs:
            ours, theirs = costs[goal.ours], costs[goal.theirs]
            against = best(theirs)
            quotient = ratio(ours[best(ours)], theirs[against])
            limit = goal.limits.get(work)
            found.append(Comparison(work, goal.ours, goal.theirs, against, quotient, limit))
    return found
