"""Attempts, the fence, and what one commit makes visible, on a real Postgres."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from core.media.presentation import TrackKind
from core.media.ticks import Ticks
from core.media.timeline import CutPlan
from origin.repository import (
    Attempt,
    Fenced,
    Follower,
    Publication,
    PublishedTrack,
    Repository,
    claim_identity,
)
from runtime.jobs import Step, Task, cancel_video
from runtime.postgres import Pool, connect, connection, transaction
from tests.fixtures.catalogue import add_video, playback_id_of, queue_rows, video_row, work_rows
from tests.fixtures.eventually import until
from tests.fixtures.presentations import storyboard

pytestmark = pytest.mark.postgres

PLAN = CutPlan(1000, (Ticks(0), Ticks(4000)), Ticks(8000))
OTHER_PLAN = CutPlan(1000, (Ticks(0),), Ticks(8000))


@pytest.fixture
def repository(pool: Pool) -> Repository:
    return Repository(pool)


def a_track(attempt: Attempt, name: str = "240p") -> PublishedTrack:
    return PublishedTrack(
        kind=TrackKind.VIDEO,
        name=name,
        build_hash="0" * 20,
        store_prefix=f"{attempt.prefix}/v-{name}",
        codec="avc1.64001f",
        timescale=1000,
        duration=8000,
        bandwidth=2,
        average_bandwidth=1,
        width=320,
        height=240,
        frame_rate=(25, 1),
    )


def first_publication(attempt: Attempt, *followers: Follower) -> Publication:
    return Publication(
        tracks=[a_track(attempt)],
        sizes_bytes=[10],
        plan=PLAN,
        duration_ms=8000,
        followers=followers,
    )


async def begun(repository: Repository, video_id: str, task: Task = Task.INGEST) -> Attempt:
    attempt = await repository.begin_attempt(Step(video_id, task), uuid4().hex)
    assert attempt is not None
    return attempt


async def row_of(pool: Pool, video_id: str) -> dict[str, object]:
    row = await video_row(pool, video_id)
    assert row is not None
    return row


async def test_a_pick_is_counted_before_anything_is_done(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    assert [(await begun(repository, video_id)).picks for _ in range(3)] == [1, 2, 3]
    assert (await row_of(pool, video_id))["status"] == "preparing"


async def test_an_attempt_given_back_does_not_count(pool: Pool, repository: Repository) -> None:
    video_id = await add_video(pool)
    await repository.release(await begun(repository, video_id))
    assert (await begun(repository, video_id)).picks == 1


async def test_an_attempt_that_was_overtaken_cannot_give_its_successors_pick_back(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    old = await begun(repository, video_id)
    new = await begun(repository, video_id)
    await repository.release(old)
    await repository.report(new, 0.5, "Copying")
    assert (await work_rows(pool, video_id))["ingest"]["picks"] == 2


async def test_a_publication_is_visible_as_a_whole(pool: Pool, repository: Repository) -> None:
    video_id = await add_video(pool)
    attempt = await begun(repository, video_id)
    follower = Follower(Step(video_id, Task.RUNG, "480p"), weight=1.0)
    assert await repository.publish(attempt, first_publication(attempt, follower)) == "playable"
    title = await repository.title(playback_id_of(video_id))
    assert title is not None
    assert title.plan == PLAN
    (track,) = title.tracks
    assert track == replace(a_track(attempt), number=track.number)
    assert title.duration_ms == 8000
    assert "rung:480p" in await work_rows(pool, video_id)


async def test_nothing_is_delivered_before_the_first_publication(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    await begun(repository, video_id)
    assert await repository.title(playback_id_of(video_id)) is None


async def test_an_attempt_that_was_overtaken_publishes_nothing(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    old = await begun(repository, video_id)
    await begun(repository, video_id)
    before = await row_of(pool, video_id)
    with pytest.raises(Fenced):
        await repository.publish(old, first_publication(old))
    assert await row_of(pool, video_id) == before
    assert await repository.title(playback_id_of(video_id)) is None


async def test_an_attempt_at_a_step_that_is_done_publishes_nothing(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    attempt = await begun(repository, video_id)
    await repository.publish(attempt, first_publication(attempt))
    with pytest.raises(Fenced):
        await repository.publish(attempt, first_publication(attempt))
    assert await repository.begin_attempt(attempt.step, "again") is None


async def test_an_attempt_at_a_deleted_video_publishes_nothing(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    attempt = await begun(repository, video_id)
    async with connection(pool) as session:
        await session.execute("DELETE FROM videos WHERE id = $1", video_id)
    with pytest.raises(Fenced):
        await repository.publish(attempt, first_publication(attempt))
    with pytest.raises(Fenced):
        await repository.report(attempt, 0.5, None)


async def test_a_rung_cut_by_another_plan_than_the_published_one_is_refused(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    attempt = await begun(repository, video_id)
    rung = Step(video_id, Task.RUNG, "480p")
    await repository.publish(attempt, first_publication(attempt, Follower(rung, 1.0)))
    joining = await repository.begin_attempt(rung, "rung")
    assert joining is not None
    assert joining.plan == PLAN
    with pytest.raises(Fenced):
        await repository.publish(
            joining,
            Publication(tracks=[a_track(joining, "480p")], sizes_bytes=[1], plan=OTHER_PLAN),
        )


async def test_a_rung_that_joins_has_edges_look_at_the_manifests_again(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    attempt = await begun(repository, video_id)
    rung = Step(video_id, Task.RUNG, "480p")
    await repository.publish(attempt, first_publication(attempt, Follower(rung, 1.0)))
    async with connection(pool) as session:
        assert await session.fetch("SELECT * FROM purge_outbox") == []
    joining = await repository.begin_attempt(rung, "rung")
    assert joining is not None
    status = await repository.publish(
        joining, Publication(tracks=[a_track(joining, "480p")], sizes_bytes=[1])
    )
    assert status == "ready"
    async with connection(pool) as session:
        (purge,) = await session.fetch("SELECT keys, soft FROM purge_outbox")
    assert purge["keys"] == [f"manifest:{playback_id_of(video_id)}"]
    assert purge["soft"] is True


async def test_a_video_is_ready_before_its_storyboard_joins(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    attempt = await begun(repository, video_id)
    pictures = Follower(Step(video_id, Task.STORYBOARD), 0.1)
    assert await repository.publish(attempt, first_publication(attempt, pictures)) == "ready"
    row = await row_of(pool, video_id)
    assert (row["progress"], row["stage"]) == (1, "Making previews")
    drawing = await begun(repository, video_id, Task.STORYBOARD)
    await repository.report(drawing, 0.5, "Making previews")
    assert (await row_of(pool, video_id))["progress"] == 1
    assert await repository.publish(drawing, Publication(storyboard=storyboard())) == "ready"
    row = await row_of(pool, video_id)
    assert (row["stage"], row["storyboard"] is not None) == (None, True)


async def test_every_publication_and_deletion_is_announced(
    pool: Pool, repository: Repository, database_url: str
) -> None:
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    video_id = await add_video(pool)
    attempt = await begun(repository, video_id)
    async with connect(database_url) as session:
        for channel in ("sluice_published", "sluice_deleted"):
            await session.add_listener(
                channel, lambda _session, _pid, name, payload: heard.put_nowait((name, payload))
            )
        await repository.publish(attempt, first_publication(attempt))
        async with asyncio.timeout(30):
            assert await heard.get() == ("sluice_published", playback_id_of(video_id))
        async with connection(pool) as other:
            await other.execute("DELETE FROM videos WHERE id = $1", video_id)
        async with asyncio.timeout(30):
            assert {await heard.get(), await heard.get()} == {
                ("sluice_published", playback_id_of(video_id)),
                ("sluice_deleted", video_id),
            }


async def test_a_rung_that_fails_leaves_the_video_playing_and_says_so(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    attempt = await begun(repository, video_id)
    rung = Step(video_id, Task.RUNG, "480p")
    await repository.publish(attempt, first_publication(attempt, Follower(rung, 1.0)))
    joining = await repository.begin_attempt(rung, "rung")
    assert joining is not None
    await repository.fail(joining, parked=False, code="source.corrupt", message="No.", show=True)
    row = await row_of(pool, video_id)
    assert (row["status"], row["error_code"]) == ("ready", "source.corrupt")


async def test_a_cancelled_attempt_learns_of_it_when_it_reports(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    attempt = await begun(repository, video_id)
    async with transaction(pool) as session:
        await cancel_video(session, video_id)
    with pytest.raises(Fenced):
        await repository.report(attempt, 0.1, "Copying")
    await repository.fail(attempt, parked=False, code="late", message="Late.", show=True)
    assert (await row_of(pool, video_id))["error_code"] == "ingest.cancelled"


async def test_progress_never_goes_back_and_reaches_the_end_with_the_last_step(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    seen = [0.0]

    async def look() -> None:
        progress = (await row_of(pool, video_id))["progress"]
        assert isinstance(progress, float)
        seen.append(progress)

    ingest = await begun(repository, video_id)
    encode = Follower(Step(video_id, Task.ENCODE), weight=1.0, pending=3.0)
    await repository.publish(ingest, Publication(followers=[encode]))
    attempt = await begun(repository, video_id, Task.ENCODE)
    for fraction in (0.2, 0.9, 0.1):
        await repository.report(attempt, fraction, "Encoding 240p")
        await look()
    rung = Step(video_id, Task.RUNG, "480p")
    await repository.publish(attempt, first_publication(attempt, Follower(rung, weight=3.0)))
    await look()
    joining = await repository.begin_attempt(rung, "rung")
    assert joining is not None
    await repository.report(joining, 0.5, "Encoding 480p")
    await look()
    await repository.publish(
        joining, Publication(tracks=[a_track(joining, "480p")], sizes_bytes=[1])
    )
    await look()
    assert seen == sorted(seen)
    assert seen[1] == pytest.approx(0.05, abs=0.01)
    assert seen[-2] == pytest.approx(2.5 / 4, abs=0.01)
    assert seen[-1] == 1


async def test_the_jobs_of_a_worker_whose_session_ended_are_free_at_once(
    pool: Pool, repository: Repository, database_url: str
) -> None:
    video_id = await add_video(pool)
    owner = uuid4()
    async with connect(database_url) as session:
        await claim_identity(session, owner)
        async with connection(pool) as other:
            await other.execute(
                "UPDATE jobs.pgqueuer SET status = 'picked', queue_manager_id = $1", owner
            )
        assert await repository.revive_jobs(timedelta(0)) == []
    assert await repository.revive_jobs(timedelta(minutes=1)) == []
    revived: list[str] = []

    async def noticed() -> bool:
        revived.extend(await repository.revive_jobs(timedelta(0)))
        return bool(revived)

    await until(noticed, "Postgres notices that the session has ended")
    assert revived == [f"{video_id}/ingest"]
    assert [job["status"] for job in await queue_rows(pool)] == ["queued"]


async def test_a_step_that_turns_out_to_call_for_more_counts_for_less(
    pool: Pool, repository: Repository
) -> None:
    video_id = await add_video(pool)
    ingest = await begun(repository, video_id)
    encode = Follower(Step(video_id, Task.ENCODE), weight=1.0)
    await repository.publish(ingest, Publication(followers=[encode]))
    attempt = await begun(repository, video_id, Task.ENCODE)
    await repository.weigh(attempt, weight=1.0, pending=9.0)
    await repository.report(attempt, 1.0, "Encoding 240p")
    assert (await row_of(pool, video_id))["progress"] == pytest.approx(0.1, abs=0.01)
