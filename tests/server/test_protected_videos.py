"""Protected videos through the API: what is chosen, what `/play` says, what is refused."""

import asyncio
import json
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


@pytest.mark.parametrize("codec", ["vp08.00.41.08", "hvc1.9.1000.L93.B0"])
async def test_pictures_of_a_codec_that_cannot_be_divided_are_refused(
    api: Api, pool: Pool, codec: str
) -> None:
    video = (await upload(api)).json
    await publish(pool, video["id"])
    async with connection(pool) as session:
        await session.execute("UPDATE tracks SET codec = $1 WHERE name = '720p'", codec)
    answer = await change(api, video["id"], protection="cbcs")
    assert (answer.status, answer.code) == (409, "video.unprotectable")
    assert codec in answer.json["detail"]
    assert (await change(api, video["id"], protection="aes-128")).status == 200


async def cut(api: Api, video_id: str, **wanted: Any) -> Answered:
    body = {"start_ms": 1000, **wanted}
    return await api.ask("POST", f"/videos/{video_id}/clips", json=body)


async def film(api: Api, pool: Pool, **fields: str) -> str:
    """A minute of film that plays, cut every four seconds; answers its id."""
    video_id = str((await upload(api, **fields)).json["id"])
    await publish(pool, video_id)
    return video_id


@pytest.mark.parametrize("protection", ["aes-128", "cenc", "cbcs", "aes-128+cenc"])
@pytest.mark.parametrize("asked", [{}, {"policy": "drm"}], ids=["as a matter of course", "asked"])
async def test_a_clip_is_under_what_its_video_is_under(
    api: Api, pool: Pool, protection: str, asked: dict[str, str]
) -> None:
    source = await film(api, pool, protection=protection)
    answer = await cut(api, source, end_ms=9000, **asked)
    assert answer.status == 201, answer.body
    (playback,) = answer.json["playback_ids"]
    assert (playback["policy"], playback["protection"]) == ("drm", protection)
    assert playback["id"].startswith("s_")
    again = await cut(api, answer.json["id"], start_ms=500)
    assert again.json["playback_ids"][0]["protection"] == protection
    play = (await api.get(f"/videos/{answer.json['id']}/play")).json
    of_film = (await api.get(f"/videos/{source}/play")).json
    assert play["drm"]["protection"] == protection
    assert play["token"] in play["hls"]
    assert play["token"] != of_film["token"]
    for name in ("dash", "drm"):
        told = json.dumps(of_film[name]).replace(of_film["token"], play["token"])
        assert json.loads(told.replace(of_film["playback_id"], playback["id"])) == play[name]


@pytest.mark.parametrize("policy", ["public", "signed"])
async def test_a_clip_is_not_protected_less_than_its_video(
    api: Api, pool: Pool, policy: str
) -> None:
    hidden = await film(api, pool, policy="drm")
    answer = await cut(api, hidden, policy=policy)
    assert (answer.status, answer.code) == (422, "edit.protected")
    clip = (await cut(api, hidden)).json["id"]
    for answer in (
        await cut(api, clip, policy=policy),
        await change(api, clip, policy=policy),
        await change(api, clip, protection="none"),
    ):
        assert (answer.status, answer.code) == (422, "edit.protected")
    assert {video["id"] for video in (await api.get("/videos")).json["data"]} == {hidden, clip}


async def test_a_clip_is_not_protected_more_or_otherwise_than_its_video(
    api: Api, pool: Pool
) -> None:
    clear, hidden = await film(api, pool), await film(api, pool, protection="cbcs")
    answer = await cut(api, clear, policy="drm")
    assert (answer.status, answer.code) == (422, "edit.protected")
    for video_id, wanted in ((clear, {"policy": "drm"}), (hidden, {"protection": "cenc"})):
        made = (await cut(api, video_id)).json
        answer = await change(api, made["id"], **wanted)
        assert (answer.status, answer.code) == (422, "edit.protected")
        assert (await api.get(f"/videos/{made['id']}")).json["playback_ids"] == made["playback_ids"]
        assert await keys_of(pool, made["id"]) == []


async def test_a_clip_may_be_asked_to_be_what_it_is(api: Api, pool: Pool) -> None:
    made = (await cut(api, await film(api, pool, protection="cbcs"))).json
    for what in ({"policy": "drm"}, {"protection": "cbcs"}, {"title": "Another"}):
        changed = await change(api, made["id"], **what)
        assert changed.status == 200
        assert changed.json["playback_ids"] == made["playback_ids"]


@pytest.mark.parametrize(
    ("first", "wanted"),
    [({}, {"policy": "drm"}), ({"policy": "drm"}, {"policy": "signed"}),
     ({"policy": "drm"}, {"policy": "public"}), ({"policy": "drm"}, {"protection": "cbcs"})],
)  # fmt: skip
async def test_the_protection_of_a_film_stays_while_there_are_edits_of_it(
    api: Api, pool: Pool, first: dict[str, str], wanted: dict[str, str]
) -> None:
    source = await film(api, pool, **first)
    clip = (await cut(api, source)).json["id"]
    before = (await api.get(f"/videos/{source}")).json["playback_ids"], await keys_of(pool, source)
    answer = await change(api, source, **wanted)
    assert (answer.status, answer.code) == (409, "video.in_use")
    assert clip in answer.json["detail"]
    video = (await api.get(f"/videos/{source}")).json
    assert (video["playback_ids"], await keys_of(pool, source)) == before
    assert (await api.ask("DELETE", f"/videos/{clip}")).status == 204
    assert (await change(api, source, **wanted)).status == 200


