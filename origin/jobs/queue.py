"""Pgqueuer's queue with two rules added: a worker's limit is exact, and only an owner signs off.

A worker that was stopped for longer than its heartbeats wakes up beside its successor. Pgqueuer
would let it sign off, retry or keep alive the successor's entry, for it goes by the job's id alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter

from origin.repository import Repository


def _idle() -> int:
    return 0


@dataclass
class OwnedQueries(Queries):
    """The queue as one worker uses it.

    `limit` bounds its jobs; `running` tells how many it has. `owner` is its queue manager's id.
    """

    repository: Repository = field(kw_only=True)
    limit: int = field(kw_only=True)
    owner: UUID = field(kw_only=True, default=UUID(int=0))
    running: Callable[[], int] = field(kw_only=True, default=_idle)

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        """Pick what there is room for; the manager's own limit cannot be less than two."""
        del global_concurrency_limit
        free = self.limit - self.running()
        if free < 1:
            return []
        return await super().dequeue(
            min(batch_size, free), entrypoints, queue_manager_id, self.limit, heartbeat_timeout
        )

    async def eligible_queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """What waits for a full worker is no reason for it to poll."""
        return 0 if self._is_full() else await super().eligible_queued_work(entrypoints)

    async def queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """What waits for a full worker is no reason for it to poll."""
        return 0 if self._is_full() else await super().queued_work(entrypoints)

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

    async def _owned(self, ids: list[JobId]) -> set[int]:
        return await self.repository.owned_jobs(ids, self.owner)

    def _is_full(self) -> bool:
        return self.running() >= self.limit
