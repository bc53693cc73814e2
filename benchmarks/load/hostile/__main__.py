"""`./sluice bench hostile`: what well-behaved viewers of an edge notice of others who are not.

The edge has one core, with the threads it comes with on one core; viewers, attackers and upstream
share another, where the attackers give way. With more cores the attackers have a third one, and
the upstream a fourth. There are rounds: in each, every attack stands between
two watches without one, and what is compared are medians over the rounds, so that one bad moment of
the machine decides nothing.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.command import say
from benchmarks.load.cores import Cores, choose, running_on
from benchmarks.load.generator import LoadFailed
from benchmarks.load.hostile.attacks import ATTACKS, IDLE, request
from benchmarks.load.hostile.objects import VIEWED, body_of
from benchmarks.load.hostile.precedence import put_session_first
from benchmarks.load.hostile.setting import Setting, setting
from benchmarks.load.hostile.viewers import Seen, Viewers, viewers
from benchmarks.load.idle import raise_descriptor_limit

OUTPUT: Final = Path(__file__).resolve().parents[2] / "results"
MEMORY_BYTES: Final = 256 * 2**20
MOST_RATIO: Final = 2.0
START_LIMIT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Phase:
    """One attack in one round, what it came to, and what the viewers saw meanwhile."""

    attack: str
    did: str
    seen: Seen


@dataclass(frozen=True, slots=True)
class Results:
    """Every phase of every round, and the watches without an attack, one more in each round.

    `edge_first` and `viewers_first` tell whether they went before what else the machine did.
    """

    phases: list[Phase]
    alone: list[Seen]
    edge_first: bool
    viewers_first: bool

    @property
    def alone_p99_us(self) -> float:
        """The 99th percentile of an ordinary moment."""
        return median(seen.p99_us for seen in self.alone)

    @property
    def attacks(self) -> list[str]:
        """The attacks, in order."""
        return list(dict.fromkeys(phase.attack for phase in self.phases))

    def of(self, attack: str) -> list[Phase]:
        """One attack in every round."""
        return [phase for phase in self.phases if phase.attack == attack]

    def ratio(self, attack: str) -> float:
        """How much longer the 99th percentile was than without the attack; medians over rounds."""
        return median(each.seen.p99_us for each in self.of(attack)) / self.alone_p99_us

    @property
    def errors(self) -> int:
        """How many answers were wrong, late or none."""
        return sum(seen.errors for seen in (*self.alone, *(each.seen for each in self.phases)))

    @property
    def kept(self) -> bool:
        """Whether nobody but the attackers noticed anything."""
        return self.errors == 0 and all(self.ratio(each) <= MOST_RATIO for each in self.attacks)


def main(words: Sequence[str]) -> int:
    """Attack in every way, print the table and write it down; 1 when asked to check, and missed."""
    options = arguments(words)
    raise_descriptor_limit(IDLE)
    cores = choose(os.sched_getaffinity(0))
    with (
        tempfile.TemporaryDirectory(prefix="sluice-hostile-") as folder,
        running_on(cores.generator),
        setting(
            Path(folder),
            cores,
            memory_bytes=MEMORY_BYTES,
            options=shlex.split(options.edge_options),
        ) as edge,
    ):
        results = attacked(edge, Path(folder), cores, options)
        print((Path(folder) / "viewers.log").read_text(encoding="utf-8")[:4000], end="")
    print("\n".join(lines(results)))
    write(results, Path(os.environ.get("SLUICE_CALLED_FROM", ""), options.output))
    return int(options.check and not results.kept)


def attacked(edge: Setting, folder: Path, cores: Cores, options: argparse.Namespace) -> Results:
    """Let viewers watch, without an attack and during each, in every round."""
    body_file = folder / "viewed"
    body_file.write_bytes(body_of(VIEWED))
    with viewers(
        edge.port,
        request(VIEWED),
        body_file,
        connections=options.connections,
        per_s=options.per_s,
        log=folder / "viewers.log",
    ) as watching:
        results = Results([], [], edge.goes_first, watching.in_real_time)
        warm(watching)
        for number in range(options.rounds):
            for name in options.attacks:
                results.alone.append(watching.watch(options.seconds))
                say(f"{number + 1}. alone: p99 {results.alone[-1].p99_us:,.0f} µs; now {name}")
                with attack(name, edge.port, cores.second) as attacker:
                    results.phases.append(during(name, attacker, watching, options.seconds))
            results.alone.append(watching.watch(options.seconds))
    return results


def warm(watching: Viewers) -> None:
    """Have everything stored, and the edge's own memory laid out."""
    watching.watch(2.0)


