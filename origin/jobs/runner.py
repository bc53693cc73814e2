"""One job from pick to sign-off: attempts, retries, poison, cancellation, and the end of a worker.

A *pick* is counted, and committed, before anything is done. It is taken back when the attempt ends
in a way that says nothing against the file (the worker is told to stop; something we depend on is
away). What remains are crashes: of the media process, or of the worker itself, which then cannot
count. After the third the step is parked and the owner is told.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import uuid4

from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Context, Job

from core.errors import Fault, InternalFault
from origin.jobs.media import MediaProcesses
from origin.jobs.process import CrashedDecoder
from origin.jobs.reporting import Reporter
from origin.jobs.steps import Desk, perform
from origin.packaging.limits import Limits
from origin.repository import Attempt, Fenced, Publication, Repository
from runtime.jobs import Step, Task
from runtime.logs import get_logger
from runtime.postgres import DatabaseUnavailable
from runtime.scratch import Scratch
from runtime.storage import LocalStore

MOST_PICKS: Final = 3
# With the delays below that is an hour: time to make room on a full disk.
MOST_RETRIES: Final = 20
FIRST_DELAY_S: Final = 1.0
LONGEST_DELAY_S: Final = 300.0
PUBLISH_PATIENCE_S: Final = 120.0
RELEASE_DEADLINE_S: Final = 3.0

log = get_logger(__name__)


class Poison(InternalFault):
    """Working on this file has ended in a crash too often to be tried again."""

    code = "source.poison"


class UnexpectedFailure(InternalFault):
    """A mistake of ours; the log has the details."""

    code = "internal"


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all jobs of a worker share."""

    repository: Repository
    store: LocalStore
    scratch: Scratch
    media: MediaProcesses
    limits: Limits
    segment_s: float


