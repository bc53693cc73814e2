"""`./sluice test --sanitize`: the compiled modules under AddressSanitizer and ThreadSanitizer.

A copy of the tree is built for each, so that the checkout keeps its own modules. The interpreter
is not instrumented: the sanitizer is loaded before it, and sees what the modules do. With the first
comes UndefinedBehaviorSanitizer.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tools.gate.steps import testers
from tools.launcher.failure import MachineLacks
from tools.launcher.paths import HERE

LEFT_OUT: Final = (
    ".git",
    ".venv",
    "node_modules",
    "build",
    "__pycache__",
    "*.so",
    "*.c",
    ".*cache",
)

ALL: Final = "all"
# The clear twins have nothing to watch. Edges run on one loop, the one with access logs: what the
# other one adds is Python.
SELECTED: Final = ("-k", "not reference and not asyncio-debug")


@dataclass(frozen=True, slots=True)
class Sanitizer:
    """One sanitizer: its name in the command, its switch, its library, and the tests it watches.

    `options` are for each of its runtimes, by the variable that it reads them from.
    """

    name: str
    switch: str
    library: str
    options: dict[str, str]
    tests: tuple[str, ...]
    more_env: dict[str, str] = field(default_factory=dict)


SANITIZERS: Final = (
    Sanitizer(
        "address",
        "address,undefined",
        "libasan.so",
        {
            # The interpreter leaks on purpose. Freed memory is kept for a while, but not for long,
            # as some tests measure what is left.
            "ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        },
        (
            "tests/native",
            "tests/edge/plane",
            "tests/edge/behaviour",
            "tests/edge/test_hanging_disk.py",
            *SELECTED,
        ),
        # So that what modules do to the interpreter's objects is seen, too.
        {"PYTHONMALLOC": "malloc"},
    ),
    Sanitizer(
        "thread",
        "thread",
        "libtsan.so",
        {"TSAN_OPTIONS": "report_signal_unsafe=0"},
        (
            "tests/edge/plane",
            "tests/edge/behaviour/test_access_log.py",
            "tests/edge/behaviour/test_disk_slices.py",
            "tests/edge/behaviour/test_top.py",
            *SELECTED,
        ),
    ),
)

NAMES: Final = (ALL, *(each.name for each in SANITIZERS))


def run(name: str, tests: Sequence[str]) -> int:
    """Build and test under one sanitizer or `all`; 0 where nothing was found.

    `tests` are pytest's arguments in place of those that the sanitizer watches.
    """
    chosen = [each for each in SANITIZERS if name in {each.name, ALL}]
    codes = [run_one(sanitizer, tests or sanitizer.tests) for sanitizer in chosen]
    print("passed" if not any(codes) else "FAILED", flush=True)
    return 1 if any(codes) else 0


def run_one(sanitizer: Sanitizer, tests: Sequence[str]) -> int:
    """Build and test under one sanitizer; what it reports is printed."""
    print(f"\n==== sanitizer: {sanitizer.switch} ====", flush=True)
    library = find_library(sanitizer)
    with tempfile.TemporaryDirectory(prefix="sluice-sanitize-") as folder:
        tree = Path(folder, "tree")
        shutil.copytree(HERE.root, tree, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        build(sanitizer, tree)
        reports = Path(folder, "report")
        options = {name: f"{value}:log_path={reports}" for name, value in sanitizer.options.items()}
        env = {**os.environ, "LD_PRELOAD": library, **options, **sanitizer.more_env}
        words = [sys.executable, "-m", "pytest", "-p", "no:benchmark", "-q"]
        words += ["-n", str(testers()), "--dist", "loadfile", *tests]
        code = subprocess.run(words, cwd=tree, env=env, check=False).returncode
        found = sorted(Path(folder).glob("report.*"))
        for each in found:
            print(each.read_text(errors="replace"), flush=True)
    return 1 if code or found else 0


def find_library(sanitizer: Sanitizer) -> str:
    """Where the compiler keeps the sanitizer's library."""
    asked = ["gcc", f"-print-file-name={sanitizer.library}"]
    place = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(place).is_absolute():
        raise MachineLacks(f"gcc has no {sanitizer.library}; install its sanitizers")
    return place


def build(sanitizer: Sanitizer, tree: Path) -> None:
    """Build the modules in this tree with every check they have."""
    flags = f"-fsanitize={sanitizer.switch} -fno-omit-frame-pointer -O1 -g"
    env = {**os.environ, "CFLAGS": flags, "LDFLAGS": f"-fsanitize={sanitizer.switch}"}
    words = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    subprocess.run(words, cwd=tree, env={**env, "SLUICE_DEBUG_NATIVE": "1"}, check=True)
