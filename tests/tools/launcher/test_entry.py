"""The file `./sluice`: what it says where Python is too old, and that old Pythons can read it."""

import ast
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ENTRY = Path(__file__).resolve().parents[3] / "sluice"


@pytest.fixture
def entry() -> ModuleType:
    loader = SourceFileLoader("sluice_entry", str(ENTRY))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_entry_file_can_be_started() -> None:
    assert ENTRY.stat().st_mode & 0o111
    assert ENTRY.read_text(encoding="utf-8").startswith("#!/usr/bin/env python3\n")


def test_old_pythons_can_parse_the_entry_file() -> None:
    tree = ast.parse(ENTRY.read_bytes(), feature_version=(3, 4))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match, ast.Starred)
    assert [node for node in ast.walk(tree) if isinstance(node, newer)] == []


@pytest.mark.parametrize(
    ("version", "runs"),
    [
        ((2, 7, 18), False),
        ((3, 10, 14), False),
        ((3, 11, 0), True),
        ((3, 14, 9), True),
        ((3, 15, 0), False),
    ],
)
def test_the_supported_versions(
    entry: ModuleType, version: tuple[int, int, int], *, runs: bool
) -> None:
    assert entry.supported(version) is runs


def test_the_supported_versions_are_those_of_the_project(entry: ModuleType) -> None:
    project = (ENTRY.parent / "pyproject.toml").read_text(encoding="utf-8")
    for minor in range(entry.OLDEST[1], entry.NEWEST[1] + 1):
        assert f"Programming Language :: Python :: 3.{minor}" in project


def test_a_machine_without_a_fitting_python_hears_it_in_one_sentence(
    entry: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert entry.run_with_another_python() == 2
    said = capsys.readouterr().err
    assert said.startswith("sluice: needs Python 3.11 to 3.14, and python3 here is ")
    assert said.count("\n") == 1


def test_a_name_that_leads_nowhere_is_no_python(entry: ModuleType, tmp_path: Path) -> None:
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    assert entry.candidates(str(tmp_path)) == [str(shim)]
    assert not entry.answers(str(shim))
    assert entry.answers(sys.executable)


def test_a_fitting_python_elsewhere_on_the_path_takes_over(
    entry: ModuleType, tmp_path: Path
) -> None:
    stand_in = tmp_path / "python3.12"
    stand_in.write_text('#!/bin/sh\n[ "$1" = -c ] || echo "$@"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    script = (
        "import runpy, sys; sys.version_info = (3, 9, 2); sys.argv = ['sluice', 'up'];"
        f"runpy.run_path({str(ENTRY)!r}, run_name='__main__')"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": f"{tmp_path}:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert outcome.stdout == f"{ENTRY} up\n"
