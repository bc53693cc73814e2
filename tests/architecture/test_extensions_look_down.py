"""The import rule for Cython sources, which import-linter does not read."""

import re
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "native"
SOURCES = sorted([*NATIVE.rglob("*.pyx"), *NATIVE.rglob("*.pxd")])
IMPORT = re.compile(r"^\s*(?:cimport|import|from)\s+([\w.]+)", re.MULTILINE)
# The layers above native, and the libraries that bring clocks, sockets or files with them.
FORBIDDEN = {
    *("cli", "server", "origin", "edge", "runtime", "core", "benchmarks", "tests", "tools"),
    *("aiofiles", "aiohttp", "asyncio", "asyncpg", "av", "redis", "uvloop"),
    *("datetime", "random", "secrets", "socket", "subprocess", "threading", "time"),
}


def test_there_are_extensions_to_read() -> None:
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_an_extension_imports_nothing_from_above(source: Path) -> None:
    roots = {name.split(".")[0] for name in IMPORT.findall(source.read_text(encoding="utf-8"))}
    assert not roots & FORBIDDEN


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_an_extension_waits_for_nothing(source: Path) -> None:
    assert not re.search(r"\b(?:async\s+def|await)\b", source.read_text(encoding="utf-8"))
