"""Adding and cancelling work in the caller's transaction."""

from datetime import timedelta

import pytest

from runtime.jobs import (
    QUEUE_SETTINGS,
    MalformedJob,
    Step,
    Task,
    cancel_video,
    enqueue,
    enqueue_ingest,
    requeue_lost,
)
from runtime.postgres import Pool, connection, transaction
from tests.fixtures.catalogue import add_video, queue_rows, video_row, work_rows

AT_ONCE = timedelta(0)


class RollBackError(Exception):
    """Ends a transaction without committing it."""


async def test_a_video_and_its_job_are_committed_together(pool: Pool) -> None:
    video_id = await add_video(pool)
    (job,) = await queue_rows(pool)
    assert Step.from_payload(job["payload"]) == Step(video_id, Task.INGEST)
    assert job["entrypoint"] == "ingest"
    assert (await work_rows(pool, video_id))["ingest"]["state"] == "queued"


async def test_a_transaction_that_is_rolled_back_leaves_neither_work_nor_job(pool: Pool) -> None:
    video_id = await add_video(pool, enqueued=False)

    async def enqueue_and_fail() -> None:
        async with transaction(pool) as session:
            await enqueue_ingest(session, video_id)
            raise RollBackError

    with pytest.raises(RollBackError):
        await enqueue_and_fail()
    assert await queue_rows(pool) == []
    assert await work_rows(pool, video_id) == {}


async def test_a_step_added_twice_is_queued_once(pool: Pool) -> None:
    video_id = await add_video(pool)
    async with transaction(pool) as session:
        await enqueue_ingest(session, video_id)
    assert len(await queue_rows(pool)) == 1


async def test_what_does_not_play_yet_goes_first_then_pictures_then_rungs(
    pool: Pool,
) -> None:
    video_id = await add_video(pool)
    async with transaction(pool) as session:
        await enqueue(session, Step(video_id, Task.RUNG, "720p"), rank=2)
        await enqueue(session, Step(video_id, Task.RUNG, "480p"), rank=1)
        await enqueue(session, Step(video_id, Task.POSTER))
    jobs = sorted(await queue_rows(pool), key=lambda job: -job["priority"])
    assert [job["dedupe_key"].partition("/")[2] for job in jobs] == [
        "ingest",
        "poster",
        "rung:480p",
        "rung:720p",
    ]


async def test_cancelling_takes_every_waiting_entry_and_marks_the_work(pool: Pool) -> None:
    video_id = await add_video(pool)
    other = await add_video(pool)
    async with transaction(pool) as session:
        await enqueue(session, Step(video_id, Task.POSTER))
        assert await cancel_video(session, video_id)
    assert [Step.from_payload(job["payload"]).video_id for job in await queue_rows(pool)] == [other]
    states = {row["state"] for row in (await work_rows(pool, video_id)).values()}
    assert states == {"cancelled"}


async def test_a_cancelled_video_that_never_played_is_errored_with_a_reason(pool: Pool) -> None:
    video_id = await add_video(pool)
    async with transaction(pool) as session:
        await cancel_video(session, video_id)
    row = await video_row(pool, video_id)
    assert row is not None
    assert (row["status"], row["error_code"]) == ("errored", "ingest.cancelled")


async def test_a_cancelled_video_that_plays_is_ready_as_it_is(pool: Pool) -> None:
    video_id = await add_video(pool)
    async with transaction(pool) as session:
        await session.execute("UPDATE videos SET status = 'playable' WHERE id = $1", video_id)
        await cancel_video(session, video_id)
    row = await video_row(pool, video_id)
    assert row is not None
    assert (row["status"], row["error_code"]) == ("ready", None)


async def test_cancelling_where_nothing_is_left_to_do_changes_nothing(pool: Pool) -> None:
    video_id = await add_video(pool, enqueued=False)
    async with transaction(pool) as session:
        assert not await cancel_video(session, video_id)
    row = await video_row(pool, video_id)
    assert row is not None
    assert row["status"] == "waiting"


async def test_work_whose_queue_entry_was_lost_is_queued_again(pool: Pool) -> None:
    video_id = await add_video(pool)
    async with connection(pool) as session:
        await session.execute("DELETE FROM jobs.pgqueuer")
    async with transaction(pool) as session:
        assert await requeue_lost(session, older_than=timedelta(minutes=1)) == ()
    async with transaction(pool) as session:
        assert await requeue_lost(session, older_than=AT_ONCE) == (Step(video_id, Task.INGEST),)
    assert len(await queue_rows(pool)) == 1


async def test_work_that_has_its_entry_or_is_over_is_not_queued_again(pool: Pool) -> None:
    await add_video(pool)
    done = await add_video(pool)
    async with transaction(pool) as session:
        await cancel_video(session, done)
    async with transaction(pool) as session:
        assert await requeue_lost(session, older_than=AT_ONCE) == ()


def test_the_queue_names_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHANNEL", "TRIGGER", "FUNCTION", "QUEUE_TABLE", "PGQUEUER_PREFIX"):
        monkeypatch.setenv(name, "elsewhere")
    given = QUEUE_SETTINGS.model_fields_set
    assert given == set(type(QUEUE_SETTINGS).model_fields)
    assert QUEUE_SETTINGS.qualified.queue_table == "jobs.pgqueuer"


@pytest.mark.parametrize("payload", [None, b"", b"{}", b"[]", b'{"video_id":"v","step":"fly"}'])
def test_a_payload_that_we_never_wrote_is_refused(payload: bytes | None) -> None:
    with pytest.raises(MalformedJob):
        Step.from_payload(payload)


@pytest.mark.parametrize(
    "step",
    [Step("v1", Task.INGEST), Step("v1", Task.RUNG, "720p"), Step("v1", Task.POSTER)],
    ids=lambda step: step.name,
)
def test_a_step_survives_the_queue(step: Step) -> None:
    assert Step.from_payload(step.payload()) == step
    assert Step.parse(step.video_id, step.name) == step
