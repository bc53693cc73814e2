"""`./sluice bench edge`: our edge against nginx and Varnish, on one core, from memory."""

import argparse
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.command import OUTPUT, guarded, positive, say
from benchmarks.load import plot, report
from benchmarks.load.compiling import compiled
from benchmarks.load.cores import Cores, choose, running_on
from benchmarks.load.field import FAMILIES, Field, field
from benchmarks.load.figures import Comparison
from benchmarks.load.generator import SOURCE, Load, LoadFailed
from benchmarks.load.idle import measure_idle, raise_descriptor_limit
from benchmarks.load.results import Results, as_json
from benchmarks.load.rounds import Changed, Session
from benchmarks.load.verify import WrongAnswer, verify
from benchmarks.load.works import WORKS

IDLE_WORK: Final = WORKS[0]


def main(words: Sequence[str]) -> int:
    """Measure, print the report, and write it down; 1 when a goal is missed and that matters."""
    options = arguments(words)
    if options.idle:
        raise_descriptor_limit(options.idle)
    compiled(SOURCE)
    cores = choose(os.sched_getaffinity(0))
    families = [name for name in FAMILIES if name in options.families]
    edge_options = shlex.split(options.edge_options)
    # This thread and what it starts, the generator above all, leave the servers' core alone.
    with (
        tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder,
        running_on(cores.generator),
        field(families, Path(folder), cores, edge_options) as servers,
    ):
        for name in servers.absent(families):
            say(f"{name}: left out, this edge has no such setting")
        results = measured(options, cores, servers)
    print("\n".join(report.lines(results)))
    settings = {**vars(options), "output": str(options.output), "versions": servers.versions}
    # The launcher runs us in the repository: a path is meant from where the caller stands.
    write(results, settings, Path(os.environ.get("SLUICE_CALLED_FROM", ""), options.output))
    return exit_code(results.comparisons(), check=options.check)


def exit_code(comparisons: Sequence[Comparison], *, check: bool) -> int:
    """1 when a goal is missed and the caller asked to be told."""
    return int(check and not all(each.kept for each in comparisons))


def measured(options: argparse.Namespace, cores: Cores, servers: Field) -> Results:
    """Take the time of every work, and count the memory of idle connections."""
    load = Load(options.connections, limit_s=options.limit)
    session = Session(load, cores, options.seconds, options.repetitions)
    works = [work for work in WORKS if work.name in options.works]
    results = Results(works, servers.contestants)
    run(session, servers, results)
    idle(servers, results, options.idle)
    return results


def run(session: Session, servers: Field, results: Results) -> None:
    """Look at every answer once, then take the time of every work."""
    for work in results.works:
        taking = [each for each in servers.contestants if each.takes(work.name)]
        for each in taking:
            verify(each, work)
        fetched = servers.upstream.requests
        say(f"{work.title}: {session.repetitions} rounds of {len(taking)} configurations")
        for contestant, seen in session.interleaved(taking, work):
            results.add(work, contestant, seen)
        if servers.upstream.requests != fetched:
            raise WrongAnswer(f"{work.title}: a cache went to its upstream while it was measured")


def idle(servers: Field, results: Results, connections: int) -> None:
    """Count the memory of idle connections: once for each process."""
    seen: set[int] = set()
    for each in servers.contestants if connections else ():
        if each.pid not in seen:
            seen.add(each.pid)
            verify(each, IDLE_WORK)
            say(f"{each.family}: {connections} idle connections")
            results.idle[each.family] = measure_idle(each, IDLE_WORK, connections)


def write(results: Results, settings: dict[str, object], folder: Path) -> None:
    """Leave the numbers and the drawing in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    versions = settings["versions"]
    assert isinstance(versions, dict)
    (folder / "edge.json").write_text(as_json(results, settings), encoding="utf-8")
    drawing = plot.svg(plot.bars(results), "; ".join(versions.values()))
    (folder / "edge.svg").write_text(drawing, encoding="utf-8")
    print(f"\nwritten: {folder / 'edge.json'}, {folder / 'edge.svg'}")


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./sluice bench edge", description=__doc__)
    add = parser.add_argument
    names = [work.name for work in WORKS]
    add("--works", nargs="+", metavar="WORK", choices=names, default=names, help=", ".join(names))
    add(
        "--families",
        nargs="+",
        metavar="FAMILY",
        choices=FAMILIES,
        default=list(FAMILIES),
        help="whom to compare: " + "; ".join(FAMILIES),
    )
    add("--repetitions", type=positive, default=7, help="rounds of each configuration (7)")
    add("--seconds", type=float, default=1.0, help="about how long a round lasts (1.0)")
    add("--connections", type=positive, default=64, help="keep-alive connections (64)")
    add("--idle", type=int, default=10_000, help="idle connections to hold, 0 for none (10000)")
    add("--limit", type=positive, default=60, help="seconds after which a round has failed (60)")
    add("--edge-options", default="", help="further options of `sluice edge`, in one word")
    add("--output", type=Path, default=OUTPUT, help="folder of edge.json and edge.svg")
    add("--check", action="store_true", help="end with 1 when a goal is missed")
    return parser.parse_args(words)


if __name__ == "__main__":
    # Unwind, so that the servers end with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(guarded("edge", main, LoadFailed, WrongAnswer, Changed))
