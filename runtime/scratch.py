"""Scratch folders: who is at work on which files right now, told exactly and not by age.

Every process that writes files which no row names yet keeps a folder of its own under `scratch/`,
locked (`flock(2)`) for as long as it lives; the kernel drops the lock with the process, however it
ends. Before such a process writes to the store it *claims* the name it writes under (an upload's or
an attempt's id), and gives the claim back only after the row that names the files is committed, or
the files are gone. So files without a row are rubbish exactly when no living folder claims them.

Children that write for their process inherit the lock. They die with it, but not in the same
instant, so a folder whose owner is dead and whose lock is still held is about to be let go.

Who looks for rubbish must therefore list the files first, the claims second and the rows last.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

from core.errors import InternalFault
from runtime.storage import ensure_folder

LOCK_NAME: Final = ".lock"
# How long the children of a dead process may take to die.
DYING_DEADLINE_S: Final = 5.0
DYING_POLL_S: Final = 0.02


class ClaimTaken(InternalFault):
    """Two pieces of work were given the same id."""

    code = "scratch.claim_taken"


class Scratch:
    """The locked folder of this process; as a context manager it is removed at the end."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock = lock

    @classmethod
    def open(cls, root: Path, process: str) -> Self:
        """Make and lock a fresh folder below `root`, `<data>/scratch`. Raises `StoreUnwritable`."""
        ensure_folder(root)
        while True:
            folder = root / f"{process}-{uuid4().hex[:12]}"
            folder.mkdir()
            lock = _locked(folder / LOCK_NAME)
            if lock is not None:
                return cls(folder, lock)

    @property
    def lock_descriptor(self) -> int:
        """The lock's descriptor; a child that inherits it keeps the claims alive while it lives."""
        return self._lock

    @contextmanager
    def claim(self, name: str) -> Iterator[Path]:
        """Claim `name` and give a folder of that name to work in; both end with the block."""
        folder = self.folder / name
        try:
            folder.mkdir()
        except FileExistsError:
            raise ClaimTaken(f"{name!r} is being worked on already") from None
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove the folder and let go of the lock."""
        with contextlib.suppress(OSError):  # a clean-up pass will see to what is left
            _remove(self.folder)
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def live_claims(root: Path) -> set[str]:
    """Give the names claimed by living processes; folders of dead ones are removed on the way."""
    claims: set[str] = set()
    for folder in _folders(root):
        with contextlib.suppress(FileNotFoundError):  # its owner ended normally meanwhile
            if not _removed_if_dead(folder):
                claims.update(entry.name for entry in os.scandir(folder) if entry.is_dir())
    return claims


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(Path(entry.path) for entry in os.scandir(root) if entry.is_dir())


def _locked(path: Path) -> int | None:
    """Create and lock `path`; None where a clean-up took the folder for a dead one's meanwhile."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    fcntl.flock(lock, fcntl.LOCK_EX)
    if path.exists():
        os.write(lock, _life(os.getpid()).encode())
        return lock
    os.close(lock)
    return None


def _removed_if_dead(folder: Path) -> bool:
    """Remove `folder` unless a living process holds its lock; holding it ourselves meanwhile."""
    try:
        lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return _removed_if_empty(folder)
    try:
        if not _taken(lock):
            return False
        _remove(folder)
    finally:
        os.close(lock)
    return True


def _remove(folder: Path) -> None:
    """Remove a folder of which we hold the lock: the lock's file last, so that no other is bare."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        elif entry.name != LOCK_NAME:
            Path(entry.path).unlink()
    (folder / LOCK_NAME).unlink()
    folder.rmdir()


def _removed_if_empty(folder: Path) -> bool:
    """Remove a folder without a lock, unless its maker is just putting it there.

    A maker whose folder went before it was locked notices, and makes another.
    """
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _taken(lock: int) -> bool:
    """Take the lock of a dead process, waiting for its last children; never of a living one."""
    give_up_s = time.monotonic() + DYING_DEADLINE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _owner_lives(lock) or time.monotonic() > give_up_s:
                return False
            time.sleep(DYING_POLL_S)
        else:
            return True


def _owner_lives(lock: int) -> bool:
    """Whether the process that wrote the lock file runs; one that has not written yet does."""
    owner = os.pread(lock, 64, 0).decode()
    if not owner:
        return True
    pid, _, _ = owner.partition(" ")
    return _life(int(pid)) == owner


def _life(pid: int) -> str:
    """Tell one process from a later one of the same number: both numbers of proc_pid_stat(5).

    A process that has ended but was not waited for has no life left.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    state, start_time = fields[0], fields[19]
    return "" if state in {"Z", "X"} else f"{pid} {start_time}"
