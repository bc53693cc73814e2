"""One Sluice per data folder: a lock that the kernel drops however its holder ends."""

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from core.errors import OperatorFault
from runtime.storage import StoreUnwritable

LOCK_NAME: Final = "instance.lock"


class DataInUse(OperatorFault):
    """Another instance works in the data folder."""

    code = "instance.data_in_use"

    def __init__(self, data: Path, pid: str) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"the data folder {data} is in use by another Sluice ({who}); stop that one, or choose "
            "another folder with --data"
        )


class InstanceLock:
    """Holds ``<data>/instance.lock`` from `acquire` to `release`; the file itself stays."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock at once or not at all. Raises `DataInUse` and `StoreUnwritable`."""
        path = self._data / LOCK_NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreUnwritable(self._data, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise DataInUse(self._data, pid) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.release()
