"""A bounded pool of threads that read from the disk, so that nobody else ever waits for it.

A disk may hang. Whoever waits has a deadline; a reader that hangs stays hung, and once all do,
nobody waits any more until one of them is back.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final, TypeVar, cast

T = TypeVar("T")

READERS: Final = 4
MOST_WAITING: Final = 256
DEADLINE_S: Final = 2.0


class ReadersBusy(Exception):
    """No reader could do it in time."""


@dataclass(eq=False, slots=True)
class _Job:
    work: Callable[[], object]
    result: "asyncio.Future[object]"
    begun: bool = False
    ended: bool = False
    given_up: bool = False
    hangs: bool = False


class ReaderPool:
    """Threads that do what they are told, one thing at a time each."""

    def __init__(
        self,
        threads: int = READERS,
        most_waiting: int = MOST_WAITING,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._most_waiting = most_waiting
        self._deadline_s = deadline_s
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._waiting = 0
        self._hung = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"disk-reader-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def hang(self) -> bool:
        """Whether all of them do."""
        return self._hung >= len(self._threads)

    async def run(self, work: Callable[[], T]) -> T:
        """Have it done. Raises what it raises, and `ReadersBusy`: at once where to wait is vain."""
        full = self._waiting >= self._most_waiting
        if full or self.hang or self._closed:
            raise ReadersBusy
        job = _Job(work, self._loop.create_future())
        self._waiting += 1
        self._jobs.put(job)
        try:
            async with asyncio.timeout(self._deadline_s):
                return cast("T", await job.result)
        except TimeoutError as error:
            job.given_up = True
            if job.begun and not job.ended:
                job.hangs = True
                self._hung += 1
            raise ReadersBusy from error
        finally:
            job.given_up = True

    def close(self) -> None:
        """Take no more work. Readers that hang are left to the end of the process."""
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            result: object = None
            problem: Exception | None = None
            job.begun = True  # before the look at whether it was given up, so that none is missed
            if not job.given_up:
                try:
                    result = job.work()
                except Exception as error:  # noqa: BLE001 - handed to whoever waits
                    problem = error
            if not self._tell(job, result, problem):
                return

    def _tell(self, job: _Job, result: object, problem: Exception | None) -> bool:
        """Hand over what came of it; False when the loop is gone."""
        try:
            self._loop.call_soon_threadsafe(self._done, job, result, problem)
        except RuntimeError:
            return False
        return True

    def _done(self, job: _Job, result: object, problem: Exception | None) -> None:
        self._waiting -= 1
        job.ended = True
        if job.hangs:
            self._hung -= 1
        if job.result.done():
            return
        if problem is None:
            job.result.set_result(result)
        else:
            job.result.set_exception(problem)
