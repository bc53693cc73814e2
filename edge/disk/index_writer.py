"""The one thread that writes the index: changes in order, many to a commit.

Should the index fail, its file is deleted and a new one begun: an empty cache is never wrong.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from edge.disk.changes import Change
from edge.disk.index import IndexErrors, IndexUnusable, delete_index, open_index, transaction
from runtime.logs import get_logger

log = get_logger(__name__)

MOST_AT_ONCE: Final = 1000

# Called in the thread after the commit, with what went wrong if the change is not in the index.
Done = Callable[[Exception | None], None]


@dataclass(frozen=True, slots=True)
class _Job:
    change: Change
    done: Done | None
    durable: bool


class IndexWriter:
    """Applies changes. `emptied` is called in the thread when the index had to be begun anew."""

    def __init__(
        self, folder: Path, index: sqlite3.Connection, emptied: Callable[[], None]
    ) -> None:
        self._folder = folder
        self._index: sqlite3.Connection | None = index
        self._emptied = emptied
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="disk-index", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """How many changes wait."""
        return self._jobs.qsize()

    def put(self, change: Change, done: Done | None = None, *, durable: bool = False) -> None:
        """Make a change; with `durable`, it and all before it are on the disk when it is done."""
        self._jobs.put(_Job(change, done, durable))

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
                problem = self._carry_out(batch)
                for job in batch:
                    if job.done is not None:
                        job.done(problem)
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

    def _carry_out(self, batch: Sequence[_Job]) -> Exception | None:
        """Commit the batch; None also when instead nothing is stored at all any more."""
        try:
            index = self._index or open_index(self._folder)
            self._index = index
            with transaction(index, durable=any(job.durable for job in batch)):
                for job in batch:
                    job.change.apply(index)
        except (*IndexErrors, IndexUnusable) as error:
            return self._begin_anew(error)
        return None

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
            self._emptied()
        return None
