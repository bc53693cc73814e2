"""The job queue as every service sees it: the steps of a video's preparation.

A *step* (`ingest`, `encode`, `sound:1`, `rung:720p`, `storyboard`) is a row of `work`, which is the
truth about what is left to do; a pgqueuer entry with the key `video/step` carries it to a worker.
Both are written in the caller's transaction, so a video and its job appear together or not at all.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import msgspec
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel, JobId
from pgqueuer.ports.driver import Driver

from core.errors import InternalFault
from runtime.postgres import Connection
from runtime.sql import load_queries

_QUERIES = load_queries("runtime", "jobs.sql")

# Every name is given: pgqueuer would fill a missing one from the environment, where it reads names
# as common as CHANNEL and TRIGGER.
QUEUE_SETTINGS = DBSettings(
    prefix="",
    db_schema="jobs",
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
    widen_id=False,
)


class Task(StrEnum):
    """What kind of work a step is; also pgqueuer's entry point."""

    INGEST = "ingest"  # look at the upload; publish it if it can be played as it is
    ENCODE = "encode"  # encode what is needed to play it at all
    SOUND = "sound"  # encode one more sound, by stream number
    RUNG = "rung"  # encode one more size
    POSTER = "poster"
    TEXT = "text"  # take the subtitles out of the file
    STORYBOARD = "storyboard"  # small pictures for the seek bar


# What does not play yet goes before what only becomes better; lower rungs go before higher ones.
PRIORITIES = {
    Task.INGEST: 300,
    Task.POSTER: 200,
    Task.TEXT: 200,
    Task.ENCODE: 200,
    Task.STORYBOARD: 150,
    Task.SOUND: 150,
    Task.RUNG: 100,
}

PREVIEWS_STAGE = "Making previews"
"""What a video says it is at that has all renditions and no pictures for its seek bar yet."""

# Its share of a video's progress, in the unit of the steps that may follow: millions of pixels a
# picture. Next to nothing, but all there is when nothing follows.
INGEST_WEIGHT = 0.001


class MalformedJob(InternalFault):
    """A queue entry that no version of Sluice has written."""

    code = "jobs.malformed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one video; `subject` names a rung or a stream, and is empty for what is one."""

    video_id: str
    task: Task
    subject: str = ""

    @property
    def name(self) -> str:
        """As the table `work` calls it."""
        return f"{self.task}:{self.subject}" if self.subject else str(self.task)

    @property
    def key(self) -> str:
        """What at most one waiting or running queue entry has."""
        return f"{self.video_id}/{self.name}"

    def payload(self) -> bytes:
        """The queue entry's payload."""
        return msgspec.json.encode({"video_id": self.video_id, "step": self.name})

    @classmethod
    def parse(cls, video_id: str, name: str) -> "Step":
        """A step from the two columns of `work`. Raises `MalformedJob` for an unknown task."""
        task, _, subject = name.partition(":")
        if task not in set(Task):
            raise MalformedJob(f"{name!r} is no step of a video's preparation")
        return cls(video_id, Task(task), subject)

    @classmethod
    def from_payload(cls, payload: bytes | None) -> "Step":
        """A step from a queue entry's payload. Raises `MalformedJob`."""
        try:
            fields = msgspec.json.decode(payload or b"", type=dict[str, str])
            return cls.parse(fields["video_id"], fields["step"])
        except (msgspec.MsgspecError, KeyError) as error:
            raise MalformedJob(f"{payload!r} is no job of ours: {error}") from error


def queue_of(driver: Driver) -> Queries:
    """The queue's statements over `driver`, bound to our settings and no environment variable."""
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(QUEUE_SETTINGS),
        qbq=QueryQueueBuilder(QUEUE_SETTINGS),
        qbs=QuerySchedulerBuilder(QUEUE_SETTINGS),
    )


async def enqueue(
    connection: Connection, step: Step, *, detail: dict[str, object] | None = None, rank: int = 0
) -> None:
    """Add `step` in the caller's transaction; `rank` orders steps of one task, 0 first.

    Adding a step whose entry is still waiting or running starts nothing twice.
    """
    await connection.execute(
        _QUERIES["add_work"], step.video_id, step.name, msgspec.json.encode(detail or {}).decode()
    )
    await _queue(connection, step, PRIORITIES[step.task] - rank)


async def enqueue_ingest(connection: Connection, video_id: str) -> None:
    """Have the upload of `video_id` prepared; called in the transaction that adds the video."""
    await enqueue(connection, Step(video_id, Task.INGEST), detail={"weight": INGEST_WEIGHT})


async def cancel_video(connection: Connection, video_id: str) -> bool:
    """Stop all work on `video_id`, in the caller's transaction; answers whether there was any.

    Running children are ended by their workers once the transaction commits. A video that plays
    already becomes `ready` as it is, any other `errored` with the code `ingest.cancelled`. To
    delete a video, call this first.
    """
    await connection.execute(_QUERIES["lock_video"], video_id)
    rows = await connection.fetch(_QUERIES["cancel_work"], video_id)
    if not rows:
        return False
    keys = [Step.parse(video_id, row["step"]).key for row in rows]
    jobs = await connection.fetch(_QUERIES["find_jobs"], keys)
    ids = [JobId(row["id"]) for row in jobs]
    if ids:
        await queue_of(AsyncpgDriver(connection)).mark_job_as_cancelled(ids)
    await connection.execute(_QUERIES["settle_cancelled"], video_id)
    return True


async def requeue_lost(connection: Connection, *, older_than: timedelta) -> tuple[Step, ...]:
    """Queue again, in the caller's transaction, what is not over but lost its entry long ago."""
    rows = await connection.fetch(_QUERIES["find_lost_work"], older_than)
    steps = tuple(Step.parse(row["video_id"], row["step"]) for row in rows)
    for step in steps:
        await _queue(connection, step, PRIORITIES[step.task])
    return steps


async def _queue(connection: Connection, step: Step, priority: int) -> None:
    await queue_of(AsyncpgDriver(connection)).enqueue(
        step.task, step.payload(), priority, dedupe_key=step.key, on_conflict="skip"
    )
