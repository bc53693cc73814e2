"""Subtitles beside a film, and chapters, through the API."""

import io
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from core.text.sidecar import MOST_BYTES
from core.text.track import text_hash
from runtime.postgres import Pool, connection
from tests.fixtures.server import Answered, Api, publish
from tests.fixtures.text import SUBRIP

pytestmark = pytest.mark.postgres

WEBVTT = """WEBVTT

00:00:01.000 --> 00:00:02.500
<i>Hello</i> &amp; <b>you</b>

00:00:03.200 --> 00:00:05.000
Top
line

00:00:04.000 --> 00:00:06.000
overlap
"""


async def send(api: Api, video_id: str, file: bytes, fields: Mapping[str, str] = {}) -> Answered:
    form = aiohttp.FormData()
    for name, value in fields.items():
        form.add_field(name, value)
    form.add_field("file", io.BytesIO(file), filename="film.srt")
    return await api.ask("POST", f"/videos/{video_id}/captions", data=form)


@pytest.fixture
async def video(api: Api) -> str:
    return str((await api.upload())["id"])


async def rows(pool: Pool, statement: str, *given: object) -> list[dict[str, Any]]:
    async with connection(pool) as session:
        return [dict(row.items()) for row in await session.fetch(statement, *given)]


async def test_a_file_becomes_a_text_track(api: Api, pool: Pool, video: str) -> None:
    answer = await send(
        api, video, SUBRIP.encode(), {"language": "ger", "label": "Deutsch", "kind": "captions"}
    )
    assert answer.status == 201
    caption = answer.json
    assert answer.headers["Location"] == f"{api.url}/videos/{video}/captions/de-captions"
    assert caption == {
        "id": "de-captions",
        "kind": "captions",
        "language": "de",
        "label": "Deutsch",
        "default": False,
        "uploaded": True,
        "created_at": caption["created_at"],
        "read": {
            "format": "subrip",
            "encoding": "utf-8",
            "encoding_guessed": False,
            "cues": 3,
            "end_ms": 6000,
        },
    }
    (track,) = await rows(pool, "SELECT * FROM tracks WHERE video_id = $1", video)
    stored = (api.data / "store" / track["store_prefix"] / "text.vtt").read_text()
    assert stored == WEBVTT
    assert track["build_hash"] == text_hash(WEBVTT.encode())
    assert track["roles"] == ["captions"]
    listed = await api.get(f"/videos/{video}/captions")
    assert listed.json == {"data": [{key: caption[key] for key in caption if key != "read"}]}
    (shown,) = (await api.get(f"/videos/{video}")).json["tracks"]
    assert (shown["kind"], shown["language"], shown["roles"]) == ("t", "de", ["captions"])


async def test_the_body_itself_may_be_the_file(api: Api, video: str) -> None:
    answer = await api.ask(
        "POST",
        f"/videos/{video}/captions?language=fr&kind=forced&default=true",
        data=WEBVTT.encode(),
        headers={"Content-Type": "text/vtt"},
    )
    assert answer.status == 201, answer.body
    assert answer.json["id"] == "fr-forced"
    assert answer.json["default"]
    assert answer.json["read"]["format"] == "webvtt"


