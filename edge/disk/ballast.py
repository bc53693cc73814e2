"""Room that is kept for the index: a file to be dropped when the disk is full.

A purge is durable only when the index can be written, on a disk without a free byte above all.
"""

import os
from pathlib import Path
from typing import Final

NAME: Final = "ballast"
BALLAST_BYTES: Final = 2 * 2**20


class Ballast:
    """The file; it is taken aboard by one thread and dropped by another."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._aboard = False

    def take(self) -> bool:
        """See that it is there; False when there is no room for it."""
        if self._aboard:
            return True
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        try:
            descriptor = os.open(self._path, flags, 0o600)
        except OSError:
            return False
        try:
            os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
            self._aboard = True
        except OSError:
            self._path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)
        return self._aboard

    def drop(self) -> None:
        """Give its room to others."""
        self._aboard = False
        self._path.unlink(missing_ok=True)
