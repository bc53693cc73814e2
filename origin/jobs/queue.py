"""Pgqueuer's queue with two rules added: a worker's limit is exact, and only an owner signs off.

A worker that was stopped for longer than its heartbeats wakes up beside its successor. Pgqueuer
would let it sign off, retry or keep alive the successor's entry, for it goes by the job's id alone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter

from core.errors import InternalFault
from origin.repository import Repository
from runtime.jobs import Task


class UnownedQueue(InternalFault):
    """The queue was used before it belonged to a queue manager."""

    code = "jobs.unowned"


@dataclass(frozen=True, slots=True)
class Lane:
    """Tasks that share a limit: at most `limit` of them run in one worker."""

    tasks: frozenset[Task]
    limit: int


@dataclass
class OwnedQueries(Queries):
    """The queue as one worker uses it."""

    repository: Repository = field(kw_only=True)
    lanes: Sequence[Lane] = field(kw_only=True)
    _manager: QueueManager | None = field(init=False, default=None)
    _picked: dict[JobId, str] = field(init=False, default_factory=dict)

    def belong_to(self, manager: QueueManager) -> None:
        """Say whose queue this is; required before anything is asked of it."""
        self._manager = manager

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        """Pick, lane by lane, what there is room for."""
        jobs: list[Job] = []
        for lane, free in self._free():
            tasks = {str(task) for task in lane.tasks}
            wanted = {name: limits for name, limits in entrypoints.items() if name in tasks}
            jobs += await super().dequeue(
                min(batch_size, free),
                wanted,
                queue_manager_id,
                global_concurrency_limit,
                heartbeat_timeout,
            )
        self._picked.update((job.id, job.entrypoint) for job in jobs)
        return jobs

    async def eligible_queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """Count what waits and could be picked; a full lane is no reason to poll."""
        return await super().eligible_queued_work(self._open(entrypoints))

    async def queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """Count what waits and could be picked; a full lane is no reason to poll."""
        return await super().queued_work(self._open(entrypoints))

    async def update_heartbeat(self, job_ids: list[JobId]) -> None:
        """Say that jobs are alive, those that are still ours."""
        owned = await self._owned(job_ids)
        if owned:
            await super().update_heartbeat([JobId(number) for number in owned])

    async def log_jobs(
        self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]
    ) -> None:
        """Sign jobs off, those that are still ours."""
        owned = await self._owned([job.id for job, _, _ in job_status])
        ours = [entry for entry in job_status if entry[0].id in owned]
        if ours:
            await super().log_jobs(ours)

    async def retry_job(
        self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None
    ) -> None:
        """Queue a job again, if it is still ours."""
        if await self._owned([job.id]):
            await super().retry_job(job, delay, traceback_record)

    def _free(self) -> list[tuple[Lane, int]]:
        """Lanes with room, and how much."""
        running = self._owner.job_context
        self._picked = {number: task for number, task in self._picked.items() if number in running}
        counts = Counter(self._picked.values())
        room = [
            (lane, lane.limit - sum(counts[task] for task in lane.tasks)) for lane in self.lanes
        ]
        return [(lane, free) for lane, free in room if free > 0]

    def _open(self, entrypoints: list[QueueEntrypoint]) -> list[QueueEntrypoint]:
        tasks = {str(task) for lane, _ in self._free() for task in lane.tasks}
        return [name for name in entrypoints if name in tasks]

    async def _owned(self, ids: list[JobId]) -> set[int]:
        return await self.repository.owned_jobs(ids, self._owner.queue_manager_id)

    @property
    def _owner(self) -> QueueManager:
        if self._manager is None:
            raise UnownedQueue("the queue belongs to no queue manager yet")
        return self._manager
