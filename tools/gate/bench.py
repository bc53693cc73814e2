"""`./sluice bench`: the measurements, which no test runs."""

import argparse
from collections.abc import Sequence

from tools.gate.gate import execute
from tools.gate.steps import PYTHON, Command

MICRO = (
    "benchmarks/micro",
    "--override-ini=python_files=bench_*.py",
    "--override-ini=python_functions=bench_*",
    "--benchmark-only",
    "--benchmark-sort=name",
    "--benchmark-columns=min,median,stddev,ops,rounds",
)


def main(words: Sequence[str]) -> int:
    """Run a benchmark by name; what follows the name goes to it."""
    parser = argparse.ArgumentParser(prog="./sluice bench")
    parser.add_argument(
        "name", choices=["micro"], help="micro: single functions, by pytest-benchmark"
    )
    options, rest = parser.parse_known_args(words)
    assert options.name == "micro"
    return execute(Command((PYTHON, "-m", "pytest", *MICRO, *rest)), {})