async def test_an_encoding_that_is_a_guess_is_said_to_be_one(api: Api, video: str) -> None:
    text = SUBRIP.replace("you", "Müller")
    answer = await send(api, video, text.encode("cp1252"))
    assert (answer.json["read"]["encoding"], answer.json["read"]["encoding_guessed"]) == (
        "windows-1252",
        True,
    )


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "the file is empty"),
        (b"hello", "neither WebVTT nor SubRip nor ASS"),
        (SUBRIP.replace("00:00:05,000", "soon").encode(), "line 6: "),
        (b"WEBVTT\n\n00:02.000 --> 00:01.000\nx", "line 3: the cue ends"),
    ],
)
async def test_what_cannot_be_read_is_refused_and_nothing_is_kept(
    api: Api, pool: Pool, video: str, file: bytes, words: str
) -> None:
    before = api.stored()
    answer = await send(api, video, file)
    assert answer.status == 422
    assert answer.json["code"] == "captions.malformed"
    (error,) = answer.json["errors"]
    assert error["pointer"] == "/file"
    assert words in error["detail"]
    assert api.stored() == before
    assert await rows(pool, "SELECT FROM tracks WHERE video_id = $1", video) == []


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"language": "not a tag"}, "/language"),
        ({"kind": "karaoke"}, "/kind"),
        ({"default": "perhaps"}, "/default"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_a_field_that_is_wrong_is_named(
    api: Api, video: str, fields: dict[str, str], pointer: str
) -> None:
    answer = await send(api, video, SUBRIP.encode(), fields)
    assert answer.status == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


async def test_a_file_larger_than_subtitles_are_is_refused(api: Api, video: str) -> None:
    answer = await send(api, video, bytes(MOST_BYTES + 1))
    assert (answer.status, answer.json["code"]) == (413, "captions.too_large")


async def test_there_is_nothing_of_an_unknown_video(api: Api) -> None:
    for answer in (
        await send(api, "nosuchvideo", SUBRIP.encode()),
        await api.get("/videos/nosuchvideo/captions"),
        await api.ask("DELETE", "/videos/nosuchvideo/captions/en"),
        await api.ask("POST", "/videos/nosuchvideo/chapters", json={"chapters": []}),
    ):
        assert (answer.status, answer.json["code"]) == (404, "video.unknown")
    assert not [key for key in api.stored() if key.startswith("builds/") and "text.vtt" not in key]


async def test_one_track_at_most_is_shown_unasked(api: Api, video: str) -> None:
    for language in ("en", "de"):
        await send(api, video, SUBRIP.encode(), {"language": language, "default": "true"})
    await send(api, video, SUBRIP.encode(), {"language": "de"})
    listed = (await api.get(f"/videos/{video}/captions")).json["data"]
    assert [(each["id"], each["default"]) for each in listed] == [
        ("en", False), ("de", True), ("de-2", False),
    ]  # fmt: skip


async def test_a_playback_names_the_text_and_the_chapters(api: Api, pool: Pool, video: str) -> None:
    await publish(pool, video)
    added = (await send(api, video, SUBRIP.encode(), {"language": "en"})).json
    await api.ask(
        "POST", f"/videos/{video}/chapters", json={"chapters": [{"start_ms": 0, "title": "One"}]}
    )
    play = (await api.get(f"/videos/{video}/play")).json
    media = play["hls"].removesuffix("/master.m3u8")
    assert play["subtitles"] == [
        {
            "id": added["id"],
            "kind": "subtitles",
            "language": "en",
            "label": None,
            "default": False,
            "url": f"{media}/t/en/{text_hash(WEBVTT.encode())}/subtitles.vtt",
        }
    ]
    assert play["chapters"] == {"vtt": f"{media}/chapters.vtt", "json": f"{media}/chapters.json"}


async def test_a_track_that_is_deleted_is_gone(api: Api, video: str) -> None:
    await send(api, video, SUBRIP.encode(), {"language": "en"})
    answer = await api.ask("DELETE", f"/videos/{video}/captions/en")
    assert answer.status == 204
    assert (await api.get(f"/videos/{video}/captions")).json == {"data": []}
    again = await api.ask("DELETE", f"/videos/{video}/captions/en")
    assert (again.status, again.json["code"]) == (404, "captions.unknown")


async def test_chapters_are_replaced_and_shown_with_their_ends(
    api: Api, pool: Pool, video: str
) -> None:
    await publish(pool, video, duration_ms=60_000)
    first = await api.ask(
        "POST", f"/videos/{video}/chapters", json={"chapters": [{"start_ms": 5, "title": "Old"}]}
    )
    assert first.status == 201
    chapters = [{"start_ms": 0, "title": " One "}, {"start_ms": 30_000, "title": "Two"}]
    answer = await api.ask("POST", f"/videos/{video}/chapters", json={"chapters": chapters})
    shown = [
        {"start_ms": 0, "end_ms": 30_000, "title": "One"},
        {"start_ms": 30_000, "end_ms": 60_000, "title": "Two"},
    ]
    assert answer.json == {"data": shown}
    assert (await api.get(f"/videos/{video}")).json["chapters"] == shown
    await api.ask("POST", f"/videos/{video}/chapters", json={"chapters": []})
    assert (await api.get(f"/videos/{video}")).json["chapters"] == []


@pytest.mark.parametrize(
    ("chapters", "pointer"),
    [
        ([{"start_ms": 5, "title": "A"}, {"start_ms": 5, "title": "B"}], "/chapters/1/start_ms"),
        ([{"start_ms": 60_000, "title": "A"}], "/chapters/0/start_ms"),
        ([{"start_ms": 0, "title": "  "}], "/chapters/0/title"),
        ([{"start_ms": -1, "title": "A"}], "/chapters/0/start_ms"),
        ([{"start_ms": 0, "title": "x" * 201}], "/chapters/0/title"),
        ([{"start_ms": 0, "title": "A", "end": 1}], "/chapters/0"),
    ],
)
async def test_chapters_that_make_no_sense_are_refused(
    api: Api, pool: Pool, video: str, chapters: list[dict[str, object]], pointer: str
) -> None:
    await publish(pool, video, duration_ms=60_000)
    answer = await api.ask(
        "POST",
        f"/videos/{video}/chapters",
        data=json.dumps({"chapters": chapters}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