async def test_a_clip_made_while_its_film_is_put_under_drm_is_not_clear(
    api: Api, pool: Pool
) -> None:
    """Whichever comes first: the other is refused, or follows it."""
    for _ in range(8):
        source = await film(api, pool)
        made, changed = await asyncio.gather(cut(api, source), change(api, source, policy="drm"))
        if changed.status == 409:
            assert changed.code == "video.in_use"
            assert made.json["playback_ids"][0]["policy"] == "public"
        else:
            assert changed.status == 200
            assert made.json["playback_ids"][0]["policy"] == "drm"


async def test_a_filtered_session_of_a_protected_video_has_licences_for_its_view(
    api: Api, pool: Pool
) -> None:
    source = await film(api, pool, policy="drm")
    query = "start_ms=4000&end_ms=9000&max_height=360"
    play = (await api.get(f"/videos/{source}/play?{query}")).json
    folder = f"/media/~{play['token']}/{play['playback_id']}-b4000-e9000-h360/"
    for url in (play["hls"], play["dash"], play["drm"]["clearkey"]["license_url"]):
        assert folder in url


async def join(api: Api, *parts: str, **wanted: Any) -> Answered:
    """Join videos; `id:start:end` is a stretch."""
    listed = []
    for part in parts:
        video_id, *range_ms = part.split(":")
        names = ("start_ms", "end_ms")
        listed.append({"video_id": video_id, **dict(zip(names, map(int, range_ms), strict=False))})
    return await api.ask("POST", "/videos", json={"input": {"parts": listed}, **wanted})


@pytest.mark.parametrize("protection", ["aes-128", "cenc", "cbcs", "aes-128+cenc"])
async def test_what_is_joined_of_protected_videos_is_under_what_they_are_under(
    api: Api, pool: Pool, protection: str
) -> None:
    one, two = [await film(api, pool, protection=protection) for _ in range(2)]
    clear = await film(api, pool)
    for parts in ((one, two), (clear, one), (one, clear), (one, clear, two)):
        answer = await join(api, *parts)
        assert answer.status == 201, answer.body
        (playback,) = answer.json["playback_ids"]
        assert (playback["policy"], playback["protection"]) == ("drm", protection)
        assert playback["id"].startswith("s_")
        play = (await api.get(f"/videos/{answer.json['id']}/play")).json
        assert play["drm"]["protection"] == protection
        assert (play["dash"] is None) == (protection == "aes-128")


async def test_videos_under_different_protections_are_not_joined(api: Api, pool: Pool) -> None:
    one, two = await film(api, pool, protection="cenc"), await film(api, pool, protection="cbcs")
    answer = await join(api, one, two)
    assert (answer.status, answer.code) == (422, "edit.unlike_protections")
    assert "cbcs and under cenc" in answer.json["detail"]
    joined = (await join(api, one, await film(api, pool))).json["id"]
    assert (await join(api, joined, two)).code == "edit.unlike_protections"
    assert (await join(api, joined, one)).status == 201


@pytest.mark.parametrize("policy", ["public", "signed"])
async def test_what_is_joined_is_not_protected_less_than_its_parts(
    api: Api, pool: Pool, policy: str
) -> None:
    hidden, clear = await film(api, pool, policy="drm"), await film(api, pool)
    answer = await join(api, clear, hidden, policy=policy)
    assert (answer.status, answer.code) == (422, "edit.protected")
    answer = await join(api, clear, clear, policy="drm")
    assert (answer.status, answer.code) == (422, "edit.protected")
    assert (await join(api, clear, hidden, policy="drm")).status == 201


async def test_a_protection_that_is_asked_for_must_be_that_of_the_parts(
    api: Api, pool: Pool
) -> None:
    parts = [await film(api, pool, protection="cenc") for _ in range(2)]
    for other in ("cbcs", "none"):
        answer = await join(api, *parts, protection=other)
        assert (answer.status, answer.code) == (422, "edit.protected")
    assert (await join(api, *parts, protection="cenc")).status == 201


async def test_a_stretch_of_what_is_joined_is_under_what_it_shows(api: Api, pool: Pool) -> None:
    """A minute under AES-128 and a minute in the clear."""
    hidden, clear = await film(api, pool, protection="aes-128"), await film(api, pool)
    joined = (await join(api, hidden, clear)).json["id"]
    clips = [
        await cut(api, joined, start_ms=0, end_ms=9000),
        await cut(api, joined, start_ms=70000),
    ]
    told = [clip.json["playback_ids"][0]["protection"] for clip in clips]
    assert told == ["aes-128", "none"]
    assert [clip.json["parts"][0]["video_id"] for clip in clips] == [hidden, clear]
    queries = {"": "aes-128", "?end_ms=9000": "aes-128", "?start_ms=70000": None}
    for query, protection in queries.items():
        play = (await api.get(f"/videos/{joined}/play{query}")).json
        assert play["token"], "who is given a part of it is signed for, whatever it is under"
        assert (play["drm"] or {"protection": None})["protection"] == protection
        assert (play["dash"] is None) == (protection is not None)


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
