"""Lines appended to a file, a pipe or standard output; what cannot be written is lost.

For logs that must never hold up what they tell of. One thread writes, any may call `reopen`.
"""

import errno
import os
import select
import sys
import threading
from pathlib import Path
from typing import ClassVar, Final

from core.errors import OperatorFault
from runtime.logs import get_logger

STANDARD_OUTPUT: Final = Path("-")
PIECE_BYTES: Final = 1 << 16
# What a pipe that is ready takes without waiting (POSIX.1, PIPE_BUF).
PIPE_BYTES: Final = select.PIPE_BUF
LOOK_S: Final = 0.1
MODE: Final = 0o640

log = get_logger(__name__)


class UnwritableLog(OperatorFault):
    """The file of a log cannot be opened."""

    code: ClassVar[str] = "log.unwritable"


class LineFile:
    """Appends lines to `path`, or to standard output for ``-``. Raises `UnwritableLog`.

    A named pipe may be without a reader for a while.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._torn = False
        self._problem: str | None = None
        self._reopen = threading.Event()
        self._descriptor: int | None = None
        self._shared = path == STANDARD_OUTPUT
        try:
            self._open()
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise UnwritableLog(f"cannot write to {path}: {error.strerror}") from error
            self._ails(error)

    def reopen(self) -> None:
        """Open the file anew before the next line: it was moved away (logrotate)."""
        self._reopen.set()

    def write(self, lines: bytes, stop: threading.Event) -> int:
        """Append whole lines; while the other end takes none, wait until `stop`, then lose them.

        Gives how many were lost.
        """
        if self._reopen.is_set():
            self._reopen.clear()
            self._close()
        left = memoryview(lines)
        try:
            if self._descriptor is None:
                self._open()
            if self._torn and self._write_some(memoryview(b"\n"), stop):
                self._torn = False
            while left and (count := self._write_some(left, stop)):
                self._torn = left[count - 1] != ord("\n")
                left = left[count:]
        except OSError as error:
            self._ails(error)
        else:
            self._is_well()
        return bytes(left).count(b"\n")

    def close(self) -> None:
        """Close the file."""
        self._close()

    def _open(self) -> None:
        if self._shared:
            self._descriptor = sys.stdout.fileno()
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        self._descriptor = os.open(self._path, flags, MODE)

    def _close(self) -> None:
        if self._descriptor is not None and not self._shared:
            os.close(self._descriptor)
        self._descriptor = None
        self._torn = False

    def _write_some(self, left: memoryview, stop: threading.Event) -> int:
        """Write what goes; 0 when nothing went until `stop`."""
        assert self._descriptor is not None
        # Standard output is shared with others, so it stays as it is: ready, it takes a little.
        most = PIPE_BYTES if self._shared else PIECE_BYTES
        while True:
            if self._is_ready():
                try:
                    return os.write(self._descriptor, left[:most])
                except BlockingIOError:
                    stop.wait(LOOK_S)  # room, but not for as much
            if self._gives_up(stop):
                return 0

    def _gives_up(self, stop: threading.Event) -> bool:
        return stop.is_set() or self._reopen.is_set()

    def _is_ready(self) -> bool:
        """Wait a moment for room."""
        poll = select.poll()
        assert self._descriptor is not None
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll(LOOK_S * 1000))

    def _ails(self, error: OSError) -> None:
        if self._problem is None:
            log.warning("log.unwritable", path=str(self._path), reason=error.strerror)
        self._problem = error.strerror
        if error.errno in {errno.EPIPE, errno.EBADF, errno.ENXIO}:
            self._close()

    def _is_well(self) -> None:
        if self._problem is not None:
            log.info("log.writable", path=str(self._path))
        self._problem = None
