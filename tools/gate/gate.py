"""Runs the steps in two lanes, each one after the other, on after a failure, and sums them up.

What may run beside others does so in the second lane, into a file that is shown when it has ended.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools.gate.counts import Counts, read_counts
from tools.gate.needs import provide
from tools.gate.steps import Command, Step, pytest
from tools.launcher.paths import HERE

# Every tester imports all tests, and tests start the product's processes hundreds of times.
# Containers often forbid to keep what is compiled, and then each of them compiles the house anew.
KEEP_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended."""

    step: Step
    passed: bool
    seconds: float
    counts: Counts


def run(steps: Sequence[Step]) -> int:
    """Run steps and print their table; 0 where all passed."""
    machine_env = provide() if any(step.is_tests for step in steps) else {}
    started_s = time.monotonic()
    in_sight = [step for step in steps if not step.beside]
    beside = [step for step in steps if step.beside]
    if not in_sight:
        in_sight, beside = beside, []
    with ThreadPoolExecutor(1) as second_lane:
        waiting = second_lane.map(lambda step: run_beside(step, machine_env), beside)
        outcomes = [run_step(step, machine_env) for step in in_sight]
        outcomes += waiting
    outcomes.sort(key=lambda outcome: steps.index(outcome.step))
    report(outcomes, time.monotonic() - started_s)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def pytest_alone(words: Sequence[str]) -> int:
    """Run pytest with the caller's arguments; paths are meant from where the caller stands."""
    caller = Path(os.environ.get("SLUICE_CALLED_FROM", HERE.root))
    resolved = [rooted(word, caller) for word in words]
    return execute(pytest(*resolved), provide(install=False))


def rooted(word: str, caller: Path) -> str:
    """Turn an argument that names a file of the caller's folder into an absolute path."""
    path, separator, case = word.partition("::")
    if path and not word.startswith("-") and (caller / path).exists():
        return f"{caller / path}{separator}{case}"
    return word


def run_beside(step: Step, machine_env: dict[str, str]) -> Outcome:
    """Run a step while another one is in sight; what it says comes in one piece, at its end."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        outcome = run_step(step, machine_env, said)
        said.seek(0)
        sys.stdout.write(said.read())
        sys.stdout.flush()
    return outcome


def run_step(step: Step, machine_env: dict[str, str], into: IO[str] | None = None) -> Outcome:
    """Run all commands of a step, even after one failed, in plain sight or into a file."""
    print(f"\n==== {step.name}: {step.purpose} ====", flush=True, file=into)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sluice-gate-") as folder:
        junit = Path(folder, "junit.xml")
        extra = (f"--junitxml={junit}",) if step.is_tests else ()
        codes = [execute(command, machine_env, extra, into) for command in step.commands()]
        counts = read_counts(junit)
    return Outcome(step, not any(codes), time.monotonic() - started_s, counts)


def execute(
    command: Command,
    machine_env: dict[str, str],
    extra: Sequence[str] = (),
    into: IO[str] | None = None,
) -> int:
    """Run one command in plain sight, or into a file."""
    # Some tools call others by name, and mean those of the same environment.
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    env = {**os.environ, **KEEP_BYTECODE, "PATH": path, **machine_env, **command.env}
    words = [*command.words, *extra]
    mixed = None if into is None else subprocess.STDOUT
    return subprocess.run(
        words, cwd=command.folder, env=env, stdout=into, stderr=mixed, check=False
    ).returncode


def report(outcomes: Sequence[Outcome], total_s: float) -> None:
    """Print the table, the verdict, and the count of tests as the last line."""
    print("\nstep       result   seconds")
    for outcome in outcomes:
        result = "passed" if outcome.passed else "FAILED"
        print(f"{outcome.step.name:<11}{result:<9}{outcome.seconds:7.1f}")
    failed = [outcome.step.name for outcome in outcomes if not outcome.passed]
    verdict = f"FAILED in {', '.join(failed)}" if failed else "passed"
    print(f"gate: {verdict} after {total_s:.0f} s")
    if any(outcome.step.is_tests for outcome in outcomes):
        print(f"tests: {sum((outcome.counts for outcome in outcomes), Counts())}")
    sys.stdout.flush()