def during(name: str, attacker: subprocess.Popen[str], watching: Viewers, seconds: float) -> Phase:
    """Watch while an attack goes on, and end it."""
    assert attacker.stdin is not None
    assert attacker.stdout is not None
    seen = watching.watch(seconds)
    attacker.stdin.close()
    return Phase(name, attacker.stdout.readline().strip(), seen)


@contextmanager
def attack(name: str, port: int, core: int) -> Iterator[subprocess.Popen[str]]:
    """Run an attack from a core, which is at work when the block begins."""
    words = [sys.executable, "-m", "benchmarks.load.hostile.attacks", name, str(port)]
    pipe = subprocess.PIPE
    with (
        running_on(core),
        subprocess.Popen(
            words, stdin=pipe, stdout=pipe, text=True, start_new_session=True
        ) as process,
    ):
        put_session_first(process.pid)
        try:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "ready":
                raise LoadFailed(process)
            yield process
        finally:
            process.terminate()


def lines(results: Results) -> Iterator[str]:
    """The table."""
    yield (
        f"{'while':<28}{'requests':>9}{'errors':>8}{'p50 µs':>9}{'p99 µs':>9}"
        f"{'from':>9}{'to':>9}{'most µs':>10}{'ratio':>8}"
    )
    yield line("alone", results.alone, 1.0, "")
    for name in results.attacks:
        phases = results.of(name)
        yield line(name, [each.seen for each in phases], results.ratio(name), phases[-1].did)
    if not (results.edge_first and results.viewers_first):
        yield "edge and viewers had to share their cores with whatever else this machine did"
    verdict = "kept" if results.kept else "MISSED"
    yield f"goal: no errors, and p99 within {MOST_RATIO:g} times that without an attack: {verdict}"


def line(name: str, seen: Sequence[Seen], ratio: float, did: str) -> str:
    """One row: medians over the watches, and between what the 99th percentile was in them."""
    p99_us = sorted(each.p99_us for each in seen)
    return (
        f"{name:<28}{sum(each.requests for each in seen):>9,}{sum(each.errors for each in seen):>8}"
        f"{median(each.p50_us for each in seen):>9,.0f}{median(p99_us):>9,.0f}"
        f"{p99_us[0]:>9,.0f}{p99_us[-1]:>9,.0f}{max(each.most_us for each in seen):>10,.0f}"
        f"{ratio:>8.2f}  {did}"
    )


def write(results: Results, folder: Path) -> None:
    """Leave the numbers in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "hostile.json"
    place.write_text(json.dumps(asdict(results), indent=1) + "\n", encoding="utf-8")
    print(f"written: {place}")


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./sluice bench hostile", description=__doc__)
    add = parser.add_argument
    names = list(ATTACKS)
    add("--attacks", nargs="+", metavar="NAME", choices=names, default=names, help=", ".join(names))
    add("--rounds", type=int, default=5, help="how often each attack is made (5)")
    add("--seconds", type=float, default=3.0, help="how long each watch lasts (3.0)")
    add("--per-s", type=int, default=1000, help="the viewers' requests in a second (1000)")
    add("--connections", type=int, default=32, help="the viewers' connections (32)")
    add("--edge-options", default="", help="further options of `sluice edge`, in one word")
    add("--output", type=Path, default=OUTPUT, help="folder of hostile.json")
    add("--check", action="store_true", help="end with 1 when the goal is missed")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
