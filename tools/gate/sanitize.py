"""`./sluice test --sanitize`: the compiled modules under AddressSanitizer and ThreadSanitizer.

A copy of the tree is built for each, so that the checkout keeps its own modules. The interpreter
is not instrumented: the sanitizer is loaded before it, and sees what the modules do.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Sanitizer:
    """One sanitizer: its switch, its library, its options, and the tests it watches."""

    name: str
    switch: str
    library: str
    options_name: str
    options: str
    tests: tuple[str, ...]


SANITIZERS: Final = (
    Sanitizer(
        "AddressSanitizer",
        "address",
        "libasan.so",
        "ASAN_OPTIONS",
        # The interpreter leaks on purpose. Freed memory is kept for a while, but not for long, as
        # some tests measure what is left.
        "detect_leaks=0:quarantine_size_mb=1",
        ("tests/native", "tests/edge/plane", "tests/edge/behaviour", "-k", "not reference"),
    ),
    Sanitizer(
        "ThreadSanitizer",
        "thread",
        "libtsan.so",
        "TSAN_OPTIONS",
        "report_signal_unsafe=0",
        (
            "tests/edge/plane",
            "tests/edge/behaviour/test_access_log.py",
            "tests/edge/behaviour/test_top.py",
            "-k",
            "not reference",
        ),
    ),
)


def run() -> int:
    """Build and test under each sanitizer; 0 where nothing was found."""
    codes = [run_one(sanitizer) for sanitizer in SANITIZERS]
    print("passed" if not any(codes) else "FAILED", flush=True)
    return 1 if any(codes) else 0


def run_one(sanitizer: Sanitizer) -> int:
    """Build and test under one sanitizer; what it reports is printed."""
    print(f"\n==== {sanitizer.name} ====", flush=True)
    library = find_library(sanitizer)
    with tempfile.TemporaryDirectory(prefix="sluice-sanitize-") as folder:
        tree = Path(folder, "tree")
        shutil.copytree(HERE.root, tree, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        build(sanitizer, tree)
        reports = Path(folder, "report")
        options = f"{sanitizer.options}:log_path={reports}"
        env = {**os.environ, "LD_PRELOAD": library, sanitizer.options_name: options}
        words = [sys.executable, "-m", "pytest", "-p", "no:benchmark", "-q", *sanitizer.tests]
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
