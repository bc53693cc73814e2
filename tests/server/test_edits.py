"""Videos made of others, through the API: clips, joined ones, and playbacks of a part."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from core.http.media_token import TokenForged, parse_keys, split, verify
from runtime.postgres import Pool, connection
from tests.fixtures.eventually import until
from tests.fixtures.server import Answered, Api, publish, running_server, server_settings

pytestmark = pytest.mark.postgres

KEYS = f"new:{'A' * 43}"
RING = parse_keys(KEYS)


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """A server that can sign."""
    settings = server_settings(database_url, tmp_path / "data", media_keys=KEYS)
    async with running_server(settings) as running:
        yield running


async def film(api: Api, pool: Pool, *, title: str = "Film", status: str = "ready") -> str:
    """A minute, cut every four seconds, in 360p and 720p, spoken in English; answers its id."""
    video = await api.upload(title=title)
    await publish(pool, video["id"], status=status)
    return str(video["id"])


async def change(pool: Pool, statement: str, *arguments: object) -> None:
    async with connection(pool) as session:
        await session.execute(statement, *arguments)


async def clip(api: Api, video_id: str, **wanted: Any) -> Answered:
    return await api.ask("POST", f"/videos/{video_id}/clips", json=wanted)


async def join(api: Api, *parts: dict[str, Any], **wanted: Any) -> Answered:
    return await api.ask("POST", "/videos", json={"input": {"parts": list(parts)}, **wanted})


async def play(api: Api, video_id: str, query: str = "") -> Any:
    answer = await api.get(f"/videos/{video_id}/play{query}")
    assert answer.status == 200, answer.body
    return answer.json


async def sign(api: Api, video_id: str) -> None:
    answer = await api.ask(
        "PATCH", f"/videos/{video_id}", json={"policy": "signed"}, headers={"If-Match": "*"}
    )
    assert answer.status == 200


async def test_a_clip_is_a_video_of_its_own(api: Api, pool: Pool) -> None:
    video_id = await film(api, pool)
    answer = await clip(api, video_id, start_ms=5000, end_ms=9500)
    made = answer.json
    assert (answer.status, answer.headers["Location"]) == (201, f"{api.url}/videos/{made['id']}")
    assert made["parts"] == [{"video_id": video_id, "start_ms": 5000, "end_ms": 9500}]
    assert (made["title"], made["status"], made["progress"]) == ("Film (0:05)", "ready", 1)
    assert (made["source"], made["duration_ms"]) == (None, 4500)
    assert made["poster"].endswith("/poster/a1.jpg")
    assert made["playback_ids"] != (await api.get(f"/videos/{video_id}")).json["playback_ids"]
    listed = (await api.get("/videos")).json["data"]
    assert [each["id"] for each in listed] == [made["id"], video_id]
    assert (await api.get(f"/videos/{made['id']}")).json == made


async def test_a_player_is_told_the_exact_points(api: Api, pool: Pool) -> None:
    """The media begin with the segment at 4 s, the clip a second into it."""
    made = (await clip(api, await film(api, pool), start_ms=5000, end_ms=9500)).json
    found = await play(api, made["id"])
    assert (found["start_ms"], found["end_ms"], found["duration_ms"]) == (1000, 5500, 4500)
    assert found["hls"].endswith(f"/media/{made['playback_ids'][0]['id']}/master.m3u8")


async def test_a_position_in_a_clip_counts_from_its_beginning(api: Api, pool: Pool) -> None:
    made = (await clip(api, await film(api, pool), start_ms=5000, end_ms=35_000)).json
    report = {
        "video_id": made["id"], "position_ms": 7000, "duration_ms": 30_000,
        "client_ts": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    assert (await api.ask("POST", "/users/ada/history", json=report)).status == 204
    assert (await play(api, made["id"], "?user=ada"))["resume_ms"] == 7000


@pytest.mark.parametrize(
    ("start_ms", "end_ms"),
    [(60_000, None), (0, 60_001), (5000, 5000), (5000, 4000), (70_000, 80_000)],
)
async def test_a_clip_of_what_is_not_there_is_refused(
    api: Api, pool: Pool, start_ms: int, end_ms: int | None
) -> None:
    answer = await clip(api, await film(api, pool), start_ms=start_ms, end_ms=end_ms)
    assert (answer.status, answer.code) == (422, "excerpt.outside")
    (place,) = answer.json["errors"]
    name = "/start_ms" if start_ms >= 60_000 else "/end_ms"
    assert (place["in"], place["pointer"]) == ("body", name)
    assert len((await api.get("/videos")).json["data"]) == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"start_ms": -1}, {"start_ms": 0, "end_ms": "x"}, {"start_ms": 0, "title": " "},
     {"start_ms": 0, "surprise": 1}, {"start_ms": 0.5}],
)  # fmt: skip
async def test_a_malformed_clip_is_refused(api: Api, pool: Pool, body: dict[str, Any]) -> None:
    answer = await clip(api, await film(api, pool), **body)
    assert (answer.status, answer.code) == (422, "request.invalid")


async def test_what_cannot_be_played_cannot_be_cut(api: Api, pool: Pool) -> None:
    assert (await clip(api, "unknown", start_ms=0)).code == "video.unknown"
    waiting = (await api.upload())["id"]
    answer = await clip(api, waiting, start_ms=0)
    assert (answer.status, answer.code) == (409, "video.not_playable")
    await change(
        pool,
        "UPDATE videos SET status = 'errored', error_code = 'x', error_message = 'no' "
        "WHERE id = $1",
        waiting,
    )
    assert (await clip(api, waiting, start_ms=0)).code == "video.errored"


async def test_videos_are_joined_in_the_order_given(api: Api, pool: Pool) -> None:
    one, two = await film(api, pool, title="One"), await film(api, pool, title="Two")
    answer = await join(
        api, {"video_id": two, "start_ms": 58_000}, {"video_id": one}, {"video_id": two},
        title="Both",
    )  # fmt: skip
    assert answer.status == 201
    assert answer.json["title"] == "Both"
    assert answer.json["parts"] == [
        {"video_id": two, "start_ms": 58_000, "end_ms": 60_000},
        {"video_id": one, "start_ms": 0, "end_ms": 60_000},
        {"video_id": two, "start_ms": 0, "end_ms": 60_000},
    ]
    found = await play(api, answer.json["id"])
    assert (found["start_ms"], found["end_ms"], found["duration_ms"]) == (2000, 124_000, 122_000)
    assert (await join(api, {"video_id": one}, {"video_id": two})).json["title"] == "One + Two"


async def test_an_edit_of_an_edit_is_made_of_the_films(api: Api, pool: Pool) -> None:
    video_id = await film(api, pool)
    inner = (await clip(api, video_id, start_ms=10_000, end_ms=30_000)).json["id"]
    outer = (await clip(api, inner, start_ms=1000, end_ms=2000)).json
    assert outer["parts"] == [{"video_id": video_id, "start_ms": 11_000, "end_ms": 12_000}]
    assert (await api.ask("DELETE", f"/videos/{inner}")).status == 204
    assert (await play(api, outer["id"]))["duration_ms"] == 1000


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"parts": []}, "request.invalid"),
        ({"parts": [{"video_id": "nobody"}]}, "edit.part_unknown"),
        ({}, "request.invalid"),
        ({"url": "https://a/b", "parts": [{"video_id": "a"}]}, "request.invalid"),
        ({"parts": [{"video_id": "a"}] * 101}, "request.invalid"),
    ],
)
async def test_what_cannot_be_joined_is_refused(api: Api, given: Any, code: str) -> None:
    answer = await api.ask("POST", "/videos", json={"input": given})
    assert (answer.status, answer.code) == (422, code)


async def test_edits_of_edits_have_a_bound(api: Api, pool: Pool) -> None:
    part = {"video_id": await film(api, pool)}
    many = (await join(api, *[part] * 60)).json["id"]
    answer = await join(api, {"video_id": many}, {"video_id": many})
    assert (answer.status, answer.code) == (422, "edit.too_many_parts")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE tracks SET codec = 'hvc1.1' WHERE video_id = $1 AND kind = 'v'", "avc1; hvc1"),
        ("DELETE FROM tracks WHERE video_id = $1 AND kind = 'a'", "part 1 has no sound"),
    ],
)
async def test_films_that_no_player_could_play_in_a_row_are_not_joined(
    api: Api, pool: Pool, statement: str, said: str
) -> None:
    one, two = await film(api, pool), await film(api, pool)
    await change(pool, statement, two)
    answer = await join(api, {"video_id": one}, {"video_id": two})
    assert (answer.status, answer.code) == (422, "edit.unlike_parts")
    assert said in answer.json["detail"]


async def test_an_edit_is_ready_when_its_films_are(api: Api, pool: Pool) -> None:
    one, two = [await film(api, pool, status="playable") for _ in range(2)]
    made = (await join(api, {"video_id": one}, {"video_id": two})).json
    assert made["status"] == "playable"
    for film_id, status in ((one, "playable"), (two, "ready")):
        await change(pool, "UPDATE videos SET status = 'ready' WHERE id = $1", film_id)
        assert (await api.get(f"/videos/{made['id']}")).json["status"] == status


async def test_an_edit_shows_the_new_picture_of_its_first_film(api: Api, pool: Pool) -> None:
    video_id = await film(api, pool)
    made = (await clip(api, video_id, start_ms=0)).json
    await change(pool, "UPDATE videos SET poster_key = 'posters/x/new.jpg' WHERE id = $1", video_id)
    poster = (await api.get(f"/videos/{made['id']}")).json["poster"]
    assert poster.endswith(f"/{made['playback_ids'][0]['id']}/poster/new.jpg")


async def test_a_film_that_is_needed_is_not_deleted_alone(api: Api, pool: Pool) -> None:
    video_id = await film(api, pool)
    made = (await clip(api, video_id, start_ms=0, title="Mine")).json
    answer = await api.ask("DELETE", f"/videos/{video_id}")
    assert (answer.status, answer.code) == (409, "video.in_use")
    assert f"'Mine' ({made['id']})" in answer.json["detail"]
    assert (await api.get(f"/videos/{video_id}")).status == 200
    assert (await api.ask("DELETE", f"/videos/{video_id}?cascade=true")).status == 204
    assert (await api.get("/videos")).json["data"] == []


async def test_an_edit_is_deleted_without_its_film(api: Api, pool: Pool) -> None:
    video_id = await film(api, pool)
    made = (await clip(api, video_id, start_ms=0)).json
    stored = api.stored()
    assert (await api.ask("DELETE", f"/videos/{made['id']}")).status == 204
    assert (await api.get(f"/videos/{video_id}")).status == 200
    assert api.stored() == stored
    assert (await api.ask("DELETE", f"/videos/{video_id}")).status == 204


async def test_what_is_made_of_a_signed_film_is_public_only_on_request(
    api: Api, pool: Pool
) -> None:
    one, two = await film(api, pool), await film(api, pool)
    await sign(api, one)
    for answer, policy in (
        (await clip(api, one, start_ms=0), "signed"),
        (await join(api, {"video_id": two}, {"video_id": one}), "signed"),
        (await clip(api, two, start_ms=0), "public"),
        (await clip(api, one, start_ms=0, policy="public"), "public"),
        (await join(api, {"video_id": one}, policy="public"), "public"),
        (await clip(api, two, start_ms=0, policy="signed"), "signed"),
    ):
        assert answer.json["playback_ids"][0]["policy"] == policy


async def text(api: Api, video_id: str, language: str = "en") -> Answered:
    """Send subtitles that say nothing much."""
    return await api.ask(
        "POST",
        f"/videos/{video_id}/captions?language={language}",
        data="WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n",
        headers={"Content-Type": "text/vtt"},
    )


async def chapters(api: Api, video_id: str, *starts_ms: int) -> None:
    listed = [{"start_ms": each, "title": f"At {each}"} for each in starts_ms]
    answer = await api.ask("POST", f"/videos/{video_id}/chapters", json={"chapters": listed})
    assert answer.status == 201, answer.body


async def test_a_player_is_told_of_the_text_the_chapters_and_the_pictures_of_a_clip(
    api: Api, pool: Pool
) -> None:
    video_id = await film(api, pool)
    made = (await clip(api, video_id, start_ms=5000, end_ms=9500)).json
    nothing = await play(api, made["id"])
    assert (nothing["subtitles"], nothing["chapters"], nothing["storyboard"]) == ([], None, None)
    assert (await text(api, video_id)).status == 201
    await chapters(api, video_id, 7000)
    await change(pool, "UPDATE videos SET storyboard = '{}' WHERE id = $1", video_id)
    for path in (f"/videos/{made['id']}/play", f"/videos/{video_id}/play?start_ms=5000"):
        found = (await api.get(path)).json
        folder = found["hls"].removesuffix("/master.m3u8")
        (subtitles,) = found["subtitles"]
        assert (subtitles["id"], subtitles["language"]) == ("en", "en")
        assert subtitles["url"] == f"{folder}/t/en/subtitles.vtt"
        assert found["chapters"]["vtt"] == f"{folder}/chapters.vtt"
        assert found["storyboard"]["json"] == f"{folder}/storyboard.json"
        assert found["thumbnail"] == f"{folder}/thumb/{{ms}}-w640.webp"
    early = await play(api, video_id, "?end_ms=6000")
    assert early["chapters"] is None  # the only one begins later
    (whole,) = (await play(api, video_id, "?max_height=360"))["subtitles"]
    assert whole["url"].endswith("/subtitles.vtt")
    assert "/t/en/subtitles.vtt" not in whole["url"]


async def test_origins_hear_of_new_text_and_chapters_for_every_edit_of_the_film(
    api: Api, pool: Pool
) -> None:
    """An origin would go on with what it knows of the edit, and of its text, for half a minute."""
    video_id = await film(api, pool)
    made = (await clip(api, video_id, start_ms=0, end_ms=9000)).json
    heard: list[str] = []

    def hear(*told: object) -> None:
        heard.append(str(told[-1]))

    async with connection(pool) as session:
        await session.add_listener("sluice_published", hear)
        for change_it in (lambda: text(api, video_id), lambda: chapters(api, video_id, 0)):
            heard.clear()
            await change_it()

            async def told() -> bool:
                return made["playback_ids"][0]["id"] in heard

            await until(told, "the edit is announced")
        await session.remove_listener("sluice_published", hear)


async def test_joined_videos_have_the_texts_of_all_their_films(api: Api, pool: Pool) -> None:
    one, two = await film(api, pool), await film(api, pool)
    await text(api, one, "de")
    await text(api, two, "en")
    await text(api, two, "de")
    made = (await join(api, {"video_id": one}, {"video_id": two})).json["id"]
    assert [each["id"] for each in (await play(api, made))["subtitles"]] == ["de", "en"]


async def test_an_edit_has_chapters_of_its_own_but_no_subtitles(api: Api, pool: Pool) -> None:
    made = (await clip(api, await film(api, pool), start_ms=5000, end_ms=9500)).json["id"]
    await chapters(api, made, 0, 2000)
    assert (await play(api, made))["chapters"] is not None
    refused = await text(api, made)
    assert (refused.status, refused.code) == (422, "edit.captions")
    assert (await api.get(f"/videos/{made}/captions")).json["data"] == []


FILTERS = {
    "max_height=720": "-h720",
    "max_height=360": "-h360",
    "codecs=avc1": "-cavc1",
    "codecs=mp4a,avc1,AVC1": "-cavc1-cmp4a",
    "audio=en": "-aen",
    "audio=eng,de": "-ade-aen",
    "hdr=0": "-d0",
    "start_ms=5000": "-b5000",
    "end_ms=9000": "-e9000",
    "end_ms=60000": "",
    "start_ms=0&end_ms=60000&max_height=480": "-h480",
    "start_ms=5000&end_ms=9000&max_height=720&codecs=avc1&audio=en&hdr=0":
        "-b5000-e9000-h720-cavc1-aen-d0",
}  # fmt: skip


@pytest.mark.parametrize(("query", "spelling"), FILTERS.items())
async def test_filters_stand_in_the_signed_part_of_every_url(
    api: Api, pool: Pool, query: str, spelling: str
) -> None:
    video_id = await film(api, pool)
    await sign(api, video_id)
    found = await play(api, video_id, f"?{query}")
    for url in (found["hls"], found["dash"]):
        path = urlsplit(url).path
        assert split(path).playback_id == f"{found['playback_id']}{spelling}"
        assert verify(path, RING, 0).playback_id == f"{found['playback_id']}{spelling}"
        if spelling:
            with pytest.raises(TokenForged):
                verify(path.replace(spelling, ""), RING, 0)


async def test_a_stretch_of_a_playback_has_its_points_and_begins_at_them(
    api: Api, pool: Pool
) -> None:
    video_id = await film(api, pool)
    report = {"video_id": video_id, "position_ms": 20_000, "client_ts": "2026-01-01T00:00:00Z"}
    await api.ask("POST", "/users/ada/history", json=report)
    found = await play(api, video_id, "?user=ada&start_ms=5000&end_ms=9500")
    assert (found["start_ms"], found["end_ms"], found["duration_ms"]) == (1000, 5500, 4500)
    assert found["resume_ms"] == 0
    assert (await play(api, video_id, "?user=ada&max_height=720"))["resume_ms"] == 20_000


@pytest.mark.parametrize(
    ("query", "status", "code", "names"),
    [
        ("max_height=240", 422, "view.empty", ["max_height"]),
        ("codecs=hvc1", 422, "view.empty", ["codecs"]),
        ("codecs=opus&max_height=720", 422, "view.empty", ["codecs"]),
        ("audio=de", 422, "view.empty", ["audio"]),
        ("hdr=1&codecs=avc1", 422, "view.empty", ["hdr"]),
        ("codecs=divx", 422, "view.unusable", ["codecs"]),
        ("audio=x", 400, "request.invalid_parameter", ["audio"]),
        ("start_ms=9&end_ms=8", 422, "view.unusable", ["end_ms"]),
        ("end_ms=60001", 422, "excerpt.outside", ["end_ms"]),
        ("start_ms=60000", 422, "excerpt.outside", ["start_ms"]),
        ("max_height=0", 400, "request.invalid_parameter", ["max_height"]),
        ("max_height=x", 400, "request.invalid_parameter", ["max_height"]),
        ("codecs=", 400, "request.invalid_parameter", ["codecs"]),
        ("codecs=a%2Fb", 400, "request.invalid_parameter", ["codecs"]),
        ("hdr=maybe", 400, "request.invalid_parameter", ["hdr"]),
        ("start_ms=-1", 400, "request.invalid_parameter", ["start_ms"]),
    ],
)
async def test_a_playback_of_nothing_is_refused_with_the_name_of_what_is_wrong(
    api: Api, pool: Pool, query: str, status: int, code: str, names: list[str]
) -> None:
    answer = await api.get(f"/videos/{await film(api, pool)}/play?{query}")
    assert (answer.status, answer.code) == (status, code)
    places = [(each["in"], each["pointer"]) for each in answer.json["errors"]]
    assert places == [("query", f"/{name}") for name in names]


async def test_filters_that_leave_nothing_together_are_all_named(api: Api, pool: Pool) -> None:
    """Each would leave something alone: the small picture is HEVC, and the large one is not."""
    video_id = await film(api, pool)
    await change(
        pool,
        "UPDATE tracks SET codec = 'hvc1.1.6.L93.B0' WHERE video_id = $1 AND height = 360",
        video_id,
    )
    answer = await api.get(f"/videos/{video_id}/play?max_height=360&codecs=avc1&audio=en")
    assert answer.code == "view.empty"
    assert [each["pointer"] for each in answer.json["errors"]] == ["/max_height", "/codecs"]


async def test_filters_that_leave_parts_nothing_in_common_are_named(api: Api, pool: Pool) -> None:
    """Each part has a small picture left, of another codec; both have large ones of H.264."""
    parts = [await film(api, pool) for _ in range(2)]
    for video_id, codec in zip(parts, ("hvc1.1.6.L93.B0", "av01.0.04M.08"), strict=True):
        await change(
            pool,
            f"UPDATE tracks SET codec = '{codec}' WHERE video_id = $1 AND height = 360",
            video_id,
        )
    made = (await join(api, *({"video_id": each} for each in parts))).json["id"]
    answer = await api.get(f"/videos/{made}/play?max_height=360")
    assert (answer.status, answer.code) == (422, "view.empty")
    assert [each["pointer"] for each in answer.json["errors"]] == ["/max_height"]
    assert (await play(api, made, "?max_height=360&end_ms=1000"))["end_ms"] == 1000


async def test_a_pictures_token_opens_no_media(api: Api, pool: Pool) -> None:
    video_id = await film(api, pool)
    await sign(api, video_id)
    poster = urlsplit((await play(api, video_id, "?max_height=360"))["poster"]).path
    granted = verify(poster, RING, 0).playback_id
    assert granted.endswith("-p")
    with pytest.raises(TokenForged):
        verify(poster.replace(granted, granted.removesuffix("-p")), RING, 0)
