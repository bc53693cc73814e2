"""A child process: own session, dies with us, lines of output handed on, stopped by steps."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from core.errors import OperatorFault
from runtime.process import READY_FD

OnLine = Callable[[str], None]

CHILD_EXEC: Final = Path(__file__).with_name("child_exec.py")
LINE_LIMIT_BYTES: Final = 16 * 1024
READ_BYTES: Final = 64 * 1024
# How long output may still come after a child's death: a grandchild can hold the pipe for ever.
DRAIN_DEADLINE_S: Final = 1.0
KILL_DEADLINE_S: Final = 5.0


class ChildFailed(OperatorFault):
    """A child ended, or did not get ready in time; starting it again may help."""

    code = "child.failed"
    retryable = True


class ChildRefused(ChildFailed):
    """A child said that it cannot start, and that starting it again will not help."""

    code = "child.refused"
    retryable = False


@dataclass(frozen=True, slots=True)
class RunAs:
    """The user and group a child becomes."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class StopStep:
    """One attempt to end a child: the signal, and how long it may take to obey."""

    signal: signal.Signals
    deadline_s: float


def describe_exit(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def bound_argv(
    argv: Sequence[str],
    *,
    death_signal: signal.Signals = signal.SIGKILL,
    run_as: RunAs | None = None,
) -> list[str]:
    """Wrap `argv` so that the process gets `death_signal` when the calling thread ends.

    The kernel watches the thread, not the process: call and spawn from the main thread.
    """
    uid, gid = (run_as.uid, run_as.gid) if run_as else (-1, -1)
    head = [sys.executable, "-I", "-S", str(CHILD_EXEC)]
    numbers = [int(death_signal), os.getpid(), uid, gid]
    return [*head, *map(str, numbers), "--", *argv]


class ChildProcess:
    """One running child: `spawn` makes it, `stop` ends it, `wait` sees it end."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, on_line: OnLine, ready_fd: int | None
    ) -> None:
        self.name = name
        self._process = process
        self._ready_fd = ready_fd
        self._pump = asyncio.create_task(self._read_lines(on_line), name=f"output of {name}")

    @classmethod
    async def spawn(
        cls,
        name: str,
        argv: Sequence[str],
        *,
        on_line: OnLine,
        env: Mapping[str, str] | None = None,
        tells_ready: bool = False,
        death_signal: signal.Signals = signal.SIGKILL,
        run_as: RunAs | None = None,
    ) -> Self:
        """Start `argv`; with `tells_ready` it is given a pipe for its line ``ready URL``."""
        assert threading.current_thread() is threading.main_thread(), "see bound_argv"
        variables = dict(os.environ if env is None else env)
        reading, writing = os.pipe() if tells_ready else (None, None)
        if writing is not None:
            variables[READY_FD] = str(writing)
        try:
            process = await asyncio.create_subprocess_exec(
                *bound_argv(argv, death_signal=death_signal, run_as=run_as),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=variables,
                start_new_session=True,
                pass_fds=() if writing is None else (writing,),
            )
        finally:
            if writing is not None:
                os.close(writing)
        return cls(name, process, on_line, reading)

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its session and process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for its end and for the rest of its output; give the exit code."""
        code = await self._process.wait()
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(self._pump, DRAIN_DEADLINE_S)
        return code

    async def ready(self, deadline_s: float) -> str:
        """Wait for the line ``ready URL``; give the URL. Raises `ChildFailed`, `ChildRefused`."""
        try:
            line = await asyncio.wait_for(self._ready_line(), deadline_s)
        except TimeoutError as error:
            raise ChildFailed(f"{self.name} was not ready within {deadline_s:g} s") from error
        match line.strip().split(" ", 2):
            case ["ready", url]:
                return url
            case ["failed", "final", reason]:
                raise ChildRefused(f"{self.name}: {reason}")
            case ["failed", _, reason]:
                raise ChildFailed(f"{self.name}: {reason}")
            case _:
                code = await self.wait()
                raise ChildFailed(f"{self.name} ended while starting ({describe_exit(code)})")

    async def stop(self, steps: Sequence[StopStep]) -> int:
        """Go through `steps` until it ends, then end the rest of its session; give the code."""
        for step in steps:
            self.send(step.signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), step.deadline_s)
                break
        self.kill_group()
        return await asyncio.wait_for(self.wait(), KILL_DEADLINE_S)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the child alone, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def kill_group(self) -> None:
        """End every process of its group, the child included."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _ready_line(self) -> str:
        assert self._ready_fd is not None, "spawned without tells_ready"
        reader = asyncio.StreamReader(limit=LINE_LIMIT_BYTES)
        pipe = os.fdopen(self._ready_fd, "rb", buffering=0)
        self._ready_fd = None
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            return (await reader.readline()).decode()
        finally:
            transport.close()

    async def _read_lines(self, on_line: OnLine) -> None:
        output = self._process.stdout
        assert output is not None
        pending = b""
        while block := await output.read(READ_BYTES):
            *lines, pending = (pending + block).split(b"\n")
            if len(pending) > LINE_LIMIT_BYTES:
                lines, pending = [*lines, pending], b""
            for line in lines:
                on_line(line[:LINE_LIMIT_BYTES].decode(errors="replace").rstrip("\r"))
        if pending:
            on_line(pending.decode(errors="replace"))
