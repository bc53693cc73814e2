"""The gate: it counts what pytest counted, goes on after a failure, and says so at the end."""

import sys
from functools import partial
from pathlib import Path

import pytest

from tools.gate import bench
from tools.gate.counts import Counts, read_counts
from tools.gate.gate import rooted, run
from tools.gate.needs import NGINX, Need, is_snap, provide
from tools.gate.steps import STEPS, Command, Step

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10"/></testsuites>
"""


def step(name: str, code: int) -> Step:
    command = Command((sys.executable, "-c", f"raise SystemExit({code})"))
    return Step(name, "for this test", lambda: [command])


def test_an_error_counts_as_a_failure(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(JUNIT, encoding="utf-8")
    assert read_counts(report) == Counts(passed=4, failed=3, skipped=3)


def test_a_run_without_a_report_counted_nothing(tmp_path: Path) -> None:
    assert read_counts(tmp_path / "junit.xml") == Counts()


def test_counts_read_as_a_closing_line() -> None:
    assert str(Counts(3, 0, 0) + Counts(2, 1, 0)) == "5 passed, 1 failed"
    assert str(Counts(3, 0, 2)) == "3 passed, 0 failed, 2 skipped"


def test_steps_run_on_after_a_failure_and_the_gate_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([step("first", 1), step("second", 0)]) == 1
    said = capsys.readouterr().out
    assert "first      FAILED" in said
    assert "second     passed" in said
    assert "gate: FAILED in first after" in said


def test_a_gate_of_good_steps_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([step("first", 0)]) == 0
    assert "gate: passed after" in capsys.readouterr().out


def test_what_runs_beside_is_shown_whole_and_counts(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The first of the two waits for the other, so that they can only run at the same time."""
    there = tmp_path / "there"
    waits = (
        f"import pathlib, time\nwhile not pathlib.Path({str(there)!r}).exists(): time.sleep(.01)"
    )
    makes = f"import pathlib, sys\npathlib.Path({str(there)!r}).touch(); sys.exit('not well')"
    steps = [
        Step(name, "for this test", partial(commands, code), beside=name == "beside")
        for name, code in (("waits", waits), ("beside", makes))
    ]
    assert run(steps) == 1
    said = capfd.readouterr().out
    assert "==== beside: for this test ====\nnot well\n" in said
    assert said.index("waits      passed") < said.index("beside     FAILED")
    assert "gate: FAILED in beside after" in said


def test_what_a_step_starts_keeps_the_bytecode_it_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    asks = "import sys; sys.exit(sys.dont_write_bytecode)"
    assert run([Step("asks", "for this test", partial(commands, asks))]) == 0


def commands(code: str) -> list[Command]:
    return [Command((sys.executable, "-c", code))]


def test_every_step_has_a_name_of_its_own() -> None:
    assert len({step.name for step in STEPS}) == len(STEPS)


def test_paths_are_meant_from_where_the_caller_stands(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").touch()
    assert rooted("test_a.py::test_b", tmp_path) == f"{tmp_path}/test_a.py::test_b"
    assert rooted("range", tmp_path) == "range"
    assert rooted("-k", tmp_path) == "-k"


def test_ubuntus_snap_of_chromium_is_not_taken() -> None:
    assert is_snap("/snap/bin/chromium")
    assert not is_snap("/usr/bin/chromium")


def test_a_benchmark_is_called_by_name_with_the_rest_of_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[tuple[str, ...]] = []

    def execute(command: Command, machine_env: dict[str, str]) -> int:
        called.append(command.words)
        return 7

    monkeypatch.setattr(bench, "execute", execute)
    assert bench.main(["edge", "--works", "1k", "--check"]) == 7
    assert called == [(sys.executable, "-m", "benchmarks.load", "--works", "1k", "--check")]
    for name in bench.BENCHES:
        assert bench.main([name]) == 7


def test_a_program_named_by_a_variable_is_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_NGINX", "/somewhere/nginx")
    assert provide([NGINX], install=False) == {"SLUICE_NGINX": "/somewhere/nginx"}


def test_a_program_that_is_nowhere_is_left_out_when_nothing_may_be_installed() -> None:
    nowhere = Need("Nothing", ("no-such-program-anywhere",), "nothing", "SLUICE_NOTHING")
    assert provide([nowhere], install=False) == {}
