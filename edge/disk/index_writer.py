"""The one thread that writes the index: changes in order, many to a commit.

Should the index fail, its file is deleted and a new one begun: an empty cache is never wrong. A
disk without room is no such failure: what was new is given up.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from edge.disk.changes import Change, PutSlice
from edge.disk.index import IndexErrors, IndexUnusable, delete_index, open_index, transaction
from runtime.logs import get_logger

log = get_logger(__name__)

MOST_AT_ONCE: Final = 1000
MORE_TRIES: Final = 3
PAUSE_S: Final = 0.02

# Called in the thread after the commit, with what went wrong if the change is not in the index.
Done = Callable[[Exception | None], None]
_NO_ROOM: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE})


@dataclass(frozen=True, slots=True)
class _Job:
    """`files` are those of slices: of one that the change adds, or of all that it drops.

    What is no `must` may be left undone: a restart then finds what an earlier one would have found.
    """

    change: Change
    done: Done | None = None
    durable: bool = False
    must: bool = False
    files: Sequence[int] = ()

    def tell(self, problem: Exception | None) -> None:
        if self.done is not None:
            self.done(problem)


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """What the index calls for in its thread.

    `unlink` deletes files at leisure, `unlink_now` before it returns. `yield_room` leaves the
    index all the room there is. `emptied` hears that the index had to be begun anew.
    """

    unlink: Callable[[Sequence[int]], None]
    unlink_now: Callable[[int], None]
    yield_room: Callable[[], None]
    emptied: Callable[[], None]


class IndexWriter:
    """Applies changes."""

    def __init__(self, folder: Path, index: sqlite3.Connection, housekeeping: Housekeeping) -> None:
        self._folder = folder
        self._index: sqlite3.Connection | None = index
        self._housekeeping = housekeeping
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="disk-index", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """How many changes wait."""
        return self._jobs.qsize()

    def put(self, change: Change, done: Done | None = None, *, durable: bool = False) -> None:
        """Make a change; with `durable`, it and all before it are on the disk when it is done."""
        self._jobs.put(_Job(change, done, durable=durable, must=durable))

    def add(self, change: PutSlice, done: Done) -> None:
        """Add a slice whose file is in place."""
        self._jobs.put(_Job(change, done, files=(change.id,)))

    def drop(self, change: Change, files: Sequence[int]) -> None:
        """Make a change that drops slices, and delete their files when it is made."""
        self._jobs.put(_Job(change, must=True, files=files))

    def close(self, deadline_s: float) -> bool:
        """End after what is queued; whether that was in time."""
        self._jobs.put(None)
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        ended = False
        while not ended:
            batch, ended = self._next_batch()
            if batch:
                self._take(batch)
        if self._index is not None:
            self._index.close()

    def _next_batch(self) -> tuple[list[_Job], bool]:
        job = self._jobs.get()
        batch: list[_Job] = []
        try:
            while job is not None and len(batch) < MOST_AT_ONCE:
                batch.append(job)
                if len(batch) < MOST_AT_ONCE:
                    job = self._jobs.get_nowait()
        except Empty:
            return batch, False
        return batch, job is None

    def _take(self, batch: Sequence[_Job]) -> None:
        problem = self._commit(batch)
        if _is_for_want_of_room(problem):
            batch = self._make_room(batch, problem)
            problem = self._try_again(batch)
        # Without an index nothing is stored, and what was to be dropped certainly is not.
        problem = None if problem is None else self._begin_anew(problem)
        for job in batch:
            job.tell(problem)
            if problem is None and job.must:
                self._housekeeping.unlink(job.files)

    def _commit(self, batch: Sequence[_Job]) -> Exception | None:
        """Make all changes in one transaction; what went wrong if none is made."""
        if not batch:
            return None
        try:
            self._index = self._index or open_index(self._folder)
            with transaction(self._index, durable=any(job.durable for job in batch)):
                for job in batch:
                    job.change.apply(self._index)
        except (*IndexErrors, IndexUnusable) as error:
            return error
        return None

    def _make_room(self, batch: Sequence[_Job], problem: Exception | None) -> list[_Job]:
        """Give up what may be given up, and delete what is to be dropped beforehand."""
        self._housekeeping.yield_room()
        for job in batch:
            for number in job.files:
                self._housekeeping.unlink_now(number)
            if not job.must:
                job.tell(problem)
        return [job for job in batch if job.must]

    def _try_again(self, batch: Sequence[_Job]) -> Exception | None:
        """Commit, now that there is room; what a body that is being written takes is soon over."""
        problem = self._commit(batch)
        for _ in range(MORE_TRIES):
            if not _is_for_want_of_room(problem):
                break
            time.sleep(PAUSE_S)
            problem = self._commit(batch)
        return problem

    def _begin_anew(self, reason: Exception) -> Exception | None:
        """Delete the index; the next change makes a new one. Return why that is not possible."""
        log.error("disk.index_failed", reason=str(reason))
        if self._index is not None:
            self._index.close()
            self._index = None
        try:
            delete_index(self._folder)
        except OSError as error:
            log.exception("disk.index_stays", reason=str(error))
            return error
        finally:
            self._housekeeping.emptied()
        return None


def _is_for_want_of_room(problem: Exception | None) -> bool:
    return isinstance(problem, sqlite3.Error) and problem.sqlite_errorcode in _NO_ROOM
