"""`./sluice bench origin`: segments through the origin's data plane, against nginx over files.

Also counts the memory of an origin whose library is large.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Final

import native
from benchmarks.command import KEPT, OUTPUT, guarded, positive, say
from benchmarks.load import nginx, report
from benchmarks.load.__main__ import exit_code
from benchmarks.load.compiling import compiled
from benchmarks.load.cores import choose, running_on
from benchmarks.load.generator import SOURCE, Load, LoadFailed
from benchmarks.load.results import Results, as_json
from benchmarks.load.rounds import Changed, Session
from benchmarks.load.verify import WrongAnswer
from benchmarks.origin.headers import LARGEST_SHARE, Headers
from benchmarks.origin.headers import measure as measure_headers
from benchmarks.origin.library import Library, LibraryFailed, library
from benchmarks.origin.memory import LIMIT_BYTES, Memory, measure
from benchmarks.origin.servers import pairs, servers, verify
from benchmarks.origin.works import FAMILIES, GOALS, OURS, works
from benchmarks.packaging.film import film
from runtime.version import sluice_version
from tools.gate.needs import FFMPEG, NGINX, provide

PAIR: Final = "pair"
NAMES: Final = (PAIR, "film", "made")
MB: Final = 1e6


def main(words: Sequence[str]) -> int:
    """Measure, print the report, and write it down; 1 when a goal is missed and that matters."""
    options = arguments(words)
    programs = provide((FFMPEG, NGINX))
    source = film(programs[FFMPEG.variable], options.folder, options.film_seconds)
    compiled(SOURCE)
    cores = choose(os.sched_getaffinity(0))
    found: Results | None = None
    memory: Memory | None = None
    with (
        tempfile.TemporaryDirectory(prefix="sluice-bench-", dir=options.folder) as folder,
        running_on(cores.generator),
    ):
        Path(folder).chmod(0o755)
        with library(Path(folder, "data")) as films:
            films.publish(source)
            films.protect()
            if options.works:
                session = Session(
                    Load(options.connections, limit_s=options.limit),
                    cores,
                    options.seconds,
                    options.repetitions,
                )
                program = programs[NGINX.variable]
                chosen = frozenset(options.works), frozenset(options.only)
                found = timed(films, program, Path(folder, "nginx"), session, *chosen)
            if options.titles:
                memory = counted(films, cores.server, options.titles, options.hot)
    headers = measure_headers()
    print("\n".join(report.lines(found) if found is not None else []))
    print("\n".join(header_lines(headers, found)))
    if memory is not None:
        print("\n".join(memory_lines(memory)))
    settings = {
        "film_seconds": options.film_seconds,
        "connections": options.connections,
        "versions": versions(programs[NGINX.variable]),
    }
    write(
        found,
        memory,
        headers,
        settings,
        Path(os.environ.get("SLUICE_CALLED_FROM", ""), options.output),
    )
    missed = exit_code(found.comparisons() if found is not None else [], check=options.check)
    return missed or int(options.check and memory is not None and not memory.kept)


def timed(
    films: Library,
    program: str,
    folder: Path,
    session: Session,
    names: frozenset[str],
    families: frozenset[str],
) -> Results:
    """Take the time of the works of those names, once all answers were compared."""
    folder.mkdir()
    with servers(films, program, folder, session.cores.server) as contestants:
        site = folder / "site"
        by_folder = {each.folder: each for each in reversed(contestants[:4])}
        segments = {place: pairs(each, site) for place, each in by_folder.items()}
        chosen = [each for each in works(segments) if each.name in names]
        results = Results(chosen, contestants, goals=GOALS)
        for work in chosen:
            named = [each for each in contestants if each.family in families]
            taking = [each for each in named if each.takes(work.name)]
            verify(taking, work, site)
            say(f"{work.title}: {session.repetitions} rounds of {len(taking)} configurations")
            for contestant, seen in session.interleaved(taking, work):
                results.add(work, contestant, seen)
        return results


def counted(films: Library, core: int, titles: int, hot: int) -> Memory:
    """Make the library large, and count."""
    say(f"{titles} titles")
    films.multiply(titles)
    return measure(films, core, titles, min(hot, titles))


def header_lines(headers: Headers, found: Results | None) -> list[str]:
    """The table of headers, and their share of what sending the pair costs."""
    lines = ["", f"{'headers of 4 s of picture and sound':<38}{'µs':>8}"]
    lines += [f"  {place:<36}{cost:>8.2f}" for place, cost in headers.cost_us.items()]
    costs = found.costs(PAIR).get(OURS) if found is not None else None
    if costs is not None:
        sending_us = 2 * median(costs[OURS])
        share = headers.most_us / sending_us
        verdict = "kept" if share <= LARGEST_SHARE else "MISSED"
        lines.append(f"  of {sending_us:.0f} µs for sending both: {share:.4f}, "
                     f"goal {LARGEST_SHARE}: {verdict}")  # fmt: skip
    return lines


def memory_lines(memory: Memory) -> list[str]:
    """The table of memory."""
    limit = f"goal {LIMIT_BYTES / MB:.0f}: {'kept' if memory.kept else 'MISSED'}"
    return [
        "",
        f"{'resident memory of the origin':<38}{'MB':>8}",
        f"{'  nobody has asked for anything':<38}{memory.before_bytes / MB:>8.1f}",
        f"{f'  {memory.titles} titles known':<38}{memory.known_bytes / MB:>8.1f}",
        f"{f'  {memory.hot} of them watched':<38}{memory.hot_bytes / MB:>8.1f}  {limit}",
    ]


def versions(program: str) -> dict[str, str]:
    """What is compared."""
    return {
        "sluice": f"sluice/{sluice_version()} ({native.IMPL})",
        "nginx": nginx.version(program),
    }


def write(
    found: Results | None,
    memory: Memory | None,
    headers: Headers,
    settings: dict[str, object],
    folder: Path,
) -> None:
    """Leave the numbers in a folder."""
    document: dict[str, Any] = json.loads(as_json(found, settings)) if found is not None else {}
    document["headers"] = asdict(headers)
    if memory is not None:
        document["memory"] = {**asdict(memory), "kept": memory.kept}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "origin.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten: {folder / 'origin.json'}")


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./sluice bench origin", description=__doc__)
    add = parser.add_argument
    add("--works", nargs="*", metavar="WORK", choices=NAMES, default=NAMES, help=", ".join(NAMES))
    add("--only", nargs="*", metavar="CONTESTANT", choices=FAMILIES, default=FAMILIES,
        help="who takes part: " + ", ".join(map(repr, FAMILIES)))  # fmt: skip
    add("--repetitions", type=positive, default=7, help="rounds of each configuration (7)")
    add("--seconds", type=float, default=1.0, help="about how long a round lasts (1.0)")
    add("--connections", type=positive, default=64, help="keep-alive connections (64)")
    add("--film-seconds", type=positive, default=600, help="length of the film (600)")
    add("--titles", type=int, default=10_000, help="titles of a large library, 0 for none (10000)")
    add("--hot", type=positive, default=100, help="how many of them are watched (100)")
    add("--limit", type=positive, default=60, help="seconds after which a round has failed (60)")
    add("--folder", type=Path, default=KEPT, help="where the film is kept, and the library made")
    add("--output", type=Path, default=OUTPUT, help="folder of origin.json")
    add("--check", action="store_true", help="end with 1 when a goal is missed")
    return parser.parse_args(words)


if __name__ == "__main__":
    # Unwind, so that the servers end with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(guarded("origin", main, LibraryFailed, LoadFailed, WrongAnswer, Changed))
