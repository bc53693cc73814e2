"""What the commands behind `./sluice bench` have in common."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tools.launcher.failure import SetupFailed

ROOT: Final = Path(__file__).resolve().parents[1]
OUTPUT: Final = ROOT / "benchmarks" / "results"
KEPT: Final = ROOT / "build" / "bench"
"""Where what takes long to make stays for the next time."""


def say(line: str) -> None:
    """Tell how far we are, beside the report."""
    print(line, file=sys.stderr, flush=True)


def positive(text: str) -> int:
    """Read a number that is at least one."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def guarded(name: str, main: Callable[[Sequence[str]], int], *failures: type[Exception]) -> int:
    """Run a command with the words that it was given, and say in one line what went wrong."""
    caught: tuple[type[Exception], ...] = (SetupFailed, *failures)
    try:
        return main(sys.argv[1:])
    except caught as failure:
        say(f"bench {name}: {failure}")
        return 1
    except KeyboardInterrupt:
        say(f"bench {name}: interrupted")
        return 130
