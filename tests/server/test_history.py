import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fixtures.server import Api

pytestmark = pytest.mark.postgres

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def report(video_id: str, position_ms: int, second: int = 0, **more: object) -> dict[str, Any]:
    client_ts = (NOON + timedelta(seconds=second)).isoformat()
    return {"video_id": video_id, "position_ms": position_ms, "client_ts": client_ts, **more}


async def say(api: Api, body: object, status: int = 204, user: str = "ada") -> Any:
    answer = await api.ask("POST", f"/users/{user}/history", json=body)
    assert answer.status == status, answer.body
    return answer


async def history(api: Api, user: str = "ada") -> list[Any]:
    entries: list[Any] = (await api.get(f"/users/{user}/history")).json["data"]
    return entries


async def test_a_report_is_kept(api: Api) -> None:
    video = await api.upload(title="Film")
    more: dict[str, Any] = {"duration_ms": 60_000, "session_id": "s1", "event": "pause"}
    await say(api, report(video["id"], 1000, **more))
    (entry,) = await history(api)
    assert entry == {
        "video_id": video["id"],
        "title": "Film",
        "poster": None,
        "position_ms": 1000,
        "resume_ms": 1000,
        "client_ts": "2026-01-01T12:00:00Z",
        "updated_at": entry["updated_at"],
        **more,
    }
    assert await history(api, "bob") == []


@pytest.mark.parametrize("client_ts", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_time_that_is_no_year_in_utc_is_refused(api: Api, client_ts: str) -> None:
    video = await api.upload()
    wrong = {"video_id": video["id"], "position_ms": 1, "client_ts": client_ts}
    answer = await say(api, [report(video["id"], 1), wrong], 422)
    (error,) = answer.json["errors"]
    assert error["pointer"] == "/1"
    assert "client_ts" in error["detail"]
    assert await history(api) == []


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
@pytest.mark.parametrize("batch", [True, False])
async def test_of_all_reports_the_last_by_the_clients_clock_counts(
    api: Api, order: tuple[int, ...], batch: bool
) -> None:
    video = await api.upload()
    reports = [report(video["id"], second * 1000, second) for second in order]
    for body in [reports] if batch else reports:
        await say(api, body)
    (entry,) = await history(api)
    assert entry["position_ms"] == 3000


async def test_a_clock_that_runs_ahead_does_not_shut_out_later_reports(api: Api) -> None:
    video = await api.upload()
    ahead = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    await say(api, {**report(video["id"], 1000), "client_ts": ahead})
    await say(api, {**report(video["id"], 2000), "client_ts": ahead})
    (entry,) = await history(api)
    assert entry["position_ms"] == 2000
    assert datetime.fromisoformat(entry["client_ts"]) <= datetime.now(UTC)


async def test_times_of_any_zone_are_compared_as_moments(api: Api) -> None:
    video = await api.upload()
    await say(api, {**report(video["id"], 1000), "client_ts": "2026-01-01T12:00:00+02:00"})
    await say(api, {**report(video["id"], 2000), "client_ts": "2026-01-01T11:00:00Z"})
    (entry,) = await history(api)
    assert (entry["position_ms"], entry["client_ts"]) == (2000, "2026-01-01T11:00:00Z")


async def test_a_report_of_an_unknown_video_is_not_found(api: Api) -> None:
    assert (await say(api, report("nothing", 1), 404)).code == "video.unknown"


async def test_of_a_batch_with_unknown_videos_nothing_is_kept(api: Api) -> None:
    video = await api.upload()
    batch = [report(video["id"], 1), report("nothing", 1), report(video["id"], 2)]
    answer = await say(api, batch, 422)
    assert [error["pointer"] for error in answer.json["errors"]] == ["/1/video_id"]
    assert await history(api) == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"position_ms": -1}, "/position_ms"),
        ({"position_ms": 2**40}, "/position_ms"),
        ({"position_ms": 1.5}, "/position_ms"),
        ({"position_ms": "1"}, "/position_ms"),
        ({"duration_ms": -1}, "/duration_ms"),
        ({"client_ts": "yesterday"}, "/client_ts"),
        ({"client_ts": "2026-01-01T12:00:00"}, "/client_ts"),
        ({"client_ts": 1767268800}, "/client_ts"),
        ({"session_id": "x" * 65}, "/session_id"),
        ({"session_id": "a\x00b"}, "/session_id"),
        ({"event": "Pause!"}, "/event"),
        ({"video_id": "a/b"}, "/video_id"),
        ({"extra": 1}, ""),
    ],
)
async def test_a_value_out_of_bounds_is_pointed_out(
    api: Api, change: dict[str, object], pointer: str
) -> None:
    video = await api.upload()
    single = await say(api, {**report(video["id"], 1), **change}, 422)
    assert single.json["errors"][0]["pointer"] == pointer
    batch = await say(api, [report(video["id"], 1), {**report(video["id"], 1), **change}], 422)
    assert batch.json["errors"][0]["pointer"] == f"/1{pointer}"
    assert await history(api) == []


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_has_a_hundred_reports_at_most_and_one_at_least(api: Api, count: int) -> None:
    await say(api, [report("nothing", 1)] * count, 422)


async def test_a_missing_field_is_named(api: Api) -> None:
    answer = await say(api, {"video_id": "a", "position_ms": 1}, 422)
    assert "client_ts" in answer.json["detail"]


async def test_the_history_is_walked_from_the_last_watched_on(api: Api) -> None:
    videos = [await api.upload() for _ in range(5)]
    for second, video in enumerate(videos):
        await say(api, report(video["id"], 1, second // 2))
    met: list[str] = []
    query = {"limit": "2"}
    while True:
        page = (await api.get("/users/ada/history", params=query)).json
        met += [entry["video_id"] for entry in page["data"]]
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert len(met) == 5
    assert set(met) == {video["id"] for video in videos}
    assert met[0] == videos[4]["id"]


async def test_a_cursor_of_another_users_history_is_refused(api: Api) -> None:
    for _ in range(2):
        await say(api, report((await api.upload())["id"], 1))
    cursor = (await api.get("/users/ada/history?limit=1")).json["next_cursor"]
    answer = await api.get("/users/bob/history", params={"cursor": cursor})
    assert (answer.status, answer.code) == (400, "invalid_cursor")


async def test_an_entry_is_forgotten(api: Api) -> None:
    video = await api.upload()
    await say(api, report(video["id"], 1))
    path = f"/users/ada/history/{video['id']}"
    assert (await api.ask("DELETE", path)).status == 204
    assert await history(api) == []
    again = await api.ask("DELETE", path)
    assert (again.status, again.code) == (404, "history.unknown")


async def test_a_deleted_video_is_in_no_history(api: Api) -> None:
    video = await api.upload()
    await say(api, report(video["id"], 1))
    await api.ask("DELETE", f"/videos/{video['id']}")
    assert await history(api) == []


async def test_batches_that_arrive_at_once_do_not_wait_for_each_other(api: Api) -> None:
    videos = [(await api.upload())["id"] for _ in range(6)]
    there = [report(video, 1, second) for second, video in enumerate(videos)]
    await asyncio.gather(*(say(api, there if n % 2 else there[::-1]) for n in range(20)))
    assert len(await history(api)) == 6
