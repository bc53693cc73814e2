"""Tells a newcomer what set-up is doing and how long it took; runs its commands."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.launcher.failure import SetupFailed

TITLE_COLUMNS = 58
TICK_S = 0.2
TAIL_LINES = 25
STOP_DEADLINE_S = 5.0
# What would lead pip or Python elsewhere than into our environment.
MISLEADING = frozenset(
    {"PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER", "PYTHONHOME", "PYTHONPATH"}
)


def say(sentence: str) -> None:
    """Tell the user; standard output belongs to the command that follows."""
    print(sentence, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Running:
    """A command that was started: its process, its name, and where its words begin in the log."""

    child: subprocess.Popen[bytes]
    tool: str
    log_start: int


class Progress:
    """Runs the commands of each step into the log and shows one line per step."""

    def __init__(self, log: Path, lock: int | None = None) -> None:
        """Take the log to write, and the descriptor of a lock that commands hold on to.

        Where set-up is killed, what it started may run on; the lock then stays held so long.
        """
        self.log = log
        self._inherited = () if lock is None else (lock,)
        self._live = sys.stderr.isatty()
        self._title = ""
        self._started_s = 0.0
        self._logging = False

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a line for what happens inside, with its time when it ends."""
        if not self._logging:
            self._open_log()
        self._title, self._started_s = title, time.monotonic()
        if self._live:
            self._draw()
        else:
            say(f"  {title} ...")
        yield
        seconds = f"{time.monotonic() - self._started_s:.1f} s"
        if self._live:
            say(f"\r  {title} ".ljust(TITLE_COLUMNS, ".") + f" {seconds}   ")
        else:
            say(f"  {title}: done in {seconds}")

    def run(self, command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> None:
        """Run a command into the log, within a step.

        Raises:
            SetupFailed: it ended badly; the end of the log has been shown.
        """
        self.finish(self.start(command, cwd, env))

    def start(
        self, command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None
    ) -> Running:
        """Start a command that writes into the log."""
        if not self._logging:
            self._open_log()
        surroundings = {name: value for name, value in os.environ.items() if name not in MISLEADING}
        with self.log.open("ab") as log:
            log.write(f"\n$ {' '.join(command)}\n".encode())
            log.flush()
            start = log.tell()
            child = subprocess.Popen(
                list(command),
                cwd=cwd,
                env={**surroundings, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self._inherited,
                start_new_session=True,
            )
            return Running(child, Path(command[0]).name, start)

    def finish(self, running: Running) -> None:
        """Wait for a command, within a step.

        Raises:
            SetupFailed: it ended badly; the end of the log has been shown.
        """
        code = self._wait(running.child)
        if code != 0:
            self._show_tail(running.log_start)
            said = f"{running.tool} exited {code}; its words: {self.log}"
            raise SetupFailed(f"{self._title} failed: {said}")

    def _open_log(self) -> None:
        self._logging = True
        self.log.parent.mkdir(exist_ok=True)
        self.log.write_bytes(b"")

    def _draw(self) -> None:
        elapsed_s = time.monotonic() - self._started_s
        sys.stderr.write(f"\r  {self._title} ".ljust(TITLE_COLUMNS, ".") + f" {elapsed_s:.0f} s ")
        sys.stderr.flush()

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        """Wait for a child, drawing its time; it does not outlive us."""
        try:
            while True:
                try:
                    return child.wait(TICK_S)
                except subprocess.TimeoutExpired:
                    if self._live:
                        self._draw()
        finally:
            if child.poll() is None:
                stop(child)

    def _show_tail(self, start: int) -> None:
        if self._live:
            say("")
        with self.log.open("rb") as log:
            log.seek(start)
            lines = log.read().decode(errors="replace").splitlines()
        for line in lines[-TAIL_LINES:]:
            say(f"  | {line}")


def stop(child: subprocess.Popen[bytes]) -> None:
    """End a child and what it started, first politely."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            return
        try:
            child.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            continue
        return
