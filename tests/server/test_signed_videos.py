"""Videos that only a token plays: how they come to be, and what is signed for whom."""

import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from core.http.media_token import parse_keys, split, verify
from runtime.postgres import Pool, connect, connection
from server.main import MediaKeysMissing
from server.signing import PICTURE_WINDOW_S, REST_S, Signer
from tests.fixtures.server import Answered, Api, publish, running_server, server_settings

pytestmark = pytest.mark.postgres

KEYS = f"new:{'A' * 43},old:{'B' * 43}"
RING = parse_keys(KEYS)
TWO_HOURS_S = 7200


@pytest.fixture
async def signing(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """A server with keys."""
    settings = server_settings(database_url, tmp_path / "data", media_keys=KEYS)
    async with running_server(settings) as running:
        yield running


async def upload(api: Api, *fields: tuple[str, str], after: bool = False) -> Answered:
    form = aiohttp.FormData()
    if after:
        form.add_field("file", b"film", filename="film.mp4")
    for name, value in fields:
        form.add_field(name, value)
    if not after:
        form.add_field("file", b"film", filename="film.mp4")
    return await api.ask("POST", "/videos", data=form)


async def signed_video(api: Api, pool: Pool, *, duration_ms: int = 60_001) -> Any:
    video = (await upload(api, ("policy", "signed"))).json
    await publish(pool, video["id"], duration_ms=duration_ms)
    return (await api.get(f"/videos/{video['id']}")).json


async def change(api: Api, video_id: str, if_match: str = "*", **what: str) -> Answered:
    fields = {"If-Match": if_match}
    return await api.ask("PATCH", f"/videos/{video_id}", json=what, headers=fields)


def media_path(url: str) -> str:
    return urlsplit(url).path


@pytest.mark.parametrize("after", [False, True], ids=["before the file", "after it"])
@pytest.mark.parametrize(("policy", "prefix"), [("signed", "s_"), ("public", "p_")])
async def test_an_upload_says_who_may_play_it(
    signing: Api, policy: str, prefix: str, after: bool
) -> None:
    answer = await upload(signing, ("policy", policy), after=after)
    assert answer.status == 201
    (playback,) = answer.json["playback_ids"]
    assert playback["policy"] == policy
    assert playback["id"].startswith(prefix)


@pytest.mark.parametrize("policy", ["", "drmm", "SIGNED", "signed\x00", "s" * 9000])
async def test_a_policy_that_is_none_is_refused(signing: Api, policy: str) -> None:
    answer = await upload(signing, ("policy", policy))
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/policy")
    assert signing.stored() == set()


async def test_two_policies_are_refused(signing: Api) -> None:
    answer = await upload(signing, ("policy", "public"), ("policy", "signed"))
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/policy")


async def test_where_nobody_says_the_default_holds(database_url: str, tmp_path: Path) -> None:
    settings = server_settings(
        database_url, tmp_path / "data", media_keys=KEYS, default_policy="signed"
    )
    async with running_server(settings) as api:
        assert (await api.upload())["playback_ids"][0]["policy"] == "signed"
        assert (await upload(api, ("policy", "public"))).json["playback_ids"][0]["policy"] == (
            "public"
        )


async def test_a_playback_is_signed_for_its_length_and_two_hours(signing: Api, pool: Pool) -> None:
    video = await signed_video(signing, pool)
    before_s = int(time.time())
    play = (await signing.get(f"/videos/{video['id']}/play")).json
    after_s = int(time.time())
    granted = verify(media_path(play["hls"]), RING, after_s)
    assert granted.playback_id == play["playback_id"] == video["playback_ids"][0]["id"]
    assert (granted.kid, granted.session_id) == ("new", play["session_id"])
    assert before_s <= granted.expires_s - TWO_HOURS_S - 61 <= after_s
    assert datetime.fromisoformat(play["expires_at"]).timestamp() == granted.expires_s
    for url, name in ((play["hls"], "master.m3u8"), (play["dash"], "manifest.mpd")):
        parts = split(media_path(url))
        assert parts.token == play["token"]
        assert parts.path == f"/media/{play['playback_id']}/{name}"
    assert play["poster"].endswith("/poster/a1.jpg")
    verify(media_path(play["poster"]), RING, after_s + PICTURE_WINDOW_S)


async def test_a_player_is_sent_to_a_signed_manifest(signing: Api, pool: Pool) -> None:
    video = await signed_video(signing, pool)
    answer = await signing.get(
        f"/videos/{video['id']}/play", headers={"Accept": "application/dash+xml"}
    )
    assert answer.status == 302
    verify(media_path(answer.headers["Location"]), RING, time.time())


async def test_pictures_of_signed_videos_are_signed_wherever_they_are_named(
    signing: Api, pool: Pool
) -> None:
    video = await signed_video(signing, pool)
    report = {"video_id": video["id"], "position_ms": 1, "client_ts": "2026-01-01T00:00:00Z"}
    assert (await signing.ask("POST", "/users/ada/history", json=report)).status == 204
    named = [
        video,
        (await signing.get("/videos")).json["data"][0],
        (await signing.get("/users/ada/history")).json["data"][0],
    ]
    for each in named:
        granted = verify(media_path(each["poster"]), RING, time.time())
        assert granted.session_id == "poster"


def test_the_url_of_a_picture_stays_for_an_hour_and_holds_for_two_more() -> None:
    start_s = 500_000 * PICTURE_WINDOW_S
    signatures = [Signer(RING, start_s + at).sign_picture("s_1") for at in (0, 0.5, 3599.9)]
    assert len(set(signatures)) == 1
    assert signatures[0] is not None
    assert signatures[0].expires_s - (start_s + PICTURE_WINDOW_S) == 2 * PICTURE_WINDOW_S
    assert Signer(RING, start_s + PICTURE_WINDOW_S).sign_picture("s_1") not in signatures
    assert Signer(RING, start_s).sign_picture("p_1") is None


@pytest.mark.parametrize(
    ("duration_ms", "lasts_s"), [(0, REST_S), (None, REST_S), (1, REST_S + 1), (999_999, 8200)]
)
def test_a_playback_lasts_as_long_as_the_film_and_the_rest(
    duration_ms: int | None, lasts_s: int
) -> None:
    signature = Signer(RING, 1000.9).sign_playback("s_1", "abc", duration_ms)
    assert signature is not None
    assert signature.expires_s == 1000 + lasts_s


async def test_the_version_of_a_signed_video_moves_with_its_pictures_url(
    signing: Api, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a client that asks again would keep a picture's URL that has ended."""
    video = await signed_video(signing, pool)
    path = f"/videos/{video['id']}"
    etag = (await signing.get(path)).headers["ETag"]
    assert (await signing.get(path, headers={"If-None-Match": etag})).status == 304
    later_s = time.time() + PICTURE_WINDOW_S
    monkeypatch.setattr("server.services.time.time", lambda: later_s)
    answer = await signing.get(path, headers={"If-None-Match": etag})
    assert answer.status == 200
    assert answer.json["poster"] != video["poster"]
    assert (await change(signing, video["id"], etag, title="New")).status == 200
    assert (await change(signing, video["id"], etag, title="Newer")).status == 412


async def test_another_policy_is_another_playback_id_and_a_purge_of_the_old_one(
    signing: Api, pool: Pool
) -> None:
    video = await signing.upload()
    (before,) = video["playback_ids"]
    answer = await change(signing, video["id"], policy="signed", title="Mine")
    (after,) = answer.json["playback_ids"]
    assert (answer.status, answer.json["title"]) == (200, "Mine")
    assert (before["policy"], after["policy"]) == ("public", "signed")
    assert after["id"].startswith("s_")
    back = await change(signing, video["id"], policy="public")
    assert back.json["playback_ids"][0]["id"] not in {before["id"], after["id"]}


async def test_the_same_policy_changes_nothing(signing: Api) -> None:
    video = await signing.upload()
    answer = await change(signing, video["id"], policy="public")
    assert answer.json["playback_ids"] == video["playback_ids"]
    assert answer.json["updated_at"] == video["updated_at"]


async def test_edges_and_origins_are_told_to_forget_the_old_id(
    database_url: str, tmp_path: Path
) -> None:
    heard: list[str] = []
    # An edge that is away: what it is owed stays written down.
    settings = server_settings(
        database_url,
        tmp_path / "data",
        media_keys=KEYS,
        edge_admin_urls=("http://127.0.0.1:1",),
    )
    async with running_server(settings) as api, connect(database_url) as session:
        await session.add_listener("sluice_published", lambda *told: heard.append(str(told[-1])))
        video = await api.upload()
        old = video["playback_ids"][0]["id"]
        await change(api, video["id"], policy="signed")
        owed = await session.fetch("SELECT keys, soft FROM purge_outbox")
        await session.fetchval("SELECT 1")
    assert [(list(row["keys"]), row["soft"]) for row in owed] == [([f"playback:{old}"], False)]
    assert heard == [old]


async def test_a_server_without_keys_signs_nothing(api: Api, pool: Pool) -> None:
    refused = await upload(api, ("policy", "signed"))
    assert (refused.status, refused.code) == (409, "video.signing_unavailable")
    assert api.stored() == set()
    video = await api.upload()
    refused = await change(api, video["id"], policy="signed")
    assert (refused.status, refused.code) == (409, "video.signing_unavailable")
    await publish(pool, video["id"])
    async with connection(pool) as session:  # as it is when the keys are lost
        await session.execute("UPDATE videos SET playback_id = 's_1'")
    refused = await api.get(f"/videos/{video['id']}/play")
    assert (refused.status, refused.code) == (409, "video.signing_unavailable")
    assert (await api.get(f"/videos/{video['id']}")).json["poster"] is None


async def test_a_server_that_is_to_sign_without_keys_does_not_start(
    database_url: str, tmp_path: Path
) -> None:
    settings = server_settings(database_url, tmp_path / "data", default_policy="signed")
    with pytest.raises(MediaKeysMissing):
        async with running_server(settings):
            pass
