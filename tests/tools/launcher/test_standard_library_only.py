"""The launcher runs before anything is installed."""

import ast
import sys
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).resolve().parents[3] / "tools" / "launcher"


@pytest.mark.parametrize("source", sorted(LAUNCHER.glob("*.py")), ids=lambda path: path.name)
def test_a_module_of_the_launcher_imports_nothing_that_is_installed(source: Path) -> None:
    names = set()
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    installed = {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}
    assert all(name.startswith("tools.launcher") for name in installed)
