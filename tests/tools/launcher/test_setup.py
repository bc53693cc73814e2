"""Setting up: a foreign or half-made environment goes, failures leave a log, one at a time."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.launcher.failure import SetupFailed
from tools.launcher.launch import needs_of
from tools.launcher.paths import ROOT, Tree
from tools.launcher.progress import Progress
from tools.launcher.setup import RUN_LOCK, Needs, Setup, held, remove
from tools.launcher.stamp import Stamp

DEADLINE_S = 60.0


def test_a_foreign_environment_is_made_anew_and_a_sound_one_is_kept(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.venv.mkdir()
    (tree.venv / "of-another-tool").touch()
    Setup(tree).environment()
    assert not (tree.venv / "of-another-tool").exists()
    assert subprocess.run([tree.python, "-c", ""], check=False).returncode == 0

    kept = tree.venv / "kept"
    kept.touch()
    Setup(tree).environment()
    assert kept.exists()

    half_made = Stamp.read(tree.stamp)
    half_made.busy = RUN_LOCK
    half_made.write(tree.stamp)
    Setup(tree).environment()
    assert not kept.exists()


def test_a_link_to_an_environment_is_removed_without_following_it(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    link = tmp_path / ".venv"
    link.symlink_to(tmp_path / "theirs")
    remove(link)
    assert not link.is_symlink()
    assert (tmp_path / "theirs").is_dir()


def test_a_missing_lock_is_named(tmp_path: Path) -> None:
    setup = Setup(Tree(tmp_path))
    with pytest.raises(SetupFailed, match=r"requirements\.lock is missing from this checkout"):
        setup.packages(RUN_LOCK)


def test_a_command_that_fails_shows_the_end_of_what_it_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(tmp_path / "build" / "setup.log")
    command = [sys.executable, "-c", "print('disk is full'); raise SystemExit(3)"]
    failure = pytest.raises(SetupFailed, match=r"making things failed: .* exited 3")
    with failure, progress.step("making things"):
        progress.run(command, tmp_path)
    assert "  | disk is full\n" in capsys.readouterr().err
    assert "disk is full" in progress.log.read_text(encoding="utf-8")


def test_settings_of_pip_that_lead_elsewhere_are_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_TARGET", "elsewhere")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    progress = Progress(tmp_path / "build" / "setup.log")
    script = "import os; print({'PIP_TARGET', 'PYTHONPATH'} & set(os.environ))"
    with progress.step("asking"):
        progress.run([sys.executable, "-c", script], tmp_path)
    assert progress.log.read_text(encoding="utf-8").endswith("set()\n")


def test_the_lock_is_held_by_one_start_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / ".venv.lock"
    with held(lock), lock.open("wb") as another, pytest.raises(BlockingIOError):
        fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with lock.open("wb") as another:
        fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_a_killed_set_up_started_keeps_the_lock_until_it_ends(tmp_path: Path) -> None:
    lock = tmp_path / ".venv.lock"
    with held(lock) as descriptor:
        progress = Progress(tmp_path / "build" / "setup.log", descriptor)
        survivor = progress.start(["sleep", "60"], tmp_path).child
    try:
        with lock.open("wb") as next_start, pytest.raises(BlockingIOError):
            fcntl.flock(next_start, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        survivor.kill()
        survivor.wait(DEADLINE_S)
    with lock.open("wb") as next_start:
        fcntl.flock(next_start, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_checkout_that_cannot_be_written_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match="cannot write in"), held(tmp_path / "gone" / "lock"):
        pass


@pytest.mark.parametrize(
    ("command", "needs"),
    [
        ("up", Needs(tests=False, web=True)),
        ("server", Needs(tests=False, web=True)),
        ("edge", Needs(tests=False, web=False)),
        ("--help", Needs(tests=False, web=False)),
        ("test", Needs(tests=True, web=True)),
    ],
)
def test_what_each_command_needs(command: str, needs: Needs) -> None:
    assert needs_of(command) == needs


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_set_up_leaves_no_child_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    pid_file = tmp_path / "pid"
    child = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    script = f"""
import signal, sys
from pathlib import Path
from tools.launcher.launch import terminated
from tools.launcher.progress import Progress
signal.signal(signal.SIGTERM, terminated)
signal.signal(signal.SIGINT, signal.default_int_handler)
progress = Progress(Path({str(tmp_path / "build" / "log")!r}))
with progress.step("waiting"):
    progress.run([sys.executable, "-c", {child!r}], Path({str(tmp_path)!r}))
"""
    launcher = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline_s = time.monotonic() + DEADLINE_S
    while not (pid_file.is_file() and pid_file.read_text(encoding="utf-8")):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    launcher.send_signal(number)
    assert launcher.wait(DEADLINE_S) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text(encoding="utf-8")), 0)
