"""What the machine lacks, and the line that says so."""

import contextlib
import sys
from pathlib import Path

import pytest

from tools.launcher import apt, machine, node
from tools.launcher.failure import MachineLacks


def script(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


def test_this_machine_builds_so_it_lacks_nothing() -> None:
    assert machine.missing_build_tools() == []


def test_a_compiler_without_the_headers_of_libc_does_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path, "cc", "exit 1")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [item.packages for item in machine.missing_build_tools()] == [("gcc", "libc6-dev")]


def test_what_is_missing_is_said_in_one_line_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path, "apt-get", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    lacking = [
        machine.Missing("a C compiler", ("gcc", "libc6-dev")),
        machine.Missing("Python.h", ("python3-dev",)),
    ]
    assert machine.explain(lacking) == (
        "this machine lacks a C compiler, Python.h; run: "
        "sudo apt-get install -y --no-install-recommends gcc libc6-dev python3-dev"
    )


def test_who_may_not_install_gets_the_line_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineLacks, match="lacks a C compiler") as raised:
        machine.require_build_tools()
    assert raised.value.exit_code == 2


def test_the_default_python_of_debian_has_packages_without_a_version(tmp_path: Path) -> None:
    default = tmp_path / "python3"
    default.symlink_to(sys.executable)
    assert machine.debian_prefix(default) == "python3"
    major, minor = sys.version_info[:2]
    assert machine.debian_prefix(tmp_path / "another") == f"python{major}.{minor}"


def test_a_policy_for_services_is_written_and_taken_away_again(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with contextlib.suppress(KeyboardInterrupt), apt.services_held_back(policy):
        assert policy.read_text(encoding="utf-8").endswith("exit 101\n")
        assert policy.stat().st_mode & 0o111
        raise KeyboardInterrupt
    assert not policy.exists()


def test_a_policy_that_is_there_stays(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("mine", encoding="utf-8")
    with apt.services_held_back(policy):
        assert policy.read_text(encoding="utf-8") == "mine"
    assert policy.read_text(encoding="utf-8") == "mine"


def test_enabled_units_are_what_targets_want(tmp_path: Path) -> None:
    wants = tmp_path / "multi-user.target.wants"
    wants.mkdir()
    (wants / "redis-server.service").symlink_to("/lib/systemd/system/redis-server.service")
    (tmp_path / "unrelated.service").touch()
    assert apt.enabled_units(tmp_path) == {"redis-server.service"}


@pytest.mark.parametrize(("version", "taken"), [("v18.19.0", False), ("v20.20.2", True)])
def test_a_node_is_taken_where_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, taken: bool
) -> None:
    script(tmp_path, "node", f"echo {version}")
    script(tmp_path, "npm", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = node.on_path()
    assert (found is not None) is taken
    if found is not None:
        assert found.env["PATH"].startswith(f"{tmp_path}:")


def test_a_node_without_npm_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, "node", "echo v22.1.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert node.on_path() is None
