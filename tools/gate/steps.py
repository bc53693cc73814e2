"""The steps of the gate, as a table."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.launcher import node
from tools.launcher.paths import HERE

PYTHON = sys.executable
REFERENCE_ROOMS = ("tests/native", "tests/core", "tests/edge")
# Rooms below those that never reach native code, and are the same whichever twin there is.
WITHOUT_TWIN = ("core/cache", "core/http", "core/matroska")
# Tests wait for most of their time: for processes, for timers, for one another's disk. More at once
# would share too little of what each sets up: a Postgres, browsers, media.
TESTERS_BESIDE = 1
MOST_TESTERS = 4
# These run beside all others, in less than half of their time; two of them made players wait.
TESTERS_OF_TWINS = 1
STUBTEST_ALLOWED = "tools/gate/stubtest-allowed.txt"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a step and what it sees of the environment beside the usual."""

    words: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    folder: Path = HERE.root


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the gate's table. A step of tests is a pytest run, whose cases are counted.

    One that runs `beside` the tests needs nothing of them: those of this kind run one after the
    other, and what one says is shown when it has ended.
    """

    name: str
    purpose: str
    commands: Callable[[], Sequence[Command]]
    is_tests: bool = False
    beside: bool = False


def tool(name: str, *words: str) -> Command:
    """Call a tool of our own environment."""
    return Command((str(Path(PYTHON).parent / name), *words))


def pytest(*words: str, **env: str) -> Command:
    """Call pytest without the benchmark plugin, which times nothing here."""
    return Command((PYTHON, "-m", "pytest", "-p", "no:benchmark", *words), env)


def testers() -> int:
    """How many files are tested at the same time: one more than there are processors."""
    return min(MOST_TESTERS, len(os.sched_getaffinity(0)) + TESTERS_BESIDE)


def pytest_at_once(count: int, *words: str, **env: str) -> Command:
    """Call pytest for that many files at the same time, in the order of `tests/conftest.py`."""
    at_once = ("-n", str(count), "--dist", "loadfile", "--no-loadscope-reorder")
    return pytest(*at_once, *words, **env)


def lint() -> list[Command]:
    """Format, style, and the same for Cython."""
    rooms = (HERE.native, HERE.root / "tests/fuzz")
    found = (path for room in rooms for path in room.rglob("*.p[yx][xd]"))
    sources = sorted(str(path.relative_to(HERE.root)) for path in found)
    cython = [tool("cython-lint", *sources)] if sources else []
    return [tool("ruff", "format", "--check"), tool("ruff", "check"), *cython]


def types() -> list[Command]:
    """Every room against mypy, and every stub against its compiled module."""
    stubtest = (PYTHON, "-m", "mypy.stubtest", "native", "--allowlist", STUBTEST_ALLOWED)
    options = ("--ignore-unused-allowlist", "--mypy-config-file", "pyproject.toml")
    return [tool("mypy"), Command((*stubtest, *options))]


def imports() -> list[Command]:
    """The layers of the house."""
    return [tool("lint-imports", "--no-cache")]


def web() -> list[Command]:
    """The web pages' own types and style."""
    found = node.Supply(HERE).get()
    return [Command((*found.npm, "run", "--silent", "check"), found.env, HERE.web)]


def tests() -> list[Command]:
    """Every test, on the compiled modules and uvloop."""
    env = {"NATIVE_IMPL": "compiled", "SLUICE_TEST_LOOP": "uvloop"}
    return [pytest_at_once(testers(), "-m", "not wheel", **env)]


def reference() -> list[Command]:
    """The rooms that use native code, on its clear Python twin and asyncio in debug mode."""
    rooms = [room for room in REFERENCE_ROOMS if (HERE.root / room).is_dir()]
    same = [f"--ignore=tests/{room}" for room in WITHOUT_TWIN]
    env = {"NATIVE_IMPL": "reference", "SLUICE_TEST_LOOP": "asyncio-debug"}
    return [pytest_at_once(TESTERS_OF_TWINS, *rooms, *same, **env)]


def wheel() -> list[Command]:
    """The built wheel in an environment of its own."""
    return [pytest("-m", "wheel", "tests/wheel")]


STEPS = (
    Step("lint", "ruff format, ruff check, cython-lint", lint, beside=True),
    Step("types", "mypy, and stubtest of the native modules", types, beside=True),
    Step("imports", "the layers, by import-linter", imports, beside=True),
    Step("web", "the web pages' types and style", web, beside=True),
    Step("tests", "every test, compiled, on uvloop", tests, is_tests=True),
    Step("wheel", "the built wheel in an empty environment", wheel, is_tests=True, beside=True),
    Step("reference", "native, core and edge on the twins", reference, is_tests=True, beside=True),
)
