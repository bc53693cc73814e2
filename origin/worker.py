"""The worker process (`sluice worker`): takes jobs from the queue and looks after its leftovers."""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Final

from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.core.qm import QueueManager

from origin.housekeeping import Housekeeper
from origin.jobs.bounds import limits
from origin.jobs.identity import Identity
from origin.jobs.media import MediaProcesses
from origin.jobs.queue import Lane, OwnedQueries
from origin.jobs.runner import Runner, Workshop
from origin.repository import Repository
from runtime.jobs import QUEUE_SETTINGS, Task, queue_of
from runtime.logs import get_logger
from runtime.migrations import require_current_schema
from runtime.postgres import DatabaseUnavailable, Pool, close_pool, open_pool
from runtime.scratch import Scratch
from runtime.settings import WorkerSettings
from runtime.storage import LocalStore

# Copying and pictures go on beside encodings, so that an upload that can be played as it is need
# not wait for somebody else's film to be encoded.
LIGHT_JOBS: Final = 2
# A video that needs no encoding is not to wait behind one for its previews.
STORYBOARD_JOBS: Final = 1
DEQUEUE_TIMEOUT_S: Final = 2.0
JANITOR_INTERVAL_S: Final = 2.0
# Workers that lost Postgres for a moment get this long to claim their identities again.
REVIVE_GRACE_S: Final = 5.0
# Of the time a process may take to stop.
STOP_SHARE: Final = 0.7
# A step and its entry change in one transaction or the step first, so a step without one is lost at
# once; the grace only spares the janitor from racing a worker that is signing off.
LOST_AFTER_S: Final = 5.0
LOG_KEPT_DAYS: Final = 7

log = get_logger(__name__)


async def run(settings: WorkerSettings, *, ready: Callable[[str], None] | None) -> None:
    """Work until cancelled; what runs then is given back to the queue.

    Raises `DatabaseUnavailable`, `SchemaOutdated`, `StoreUnwritable`.
    """
    async with AsyncExitStack() as stack:
        pool = await open_pool(
            settings.require_database_url(),
            max_size=settings.database_connections,
            application="sluice worker",
        )
        stack.push_async_callback(close_pool, pool)
        await require_current_schema(pool)
        store = LocalStore(settings.store_folder)
        store.prepare()
        scratch = stack.enter_context(Scratch.open(settings.scratch_folder, "worker"))
        repository = Repository(pool)
        media = MediaProcesses(keep_open=(scratch.lock_descriptor,))
        workshop = Workshop(
            repository, store, scratch, media, limits(settings.concurrency), settings.segment_s
        )
        runner = Runner(workshop)
        manager = _manager(settings, pool, repository, runner)
        identity = await stack.enter_async_context(
            Identity.claimed(settings.require_database_url(), manager.queue_manager_id)
        )
        housekeeper = Housekeeper(repository, store, settings.scratch_folder)
        await repository.revive_jobs(timedelta(0))
        async with asyncio.TaskGroup() as group:
            group.create_task(media.stand_by(), name="reserve process")
            group.create_task(_janitor(repository, identity), name="janitor")
            group.create_task(
                _housekeeping(repository, housekeeper, identity, settings.clean_up_s),
                name="housekeeping",
            )
            group.create_task(_take_jobs(settings, manager, runner), name="jobs")
            if ready is not None:
                ready("worker")


def _manager(
    settings: WorkerSettings, pool: Pool, repository: Repository, runner: Runner
) -> QueueManager:
    plain = queue_of(AsyncpgPoolDriver(pool))
    queries = OwnedQueries(
        plain.driver,
        plain.qbe,
        plain.qbq,
        plain.qbs,
        repository=repository,
        lanes=(
            Lane(frozenset({Task.INGEST, Task.POSTER, Task.TEXT}), LIGHT_JOBS),
            Lane(frozenset({Task.ENCODE, Task.SOUND, Task.RUNG}), settings.concurrency),
            Lane(frozenset({Task.STORYBOARD}), STORYBOARD_JOBS),
        ),
    )
    manager = QueueManager(queries, QUEUE_SETTINGS.channel)
    queries.belong_to(manager)
    for task in Task:
        manager.entrypoint(task, accepts_context=True, on_failure="hold")(runner.handle)
    return manager


async def _take_jobs(settings: WorkerSettings, manager: QueueManager, runner: Runner) -> None:
    """Run the queue manager; when cancelled, have its jobs given back before it ends."""
    working = asyncio.create_task(
        manager.run(
            dequeue_timeout=timedelta(seconds=DEQUEUE_TIMEOUT_S),
            batch_size=LIGHT_JOBS + settings.concurrency + STORYBOARD_JOBS,
            # Its probe of the listener may run before there is one, and then fails for nothing. A
            # lost listener costs no more than the dequeue timeout; a lost Postgres ends us below.
            shutdown_on_listener_failure=False,
            # Beats come at half of this, so two of them have to fail.
            heartbeat_timeout=timedelta(seconds=2 * settings.heartbeat_s),
        ),
        name="queue manager",
    )
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        runner.stop()
        manager.shutdown.set()
        await asyncio.wait({working}, timeout=STOP_SHARE * settings.stop_deadline_s)
        raise
    finally:
        await _cancelled(working)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task


async def _janitor(repository: Repository, identity: Identity) -> None:
    """Keep the queue honest: no job stays with a dead worker, no step without an entry.

    Raises `DatabaseUnavailable` when our own identity is lost: others may take our jobs then.
    """
    while True:
        await asyncio.sleep(JANITOR_INTERVAL_S)
        await identity.check()
        revived = await repository.revive_jobs(timedelta(seconds=REVIVE_GRACE_S))
        lost = await repository.requeue_lost(timedelta(seconds=LOST_AFTER_S))
        if revived or lost:
            keys = [*revived, *(step.key for step in lost)]
            log.info("queue.mended", steps=keys)


async def _housekeeping(
    repository: Repository, housekeeper: Housekeeper, identity: Identity, interval_s: float
) -> None:
    """Clean up now, from time to time, and soon after a video was deleted."""
    while True:
        try:
            await housekeeper.clean_up()
            await repository.trim_job_log(timedelta(days=LOG_KEPT_DAYS))
        except DatabaseUnavailable as fault:
            log.warning("cleanup.postponed", reason=fault.message)
        await identity.deletion(timeout_s=interval_s)
