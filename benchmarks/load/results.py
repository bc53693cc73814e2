"""What a run of the bench has found, and its form as JSON."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.load.contestant import Contestant
from benchmarks.load.figures import GOALS, Comparison, Costs, Goal, compare
from benchmarks.load.idle import Idle
from benchmarks.load.rounds import Round
from benchmarks.load.works import Work


@dataclass(slots=True)
class Results:
    """All rounds, by work and contestant, and the memory of idle connections."""

    works: Sequence[Work]
    contestants: Sequence[Contestant]
    rounds: dict[str, dict[str, list[Round]]] = field(default_factory=dict)
    idle: dict[str, Idle] = field(default_factory=dict)
    goals: Sequence[Goal] = GOALS

    def add(self, work: Work, contestant: Contestant, seen: Round) -> None:
        """Keep a round."""
        self.rounds.setdefault(work.name, {}).setdefault(contestant.name, []).append(seen)

    def costs(self, work: str) -> Costs:
        """CPU time per request of a work's rounds, by family and contestant."""
        found: dict[str, dict[str, list[float]]] = {}
        for each in self.contestants:
            seen = self.rounds.get(work, {}).get(each.name)
            if seen:
                found.setdefault(each.family, {})[each.name] = [one.cpu_us for one in seen]
        return found

    def comparisons(self) -> list[Comparison]:
        """Every ratio there is."""
        return [
            found
            for work in self.works
            for found in compare(work.name, self.costs(work.name), self.goals)
        ]


def as_json(results: Results, settings: Mapping[str, object]) -> str:
    """Write everything that was measured, and where and with what."""
    document: dict[str, Any] = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": dict(settings),
        "contestants": [
            {"name": each.name, "family": each.family, "settings": each.settings}
            for each in results.contestants
        ],
        "works": [asdict(work) for work in results.works],
        "rounds": {
            work: {
                name: [{**asdict(one), "cpu_us": one.cpu_us} for one in rounds]
                for name, rounds in by_name.items()
            }
            for work, by_name in results.rounds.items()
        },
        "ratios": [asdict(found) for found in results.comparisons()],
        "idle": {name: asdict(idle) for name, idle in results.idle.items()},
    }
    return json.dumps(document, indent=1) + "\n"


def machine() -> dict[str, object]:
    """What the numbers depend on."""
    return {
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def cpu_model(cpuinfo: str) -> str:
    """Read the processor's name from /proc/cpuinfo, where it has one."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
