"""The thread that writes and deletes the files of slices, behind those who ask for it."""

import errno
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from queue import SimpleQueue
from typing import Final, TypeAlias

from edge.disk.ballast import Ballast
from edge.disk.bodies import Bodies, SliceIdentity
from edge.disk.values import Body
from runtime.logs import get_logger

log = get_logger(__name__)

# How many files are deleted in one go, before what else is to be done has its turn.
UNLINKED_AT_ONCE: Final = 256
# How long a look at the free space holds.
FREE_FOR_S: Final = 0.5
HOLD_OFF_S: Final = 1.0
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Lost(StrEnum):
    """Why a slice did not get onto the disk, as the `reason` label says it."""

    BUSY = "busy"  # more was to be written than the queue holds
    FULL = "full"  # the disk has no room, or is to keep what it has
    FAILED = "failed"  # the disk would not take it for another reason


# The checksum of what was written, or why it was not.
Outcome: TypeAlias = "int | Lost"


@dataclass(frozen=True, slots=True)
class _Store:
    identity: SliceIdentity
    body: Body
    done: Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class _Unlink:
    ids: Sequence[int]


class BodyWriter:
    """Writes slices in the order in which they come. `done` is called in the thread."""

    def __init__(self, bodies: Bodies, ballast: Ballast, reserve_bytes: int) -> None:
        self._bodies = bodies
        self._ballast = ballast
        self._reserve_bytes = reserve_bytes
        self._jobs: SimpleQueue[_Store | _Unlink | threading.Event | None] = SimpleQueue()
        self._roomy_until_s = 0.0
        self._held_until_s = 0.0
        self._last_problem: Lost | None = None
        self._last_reason = ""
        self._thread = threading.Thread(target=self._run, name="disk-bodies", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str | None:
        """Why nothing could be written the last time; None when something was."""
        return None if self._last_problem is None else f"nothing is written: {self._last_reason}"

    def store(self, identity: SliceIdentity, body: Body, done: Callable[[Outcome], None]) -> None:
        """Write a slice."""
        self._jobs.put(_Store(identity, body, done))

    def unlink(self, ids: Sequence[int]) -> None:
        """Delete slices."""
        if ids:
            self._jobs.put(_Unlink(ids))

    def yield_room(self) -> None:
        """Leave what room there is to the index, and write nothing for a while."""
        self._held_until_s = time.monotonic() + HOLD_OFF_S
        self._ballast.drop()

    def flush(self, deadline_s: float) -> bool:
        """Wait until what is queued now is done; whether that was in time."""
        done = threading.Event()
        self._jobs.put(done)
        return done.wait(deadline_s)

    def close(self, deadline_s: float) -> bool:
        """End after what is queued; whether that was in time."""
        self._jobs.put(None)
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            match job:
                case _Store():
                    job.done(self._store(job))
                case threading.Event():
                    job.set()
                case _Unlink(ids):
                    for number in ids[:UNLINKED_AT_ONCE]:
                        self._bodies.unlink(number)
                    self.unlink(ids[UNLINKED_AT_ONCE:])

    def _store(self, job: _Store) -> Outcome:
        try:
            if not self._has_room():
                return self._noted(Lost.FULL, "the reserve of free space is reached")
            checksum = job.identity.checksum(job.body)
            self._bodies.write(job.identity.id, job.body)
        except OSError as error:
            reason = Lost.FULL if error.errno in _NO_SPACE else Lost.FAILED
            return self._noted(reason, str(error))
        self._last_problem = None
        return checksum

    def _has_room(self) -> bool:
        now_s = time.monotonic()
        if now_s < self._held_until_s or not self._ballast.take():
            return False
        if now_s >= self._roomy_until_s:
            if self._bodies.free_bytes() < self._reserve_bytes:
                return False
            self._roomy_until_s = now_s + FREE_FOR_S
        return True

    def _noted(self, problem: Lost, reason: str) -> Lost:
        """Log the first of a row of failures."""
        if problem is not self._last_problem:
            log.warning("disk.write_failed", problem=problem, reason=reason)
        self._last_problem, self._last_reason = problem, reason
        return problem
