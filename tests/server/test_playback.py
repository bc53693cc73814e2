from pathlib import Path

import pytest

from runtime.postgres import Pool, connection
from tests.fixtures.server import Api, publish, running_server, server_settings

pytestmark = pytest.mark.postgres

HLS = "application/vnd.apple.mpegurl"
DASH = "application/dash+xml"


async def playable(api: Api, pool: Pool, status: str = "ready") -> tuple[str, str]:
    video = await api.upload(title="Film")
    await publish(pool, video["id"], status=status)
    return video["id"], video["playback_ids"][0]["id"]


@pytest.mark.parametrize("status", ["playable", "ready"])
async def test_a_playback_has_all_that_a_player_needs(api: Api, pool: Pool, status: str) -> None:
    video_id, playback_id = await playable(api, pool, status)
    answer = await api.get(f"/videos/{video_id}/play")
    media = f"http://127.0.0.1:8081/media/{playback_id}"
    assert answer.json == {
        "playback_id": playback_id,
        "session_id": answer.json["session_id"],
        "title": "Film",
        "hls": f"{media}/master.m3u8",
        "dash": f"{media}/manifest.mpd",
        "poster": f"{media}/poster/a1.jpg",
        "duration_ms": 60_000,
        "start_ms": 0,
        "end_ms": 60_000,
        "resume_ms": 0,
        "token": None,
        "expires_at": None,
        "subtitles": [],
        "chapters": None,
        "drm": None,
        "storyboard": None,
        "thumbnail": f"{media}/thumb/{{ms}}-w640.webp",
    }
    assert answer.headers["Cache-Control"] == "private, no-store"
    again = await api.get(f"/videos/{video_id}/play")
    assert again.json["session_id"] != answer.json["session_id"]


@pytest.mark.parametrize(
    ("accept", "file"),
    [
        (HLS, "master.m3u8"),
        (DASH, "manifest.mpd"),
        (f"{DASH};q=0.5, {HLS}, */*;q=0.1", "master.m3u8"),
    ],
)
async def test_a_player_that_asks_for_a_manifest_is_sent_there(
    api: Api, pool: Pool, accept: str, file: str
) -> None:
    video_id, playback_id = await playable(api, pool)
    answer = await api.get(f"/videos/{video_id}/play", headers={"Accept": accept})
    assert answer.status == 302
    assert answer.headers["Location"] == f"http://127.0.0.1:8081/media/{playback_id}/{file}"
    assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html", "", "nonsense;;q=x,"])
async def test_everyone_else_is_answered_with_json(api: Api, pool: Pool, accept: str) -> None:
    video_id, _ = await playable(api, pool)
    answer = await api.get(f"/videos/{video_id}/play", headers={"Accept": accept})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("status", ["waiting", "preparing"])
async def test_what_is_not_prepared_yet_is_worth_another_try(
    api: Api, pool: Pool, status: str
) -> None:
    video = await api.upload()
    async with connection(pool) as session:
        await session.execute("UPDATE videos SET status = $1", status)
    answer = await api.get(f"/videos/{video['id']}/play")
    assert (answer.status, answer.code) == (409, "video.not_playable")
    assert int(answer.headers["Retry-After"]) > 0


async def test_what_could_not_be_prepared_is_not_worth_another_try(api: Api, pool: Pool) -> None:
    video = await api.upload()
    async with connection(pool) as session:
        await session.execute(
            "UPDATE videos SET status = 'errored', error_code = 'source.empty', "
            "error_message = 'the file is empty'"
        )
    answer = await api.get(f"/videos/{video['id']}/play")
    assert (answer.status, answer.code) == (409, "video.errored")
    assert "the file is empty" in answer.json["detail"]
    assert "Retry-After" not in answer.headers


async def test_a_user_resumes_where_they_stopped(api: Api, pool: Pool) -> None:
    video_id, _ = await playable(api, pool)
    for user, position_ms in (("ada", 30_000), ("bob", 59_000)):
        report = {
            "video_id": video_id,
            "position_ms": position_ms,
            "client_ts": "2026-01-01T00:00:00Z",
        }
        assert (await api.ask("POST", f"/users/{user}/history", json=report)).status == 204

    async def resume_ms(query: str) -> int:
        found: int = (await api.get(f"/videos/{video_id}/play{query}")).json["resume_ms"]
        return found

    assert await resume_ms("?user=ada") == 30_000
    assert await resume_ms("?user=bob") == 0, "who has seen the end begins anew"
    assert await resume_ms("?user=eve") == 0
    assert await resume_ms("") == 0


@pytest.mark.parametrize("query", ["?user=", "?user=a%00b", f"?user={'x' * 129}", "?name=ada"])
async def test_an_unacceptable_user_is_refused(api: Api, pool: Pool, query: str) -> None:
    video_id, _ = await playable(api, pool)
    answer = await api.get(f"/videos/{video_id}/play{query}")
    assert (answer.status, answer.code) == (400, "request.invalid_parameter")


async def test_media_are_on_the_host_that_the_viewer_used(api: Api, pool: Pool) -> None:
    video_id, playback_id = await playable(api, pool)
    for host, edge in (
        ("films.lan:8080", "http://films.lan:8081"),
        ("films.lan", "http://films.lan:8081"),
        ("[fe80::1]:8080", "http://[fe80::1]:8081"),
    ):
        answer = await api.get(f"/videos/{video_id}/play", headers={"Host": host})
        assert answer.json["hls"] == f"{edge}/media/{playback_id}/master.m3u8"


@pytest.mark.parametrize("host", ["a b", "evil/..", "a@b", "'><script>", "x" * 300])
async def test_a_host_that_is_none_is_refused(api: Api, pool: Pool, host: str) -> None:
    video_id, _ = await playable(api, pool)
    answer = await api.get(f"/videos/{video_id}/play", headers={"Host": host})
    assert (answer.status, answer.code) == (400, "request.malformed_host")


FORWARDED = {"X-Forwarded-Host": "evil.example, films.example", "X-Forwarded-Proto": "https"}


async def test_forwarded_fields_count_from_a_trusted_proxy(
    database_url: str, pool: Pool, tmp_path: Path
) -> None:
    settings = server_settings(database_url, tmp_path / "data", trusted_proxy="127.0.0.0/8")
    async with running_server(settings) as api:
        video_id, _ = await playable(api, pool)
        answer = await api.get(f"/videos/{video_id}/play", headers=FORWARDED)
    assert answer.json["hls"].startswith("https://films.example:8081/media/")


async def test_forwarded_fields_of_anyone_else_are_ignored(
    database_url: str, pool: Pool, tmp_path: Path
) -> None:
    settings = server_settings(database_url, tmp_path / "data", trusted_proxy="10.0.0.0/8")
    async with running_server(settings) as api:
        video_id, _ = await playable(api, pool)
        answer = await api.get(f"/videos/{video_id}/play", headers=FORWARDED)
    assert answer.json["hls"].startswith("http://127.0.0.1:8081/media/")


async def test_the_operators_edge_url_is_used_as_it_is(
    database_url: str, pool: Pool, tmp_path: Path
) -> None:
    settings = server_settings(
        database_url, tmp_path / "data", edge_public_url="https://edge.example/films"
    )
    async with running_server(settings) as api:
        video_id, playback_id = await playable(api, pool)
        answer = await api.get(f"/videos/{video_id}/play")
    assert answer.json["dash"] == f"https://edge.example/films/media/{playback_id}/manifest.mpd"
