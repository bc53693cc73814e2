"""`./sluice bench package`: processor time beside shaka-packager and ffmpeg, on the same film."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.command import KEPT, OUTPUT, guarded, positive, say
from benchmarks.load.figures import Comparison, best, ratio, spread
from benchmarks.load.results import machine
from benchmarks.packaging import shaka
from benchmarks.packaging.contestants import WORKS, Contestant, Work, contestants
from benchmarks.packaging.film import film
from benchmarks.packaging.publishing import WarmWorker
from benchmarks.packaging.rounds import PackagingFailed, Run, check, interleaved
from tools.gate.needs import FFMPEG, provide

OURS: Final = "sluice"
# By work and contestant, one run after the other.
Runs = dict[str, dict[str, list[Run]]]


def main(words: Sequence[str]) -> int:
    """Measure, print the report, and write it down; 1 when a goal is missed and that matters."""
    options = arguments(words)
    ffmpeg = provide((FFMPEG,))[FFMPEG.variable]
    packager = "" if options.without_shaka else shaka.provide(options.folder)
    source = film(ffmpeg, options.folder, options.seconds)
    field = contestants(packager, ffmpeg)
    for each in field:
        say(f"{each.name}, {each.work}: every packet is compared")
        check(each, ffmpeg, source, options.folder)
    runs: Runs = {}
    with WarmWorker(source, options.folder) as worker:
        for each, run in interleaved(field, source, options.folder, options.repetitions, worker):
            say(f"{each.name}, {each.work}: {seconds(run.cpu_s)} s")
            runs.setdefault(each.work, {}).setdefault(each.name, []).append(run)
    found = [each for work in WORKS for each in compare(work, field, runs[work.name])]
    print("\n".join(report(runs, found)))
    settings = {
        "film": {"seconds": options.seconds, "bytes": source.stat().st_size},
        "repetitions": options.repetitions,
        "versions": versions(packager, ffmpeg),
    }
    # The launcher runs us in the repository: a path is meant from where the caller stands.
    folder = Path(os.environ.get("SLUICE_CALLED_FROM", ""), options.output)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(as_json(runs, found, settings), encoding="utf-8")
    print(f"\nwritten: {folder / 'package.json'}")
    return int(options.check and not all(each.kept for each in found))


def compare(
    work: Work, field: Sequence[Contestant], runs: Mapping[str, Sequence[Run]]
) -> Iterator[Comparison]:
    """Divide ours by the cheapest of each other family, round by round."""
    costs = {name: [run.cpu_s for run in done] for name, done in runs.items()}
    for family in dict.fromkeys(each.family for each in field if each.work == work.name):
        if family != OURS:
            names = {each.name for each in field if each.family == family}
            against = best({name: costs[name] for name in names & costs.keys()})
            quotient = ratio(costs[OURS], costs[against])
            yield Comparison(work.name, OURS, family, against, quotient, work.goals.get(family))


def report(runs: Runs, found: Sequence[Comparison]) -> Iterator[str]:
    """The tables."""
    for work in WORKS:
        yield ""
        yield f"{work.title:<46}{'CPU s: median (least-most)':<30}{'elapsed s':>9}"
        for name, done in runs[work.name].items():
            cost = spread([run.cpu_s for run in done])
            shown = f"{seconds(cost.median)} ({seconds(cost.least)}-{seconds(cost.most)})"
            yield f"  {name:<44}{shown:<30}{median(run.wall_s for run in done):>9.2f}"
    yield ""
    for each in found:
        quotient = each.ratio
        figures = map(seconds, (quotient.median, quotient.least, quotient.most))
        shown = "{} ({}-{})".format(*figures)
        verdict = "" if each.limit is None else f"goal {each.limit:.2f}: "
        verdict += "" if each.limit is None else ("kept" if each.kept else "MISSED")
        yield f"{each.work:<10}{each.ours} / {each.against:<28}{shown:<24}{verdict}"


def seconds(value: float) -> str:
    """Write a figure with two digits that count."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def as_json(runs: Runs, found: Sequence[Comparison], settings: Mapping[str, object]) -> str:
    """Everything that was measured, and where and with what."""
    document: dict[str, Any] = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": dict(settings),
        "runs": {
            work: {name: [asdict(run) for run in done] for name, done in by_name.items()}
            for work, by_name in runs.items()
        },
        "ratios": [asdict(each) for each in found],
    }
    return json.dumps(document, indent=1) + "\n"


def versions(packager: str, ffmpeg: str) -> dict[str, str]:
    """What the others say of themselves."""
    said = subprocess.run([ffmpeg, "-version"], capture_output=True, text=True, check=True)
    found = {"ffmpeg": said.stdout.splitlines()[0]}
    return found | ({"shaka-packager": shaka.version(packager)} if packager else {})


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./sluice bench package", description=__doc__)
    add = parser.add_argument
    add("--repetitions", type=positive, default=7, help="runs of each contestant (7)")
    add("--seconds", type=positive, default=600, help="length of the film (600)")
    add("--without-shaka", action="store_true", help="leave shaka-packager out")
    add("--folder", type=Path, default=KEPT, help="where film and shaka-packager are kept")
    add("--output", type=Path, default=OUTPUT, help="folder of package.json")
    add("--check", action="store_true", help="end with 1 when a goal is missed")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(guarded("package", main, PackagingFailed))
