"""`./sluice bench`: the measurements, which no test runs."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Final

from tools.gate.gate import execute
from tools.gate.steps import PYTHON, Command

MICRO: Final = (
    "-m",
    "pytest",
    "benchmarks/micro",
    "--override-ini=python_files=bench_*.py",
    "--override-ini=python_functions=bench_*",
    "--benchmark-only",
    "--benchmark-sort=name",
    "--benchmark-columns=min,median,stddev,ops,rounds",
)

BENCHES: Final[Mapping[str, tuple[str, ...]]] = {
    "micro": MICRO,
    "edge": ("-m", "benchmarks.load"),
    "package": ("-m", "benchmarks.packaging"),
    "origin": ("-m", "benchmarks.origin"),
    "hostile": ("-m", "benchmarks.load.hostile"),
    "leak": ("-m", "benchmarks.load.hostile.leak"),
    "integrity": ("-m", "benchmarks.load.integrity"),
    "cache-policy": ("-m", "benchmarks.sim"),
}


def main(words: Sequence[str]) -> int:
    """Run a benchmark by name; what follows the name goes to it."""
    parser = argparse.ArgumentParser(
        prog="./sluice bench",
        description="micro: single functions, by pytest-benchmark. edge: our edge against nginx "
        "and Varnish. package: our packager against shaka-packager and ffmpeg. origin: its "
        "segments against nginx over files, and its memory. hostile: what viewers notice while "
        "others attack it. leak: what it holds after a million requests. integrity: whether every "
        "answer is what the upstream gave. cache-policy: hit ratios of the policies. What follows "
        "the name goes to it.",
    )
    parser.add_argument("name", choices=list(BENCHES))
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    options = parser.parse_args(words)
    return execute(Command((PYTHON, *BENCHES[options.name], *options.rest)), {})
