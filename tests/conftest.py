"""What every test run shares: the event loop it uses, a header that says so, and the order."""

import asyncio
import os
import platform
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest
import uvloop
from hypothesis import settings

pytest_plugins = ["tests.fixtures.postgres", "tests.fixtures.redis"]

# A property may be slow on a busy machine; how slow is the benchmarks' business.
settings.register_profile("sluice", deadline=None)
settings.load_profile("sluice")

# Everybody's players are many and slow: ./sluice test --players brings them and asks for these.
collect_ignore = [] if os.environ.get("SLUICE_TEST_PLAYERS") else ["players"]

HEADER_PACKAGES = ("aiohttp", "asyncpg", "av", "uvloop")


# Files are tested side by side. Those of these rooms take longest and begin first, so that none of
# them is what everything else waits for at the end.
LONGEST_FIRST = (
    "acceptance",
    "origin/jobs",
    "origin/packaging",
    "web",
    "cli",
    "origin",
    "edge/behaviour",
    "edge",
    "architecture",
    "benchmarks",
    "tools",
    "server",
)
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place_in_line(item.path))


@cache
def place_in_line(path: Path) -> int:
    """Where the tests of a file come, by the room they are of."""
    for place, room in enumerate(LONGEST_FIRST):
        if path.is_relative_to(HERE / room):
            return place
    return len(LONGEST_FIRST)


def debug_loop() -> asyncio.AbstractEventLoop:
    """Make asyncio's own loop, which then checks how it is used."""
    loop = asyncio.SelectorEventLoop()
    loop.set_debug(enabled=True)
    return loop


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio-debug": debug_loop,
    "uvloop": uvloop.new_event_loop,
}
LOOP = os.environ.get("SLUICE_TEST_LOOP", "uvloop")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {LOOP: LOOPS[LOOP]}


def pytest_report_header() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in HEADER_PACKAGES)
    native = os.environ.get("NATIVE_IMPL", "compiled")
    return f"sluice: native {native}, loop {LOOP}, Python {platform.python_version()}, {packages}"
