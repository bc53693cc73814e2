"""A process of its own for media work, where FFmpeg may crash, hang or eat memory without harm.

It keeps our claims for as long as it lives, and ends when we do: it asks the kernel for that, and
reads the end of its input. We write it lines of JSON and read lines of JSON; what it says on
standard error is kept for the log.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Sequence
from typing import Final, Self

from core.errors import InternalFault
from runtime.child import describe_exit

# The result of a long film names each of its key pictures.
LINE_LIMIT_BYTES: Final = 64 * 1024 * 1024
STDERR_LINES: Final = 40
STDERR_LINE_BYTES: Final = 500
DYING_DEADLINE_S: Final = 1.0
END_DEADLINE_S: Final = 5.0


class CrashedDecoder(InternalFault):
    """The process that worked on a file died of it, or stopped answering."""

    code = "source.crashed_decoder"
    retryable = True


class MediaProcess:
    """One running process; whoever spawns it awaits `end`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._tail: deque[str] = deque(maxlen=STDERR_LINES)
        self._listening = asyncio.create_task(self._keep_tail(), name="stderr of media process")

    @classmethod
    async def spawn(
        cls,
        argv: Sequence[str],
        *,
        keep_open: Sequence[int] = (),
    ) -> Self:
        """Start `argv`, which inherits the descriptors `keep_open`.

        From the main thread only: the kernel's promise to end the child follows the thread.
        """
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT_BYTES,
            pass_fds=tuple(keep_open),
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process id, which is also that of its process group."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    @property
    def stderr_tail(self) -> str:
        """The last lines it wrote to standard error."""
        return "\n".join(self._tail)

    async def send(self, line: bytes) -> None:
        """Write one line. Raises `CrashedDecoder` where nobody reads any more."""
        assert self._process.stdin is not None  # spawned with a pipe
        try:
            self._process.stdin.write(line + b"\n")
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise await self.obituary() from error

    async def receive(self, deadline_s: float) -> bytes:
        """Read one line. Raises `CrashedDecoder` at its end, or after `deadline_s` of silence."""
        assert self._process.stdout is not None  # spawned with a pipe
        try:
            async with asyncio.timeout(deadline_s):
                line = await self._process.stdout.readline()
        except TimeoutError as error:
            raise CrashedDecoder(
                f"working on the file came to a stop: no sign of life for {deadline_s:g} s"
            ) from error
        except ValueError as error:  # longer than any message is
            raise CrashedDecoder("the process working on the file talks nonsense") from error
        if not line.endswith(b"\n"):
            raise await self.obituary()
        return line

    async def obituary(self) -> CrashedDecoder:
        """Say how it ended; it has closed its pipes, so it is about to."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DYING_DEADLINE_S):
                await self._process.wait()
        await self.end()
        how = describe_exit(self._process.returncode or 0)
        return CrashedDecoder(f"the process working on the file ended unexpectedly ({how})")

    async def end(self) -> None:
        """Kill it with everything it started, and wait until it is gone. Again is fine."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        async with asyncio.timeout(END_DEADLINE_S):
            await self._process.wait()
        await asyncio.wait({self._listening}, timeout=END_DEADLINE_S)
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def _keep_tail(self) -> None:
        assert self._process.stderr is not None  # spawned with a pipe
        pending = b""
        while block := await self._process.stderr.read(4096):
            *lines, pending = (pending + block).split(b"\n")
            pending = pending[-STDERR_LINE_BYTES:]
            for line in lines:
                self._tail.append(line[:STDERR_LINE_BYTES].decode(errors="replace"))
        if pending:
            self._tail.append(pending.decode(errors="replace"))


def python_module(name: str) -> list[str]:
    """Give the command that runs a module of ours with this interpreter."""
    return [sys.executable, "-m", name]
