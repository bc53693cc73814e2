"""What the gate does not test again on the twins of native code has nothing of them in it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.gate.steps import WITHOUT_TWIN

REPOSITORY = Path(__file__).resolve().parents[2]
IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
reached = [name for name in sys.modules if name.partition(".")[0] == "native"]
sys.exit(", ".join(reached) or None)
"""


@pytest.mark.parametrize("room", WITHOUT_TWIN)
def test_a_room_without_a_twin_does_not_reach_native_code(room: str) -> None:
    sources = sorted((REPOSITORY / room).glob("*.py"))
    names = [f"{room.replace('/', '.')}.{path.stem}" for path in sources]
    assert names
    outcome = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize("room", WITHOUT_TWIN)
def test_its_tests_do_not_either(room: str) -> None:
    sources = sorted((REPOSITORY / "tests" / room).glob("*.py"))
    assert sources
    assert [path.name for path in sources if "native" in path.read_text()] == []
