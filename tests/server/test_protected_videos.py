"""Protected videos through the API: what is chosen, what `/play` says, what is refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.protection.master_key import MasterKeyMissing
from runtime.postgres import Pool, connection
from tests.fixtures.eventually import until
from tests.fixtures.server import Answered, Api, publish, running_server, server_settings

pytestmark = pytest.mark.postgres

KEYS = "k1:" + "A" * 42 + "8="
MASTER = "m1:" + "Q" * 42 + "8="
OTHER = "m2:" + "R" * 42 + "8="


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """A server that can protect."""
    settings = server_settings(database_url, tmp_path / "data", media_keys=KEYS, master_key=MASTER)
    async with running_server(settings) as running:
        yield running


async def upload(api: Api, **fields: str) -> Answered:
    form = aiohttp.FormData()
    for name, value in fields.items():
        form.add_field(name, value)
    form.add_field("file", b"film", filename="film.mp4")
    return await api.ask("POST", "/videos", data=form)


async def change(api: Api, video_id: str, **what: str) -> Answered:
    return await api.ask("PATCH", f"/videos/{video_id}", json=what, headers={"If-Match": "*"})


async def keys_of(pool: Pool, video_id: str) -> list[Any]:
    async with connection(pool) as session:
        rows = await session.fetch(
            "SELECT scheme, kind, kid, master FROM content_keys WHERE video_id = $1", video_id
        )
    return sorted((row["scheme"], row["kind"], row["kid"], row["master"]) for row in rows)


async def test_drm_is_aes_128_for_hls_and_cenc_for_dash(api: Api, pool: Pool) -> None:
    answer = await upload(api, policy="drm")
    assert answer.status == 201
    (playback,) = answer.json["playback_ids"]
    assert (playback["policy"], playback["protection"]) == ("drm", "aes-128+cenc")
    assert playback["id"].startswith("s_")
    kinds = [key[:2] for key in await keys_of(pool, answer.json["id"])]
    assert kinds == [("aes-128", "a"), ("aes-128", "v"), ("cenc", "a"), ("cenc", "v")]


@pytest.mark.parametrize(
    ("protection", "dash", "licensed"),
    [("aes-128", False, False), ("cenc", True, True), ("cbcs", True, True),
     ("aes-128+cenc", True, True)],
)  # fmt: skip
async def test_play_tells_what_the_player_needs(
    api: Api, pool: Pool, protection: str, dash: bool, licensed: bool
) -> None:
    video = (await upload(api, protection=protection)).json
    await publish(pool, video["id"])
    play = (await api.get(f"/videos/{video['id']}/play")).json
    assert play["drm"]["protection"] == protection
    folder = play["hls"].removesuffix("/master.m3u8")
    assert f"/media/~{play['token']}/{play['playback_id']}" in folder
    assert play["dash"] == (f"{folder}/manifest.mpd" if dash else None)
    licence = {"license_url": f"{folder}/license"} if licensed else None
    assert play["drm"]["clearkey"] == licence
    assert (play["poster"] is None, play["thumbnail"]) == (False, None)
    redirect = await api.get(
        f"/videos/{video['id']}/play", headers={"Accept": "application/dash+xml"}
    )
    assert redirect.status == (302 if dash else 409)


async def test_another_protection_means_another_id_and_other_keys(api: Api, pool: Pool) -> None:
    video = (await upload(api, policy="drm")).json
    await publish(pool, video["id"])
    seen = {video["playback_ids"][0]["id"]}
    kids = {key[2] for key in await keys_of(pool, video["id"])}
    for wanted, policy in (("cbcs", "drm"), ("aes-128+cenc", "drm"), ("none", "signed")):
        changed = await change(api, video["id"], protection=wanted)
        assert changed.status == 200, changed.body
        (playback,) = changed.json["playback_ids"]
        assert (playback["policy"], playback["protection"]) == (policy, wanted)
        assert playback["id"] not in seen
        seen.add(playback["id"])
        fresh = {key[2] for key in await keys_of(pool, video["id"])}
        assert not fresh & kids
        kids |= fresh
    assert await keys_of(pool, video["id"]) == []


async def test_asking_for_what_is_changes_nothing(api: Api, pool: Pool) -> None:
    video = (await upload(api, protection="cbcs")).json
    before = await keys_of(pool, video["id"])
    for what in ({"policy": "drm"}, {"protection": "cbcs"}, {"title": "Another"}):
        changed = await change(api, video["id"], **what)
        assert changed.json["playback_ids"] == video["playback_ids"]
    assert await keys_of(pool, video["id"]) == before


async def test_what_contradicts_itself_is_refused(api: Api) -> None:
    answer = await upload(api, policy="public", protection="cenc")
    assert (answer.status, answer.code) == (422, "video.protection")
    video = (await upload(api)).json
    answer = await change(api, video["id"], policy="drm", protection="none")
    assert (answer.status, answer.code) == (422, "video.protection")
    answer = await upload(api, protection="rot13")
    assert answer.status == 422


async def test_pictures_of_a_codec_that_cannot_be_divided_are_refused(api: Api, pool: Pool) -> None:
    video = (await upload(api)).json
    await publish(pool, video["id"])
    async with connection(pool) as session:
        await session.execute("UPDATE tracks SET codec = 'av01.0.08M.08' WHERE name = '720p'")
    answer = await change(api, video["id"], protection="cbcs")
    assert (answer.status, answer.code) == (409, "video.unprotectable")
    assert "av01.0.08M.08" in answer.json["detail"]
    assert (await change(api, video["id"], protection="aes-128")).status == 200


async def cut(api: Api, video_id: str, **wanted: Any) -> Answered:
    return await api.ask("POST", f"/videos/{video_id}/clips", json={"start_ms": 5000, **wanted})


async def test_protected_videos_are_neither_cut_nor_joined(api: Api, pool: Pool) -> None:
    clear, hidden = (await upload(api)).json["id"], (await upload(api, policy="drm")).json["id"]
    for video_id in (clear, hidden):
        await publish(pool, video_id)
    parts = [{"video_id": clear}, {"video_id": hidden}]
    for answer in (
        await cut(api, hidden),
        await cut(api, clear, policy="drm"),
        await api.ask("POST", "/videos", json={"input": {"parts": parts}}),
    ):
        assert (answer.status, answer.code) == (422, "edit.protected")
    assert {video["id"] for video in (await api.get("/videos")).json["data"]} == {clear, hidden}


async def test_neither_an_edit_nor_its_film_becomes_protected(api: Api, pool: Pool) -> None:
    film = (await upload(api)).json["id"]
    await publish(pool, film)
    made = (await cut(api, film)).json["id"]
    answer = await change(api, made, policy="drm")
    assert (answer.status, answer.code) == (422, "edit.protected")
    answer = await change(api, film, policy="drm")
    assert (answer.status, answer.code) == (409, "video.in_use")
    assert await keys_of(pool, film) == await keys_of(pool, made) == []


async def test_a_server_without_a_master_key_protects_nothing(
    database_url: str, tmp_path: Path
) -> None:
    settings = server_settings(database_url, tmp_path / "data", media_keys=KEYS)
    async with running_server(settings) as api:
        answer = await upload(api, policy="drm")
        assert (answer.status, answer.code) == (409, "video.protection_unavailable")
        assert api.stored() == set()
        video = (await upload(api)).json
        assert (await change(api, video["id"], policy="drm")).status == 409


async def test_a_server_does_not_start_that_could_not_protect_by_default(
    database_url: str, tmp_path: Path
) -> None:
    settings = server_settings(
        database_url, tmp_path / "data", media_keys=KEYS, default_policy="drm"
    )
    with pytest.raises(MasterKeyMissing):
        async with running_server(settings):
            pass


async def test_keys_are_wrapped_anew_when_there_is_another_master_key(
    database_url: str, tmp_path: Path, pool: Pool
) -> None:
    def settings(ring: str) -> Any:
        return server_settings(database_url, tmp_path / "data", media_keys=KEYS, master_key=ring)

    async with running_server(settings(MASTER)) as api:
        video = (await upload(api, policy="drm")).json
    before = await keys_of(pool, video["id"])
    assert {key[3] for key in before} == {"m1"}

    async def moved() -> bool:
        return {key[3] for key in await keys_of(pool, video["id"])} == {"m2"}

    async with running_server(settings(f"{OTHER},{MASTER}")):
        await until(moved, "every key is under the new master key", deadline_s=30)
    assert [key[:3] for key in await keys_of(pool, video["id"])] == [key[:3] for key in before]


async def test_a_deleted_video_takes_its_keys_with_it(api: Api, pool: Pool) -> None:
    video = (await upload(api, policy="drm")).json
    assert (await api.ask("DELETE", f"/videos/{video['id']}")).status == 204
    assert await keys_of(pool, video["id"]) == []
