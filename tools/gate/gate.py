"""Runs the steps one after the other, on after a failure, and sums them up."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.gate.counts import Counts, read_counts
from tools.gate.needs import provide
from tools.gate.steps import Command, Step, pytest
from tools.launcher.paths import HERE


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
    outcomes = [run_step(step, machine_env) for step in steps]
    report(outcomes)
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


def run_step(step: Step, machine_env: dict[str, str]) -> Outcome:
    """Run all commands of a step, even after one failed."""
    print(f"\n==== {step.name}: {step.purpose} ====", flush=True)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sluice-gate-") as folder:
        junit = Path(folder, "junit.xml")
        extra = (f"--junitxml={junit}",) if step.is_tests else ()
        codes = [execute(command, machine_env, extra) for command in step.commands()]
        counts = read_counts(junit)
    return Outcome(step, not any(codes), time.monotonic() - started_s, counts)


def execute(command: Command, machine_env: dict[str, str], extra: Sequence[str] = ()) -> int:
    """Run one command in plain sight."""
    # Some tools call others by name, and mean those of the same environment.
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    env = {**os.environ, "PATH": path, **machine_env, **command.env}
    words = [*command.words, *extra]
    return subprocess.run(words, cwd=command.folder, env=env, check=False).returncode


def report(outcomes: Sequence[Outcome]) -> None:
    """Print the table, the verdict, and the count of tests as the last line."""
    print("\nstep       result   seconds")
    for outcome in outcomes:
        result = "passed" if outcome.passed else "FAILED"
        print(f"{outcome.step.name:<11}{result:<9}{outcome.seconds:7.1f}")
    total_s = sum(outcome.seconds for outcome in outcomes)
    failed = [outcome.step.name for outcome in outcomes if not outcome.passed]
    verdict = f"FAILED in {', '.join(failed)}" if failed else "passed"
    print(f"gate: {verdict} after {total_s:.0f} s")
    if any(outcome.step.is_tests for outcome in outcomes):
        print(f"tests: {sum((outcome.counts for outcome in outcomes), Counts())}")
    sys.stdout.flush()
