"""What every test run shares: the event loop it uses and a header that says so."""

import asyncio
import os
import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version

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