class Runner:
    """Carries out jobs; `stop` ends those that run and gives them back."""

    def __init__(self, workshop: Workshop) -> None:
        self._shop = workshop
        self._running: set[asyncio.Timeout] = set()
        self._stopping = False

    async def handle(self, job: Job, context: Context) -> None:
        """Carry out one job of the queue. Raises `RetryRequested` to have it queued again."""
        step = Step.from_payload(job.payload)
        working = asyncio.create_task(self._attempt(step, job.attempts), name=f"job {step.key}")
        try:
            # Pgqueuer cancels what waits in this scope, again and again until it is left; so only
            # the waiting is in it, and the work itself is cancelled once.
            with context.cancellation:
                await asyncio.wait({working})
        finally:
            working.cancel()
            await asyncio.wait({working})
        if not context.cancellation.cancel_called:
            await working

    def stop(self) -> None:
        """End what runs, without counting it against anybody; nothing new is begun."""
        self._stopping = True
        now_s = asyncio.get_running_loop().time()
        for running in self._running:
            running.reschedule(now_s)

    async def _attempt(self, step: Step, retries: int) -> None:
        if self._stopping:
            raise RetryRequested(timedelta(0), "the worker stops")
        attempt_id = uuid4().hex[:16]
        with self._shop.scratch.claim(attempt_id):
            attempt = await self._begin(step, attempt_id)
            if attempt is None:
                return
            log.info("job.begun", step=step.key, attempt=attempt_id, pick=attempt.picks)
            if attempt.picks > MOST_PICKS:
                await self._park(attempt, "its worker was lost each time")
                return
            await self._work(attempt, retries)

    async def _begin(self, step: Step, attempt_id: str) -> Attempt | None:
        """Count the pick; without Postgres nothing is begun, and nothing said against the file."""
        try:
            return await self._shop.repository.begin_attempt(step, attempt_id)
        except DatabaseUnavailable as fault:
            raise RetryRequested(timedelta(seconds=FIRST_DELAY_S), fault.message) from fault

    async def _work(self, attempt: Attempt, retries: int) -> None:
        try:
            async with self._void_output_removed(attempt):
                publication = await self._perform(attempt)
            await self._publish(attempt, publication)
        except Fenced as fault:
            log.info("job.fenced", step=attempt.step.key, reason=fault.message)
        except CrashedDecoder as fault:
            await self._crashed(attempt, fault)
        except Fault as fault:
            await self._failed(attempt, fault, retries)
        except (asyncio.CancelledError, RetryRequested):
            raise
        except Exception:
            # A bug: tell the owner something, and let the queue hold the entry with its traceback.
            await self._end(attempt, UnexpectedFailure("the server made a mistake"), parked=False)
            raise

    async def _perform(self, attempt: Attempt) -> Publication:
        """Do the media work; ends early, and gives the attempt back, when the worker stops."""
        shop = self._shop
        reporter = Reporter(shop.repository, attempt)
        desk = Desk(attempt, shop.store, shop.media, reporter, shop.limits, shop.segment_s)
        stopped = asyncio.timeout(None)
        try:
            async with stopped:
                self._running.add(stopped)
                return await perform(desk)
        except TimeoutError:
            if not stopped.expired():
                raise
            await self._release(attempt)
            raise RetryRequested(timedelta(0), "the worker stops") from None
        finally:
            self._running.discard(stopped)

    async def _publish(self, attempt: Attempt, publication: Publication) -> None:
        """Commit, waiting for Postgres if need be: hours of encoding may be at stake.

        A commit whose outcome is unknown is tried again. If it had happened, the attempt is over
        by then and counts as `Fenced`; the files stay, and the clean-up pass asks the rows.
        """
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + PUBLISH_PATIENCE_S
        delay_s = 0.1
        while True:
            try:
                status = await self._shop.repository.publish(attempt, publication)
            except DatabaseUnavailable:
                if self._stopping or loop.time() > give_up_s:
                    raise
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, 5.0)
            else:
                log.info("job.published", step=attempt.step.key, status=status)
                return

    async def _crashed(self, attempt: Attempt, fault: CrashedDecoder) -> None:
        if attempt.picks >= MOST_PICKS:
            await self._park(attempt, fault.message)
            return
        delay_s = FIRST_DELAY_S * attempt.picks
        raise RetryRequested(timedelta(seconds=delay_s), fault.message) from fault

    async def _failed(self, attempt: Attempt, fault: Fault, retries: int) -> None:
        if fault.retryable and retries < MOST_RETRIES:
            await self._release(attempt)
            delay_s = min(FIRST_DELAY_S * 2**retries, LONGEST_DELAY_S)
            raise RetryRequested(timedelta(seconds=delay_s), fault.message) from fault
        await self._end(attempt, fault, parked=False)

    async def _park(self, attempt: Attempt, reason: str) -> None:
        tries = min(attempt.picks, MOST_PICKS)
        fault = Poison(f"Preparing this file crashed {tries} times, so it was given up ({reason}).")
        await self._end(attempt, fault, parked=True)

    async def _end(self, attempt: Attempt, fault: Fault, *, parked: bool) -> None:
        log.warning("job.failed", step=attempt.step.key, code=fault.code, reason=fault.message)
        await self._shop.repository.fail(
            attempt,
            parked=parked,
            code=fault.code,
            message=fault.message,
            # Missing pictures are no news for the owner.
            show=attempt.step.task not in {Task.POSTER, Task.STORYBOARD},
        )

    async def _release(self, attempt: Attempt) -> None:
        """Take the pick back if Postgres lets us; otherwise it counts, which does little harm."""
        try:
            async with asyncio.timeout(RELEASE_DEADLINE_S):
                await self._shop.repository.release(attempt)
        except (DatabaseUnavailable, TimeoutError) as error:
            log.warning("job.not_released", step=attempt.step.key, reason=str(error))

    @asynccontextmanager
    async def _void_output_removed(self, attempt: Attempt) -> AsyncIterator[None]:
        """Remove what the attempt has written if it comes to nothing."""
        try:
            yield
        except BaseException:
            await asyncio.to_thread(self._remove_output, attempt)
            raise

    def _remove_output(self, attempt: Attempt) -> None:
        store = self._shop.store
        shutil.rmtree(store.path(attempt.prefix), ignore_errors=True)
        shutil.rmtree(store.path(attempt.storyboard_key), ignore_errors=True)
        store.path(attempt.poster_key).unlink(missing_ok=True)
