import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime.postgres import Pool, connection
from tests.fixtures.server import Api, publish, running_server, server_settings, until

pytestmark = pytest.mark.postgres


async def test_an_empty_library_is_an_empty_page(api: Api) -> None:
    answer = await api.get("/videos")
    assert answer.status == 200
    assert answer.json == {"data": [], "next_cursor": None, "has_more": False}


async def test_a_new_video_looks_as_the_conventions_say(api: Api) -> None:
    before = datetime.now(UTC)
    video = await api.upload(b"film", filename="film.mp4")
    created = datetime.fromisoformat(video["created_at"])
    assert before <= created <= datetime.now(UTC)
    assert video == {
        "id": video["id"],
        "title": "film",
        "status": "waiting",
        "progress": 0.0,
        "stage": None,
        "created_at": video["created_at"],
        "updated_at": video["created_at"],
        "duration_ms": None,
        "source": {"filename": "film.mp4", "size_bytes": 4, "repaired": None},
        "parts": [],
        "errors": [],
        "tracks": [],
        "renditions": [],
        "playback_ids": [
            {"id": video["playback_ids"][0]["id"], "policy": "public", "protection": "none"}
        ],
        "poster": None,
        "storyboard": None,
        "links": {
            "watch": f"{api.url}/watch/{video['id']}",
            "play": f"{api.url}/videos/{video['id']}/play",
        },
        "chapters": [],
        "ignored_tracks": [],
    }
    assert video["playback_ids"][0]["id"].startswith("p_")


async def test_a_published_video_lists_its_renditions_and_what_a_viewer_can_choose(
    api: Api, pool: Pool
) -> None:
    uploaded = await api.upload()
    await publish(pool, uploaded["id"])
    video = (await api.get(f"/videos/{uploaded['id']}")).json
    assert [each["name"] for each in video["renditions"]] == ["360p", "720p", "audio-eng-2ch"]
    assert video["renditions"][1] == {
        "kind": "v",
        "name": "720p",
        "codec": "avc1.64001f",
        "width": 1280,
        "height": 720,
        "frame_rate": 29.97,
        "channels": None,
        "sample_rate": None,
        "language": None,
        "bandwidth": 2_500_000,
        "average_bandwidth": 2_500_000,
        "video_range": None,
    }
    picture, sound = video["tracks"]
    assert picture == {
        "kind": "v",
        "language": None,
        "label": None,
        "channels": None,
        "is_default": False,
        "codec": "avc1.64001f",
        "hdr": "sdr",
        "width": 1280,
        "height": 720,
        "frame_rate": 29.97,
        "roles": [],
        "closed_captions": [],
    }
    assert (sound["kind"], sound["language"], sound["codec"]) == ("a", "eng", "mp4a.40.2")
    assert (sound["channels"], sound["hdr"], sound["width"]) == (2, None, None)
    playback_id = video["playback_ids"][0]["id"]
    assert video["poster"] == f"http://127.0.0.1:8081/media/{playback_id}/poster/a1.jpg"


async def test_a_failed_video_says_why(api: Api, pool: Pool) -> None:
    video = await api.upload()
    async with connection(pool) as session:
        await session.execute(
            "UPDATE videos SET status = 'errored', error_code = 'source.empty', "
            "error_message = 'the file is empty'"
        )
    answer = await api.get(f"/videos/{video['id']}")
    assert answer.json["errors"] == [
        {"code": "source.empty", "message": "the file is empty", "step": None}
    ]


async def test_an_encoding_that_failed_is_named_and_the_video_plays(api: Api, pool: Pool) -> None:
    video = await api.upload()
    await publish(pool, video["id"])
    async with connection(pool) as session:
        await session.executemany(
            "INSERT INTO work (video_id, step, state, detail) VALUES ($1, $2, $3, $4)",
            [
                (video["id"], "sound:1", "failed", '{"code": "source.corrupt", "message": "no"}'),
                (video["id"], "rung:720p", "done", "{}"),
                (video["id"], "storyboard", "failed", '{"code": "internal", "message": "bug"}'),
            ],
        )
    answer = (await api.get(f"/videos/{video['id']}")).json
    assert answer["errors"] == [{"code": "source.corrupt", "message": "no", "step": "sound:1"}]
    assert answer["status"] == "ready"


DYNAMIC_RANGES = [
    ("SDR", None, "hvc1.1.6.L93.90", "sdr"), ("PQ", None, "hvc1.2.4.L120.90", "hdr10"),
    ("HLG", None, "av01.0.08M.10", "hlg"), ("SDR", None, "dvh1.05.06", "dolby_vision"),
    ("PQ", "dvh1.08.06/db1p", "hvc1.2.4.L120.90", "dolby_vision"),
]  # fmt: skip


@pytest.mark.parametrize(("video_range", "supplemental", "codec", "hdr"), DYNAMIC_RANGES)
async def test_a_picture_names_its_dynamic_range(
    api: Api, pool: Pool, video_range: str, supplemental: str | None, codec: str, hdr: str
) -> None:
    video = await api.upload()
    await publish(pool, video["id"])
    async with connection(pool) as session:
        await session.execute(
            "UPDATE tracks SET video_range = $1, supplemental_codec = $2, codec = $3 "
            "WHERE name = '720p'",
            video_range,
            supplemental,
            codec,
        )
    tracks = (await api.get(f"/videos/{video['id']}")).json["tracks"]
    assert (tracks[0]["codec"], tracks[0]["hdr"]) == (codec, hdr)


@pytest.mark.parametrize("video_id", ["nothing", "UPPER", "a%00b", "%F0%9F%8E%AC", "x" * 200])
@pytest.mark.parametrize("path", ["", "/play"])
async def test_a_video_that_is_not_there_is_not_found(api: Api, video_id: str, path: str) -> None:
    answer = await api.get(f"/videos/{video_id}{path}")
    assert answer.status == 404
    assert answer.code in {"video.unknown", "route.unknown"}


async def test_what_has_not_changed_is_not_sent_again(api: Api, pool: Pool) -> None:
    video = await api.upload()
    etags = {}
    for path in (f"/videos/{video['id']}", "/videos"):
        etags[path] = (await api.get(path)).headers["ETag"]
        again = await api.get(path, headers={"If-None-Match": etags[path]})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == etags[path]
    await publish(pool, video["id"])
    for path, etag in etags.items():
        assert (await api.get(path, headers={"If-None-Match": etag})).status == 200


async def test_head_answers_as_get_without_the_body(api: Api) -> None:
    got = await api.get("/videos")
    asked = await api.ask("HEAD", "/videos")
    assert (asked.status, asked.body) == (200, b"")
    assert asked.headers["ETag"] == got.headers["ETag"]


async def test_a_title_is_changed_by_whoever_names_the_present_version(api: Api) -> None:
    video = await api.upload()
    path = f"/videos/{video['id']}"
    etag = (await api.get(path)).headers["ETag"]
    changed = await api.ask("PATCH", path, json={"title": " M "}, headers={"If-Match": etag})
    assert (changed.status, changed.json["title"]) == (200, "M")
    assert changed.headers["ETag"] != etag
    late = await api.ask("PATCH", path, json={"title": "N"}, headers={"If-Match": etag})
    assert (late.status, late.code) == (412, "precondition.failed")
    assert (await api.get(path)).json["title"] == "M"
    anyhow = await api.ask("PATCH", path, json={"title": "N"}, headers={"If-Match": "*"})
    assert anyhow.json["title"] == "N"


async def test_of_two_who_change_the_same_version_one_is_refused(api: Api) -> None:
    video = await api.upload()
    path = f"/videos/{video['id']}"
    etag = (await api.get(path)).headers["ETag"]
    answers = await asyncio.gather(
        *(
            api.ask("PATCH", path, json={"title": title}, headers={"If-Match": etag})
            for title in ("A", "B", "C", "D")
        )
    )
    assert sorted(answer.status for answer in answers) == [200, 412, 412, 412]


async def test_a_change_without_a_version_is_refused(api: Api) -> None:
    video = await api.upload()
    answer = await api.ask("PATCH", f"/videos/{video['id']}", json={"title": "M"})
    assert (answer.status, answer.code) == (428, "precondition.required")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"title": "  "}, "/title"),
        ({"title": "x" * 501}, "/title"),
        ({"title": None}, "/title"),
        ({"title": "a\nb"}, "/title"),
        ({"title": "ends\n"}, "/title"),
        ({"status": "ready"}, ""),
        (["title"], ""),
    ],
)
async def test_an_unacceptable_change_is_pointed_out(api: Api, body: object, pointer: str) -> None:
    video = await api.upload()
    answer = await api.ask("PATCH", f"/videos/{video['id']}", json=body, headers={"If-Match": "*"})
    assert (answer.status, answer.code) == (422, "request.invalid")
    assert answer.json["errors"][0]["pointer"] == pointer


async def test_a_change_of_nothing_keeps_the_version(api: Api) -> None:
    video = await api.upload()
    path = f"/videos/{video['id']}"
    before = (await api.get(path)).headers["ETag"]
    for body in ({}, {"title": video["title"]}):
        answer = await api.ask("PATCH", path, json=body, headers={"If-Match": before})
        assert (answer.status, answer.headers["ETag"]) == (200, before)


async def test_a_deleted_video_is_gone_with_its_files_and_its_jobs(api: Api, pool: Pool) -> None:
    video = await api.upload()
    kept = await api.upload()
    await publish(pool, video["id"])
    for key in (f"builds/{video['id']}/a1/v-720p/track.flat", f"posters/{video['id']}/a1.jpg"):
        path = api.data / "store" / key
        path.parent.mkdir(parents=True)
        path.write_bytes(b"track")
    answer = await api.ask("DELETE", f"/videos/{video['id']}")
    assert (answer.status, answer.body) == (204, b"")
    assert (await api.get(f"/videos/{video['id']}")).status == 404
    assert (await api.ask("DELETE", f"/videos/{video['id']}")).status == 404
    await until(lambda: len(api.stored()) == 1 and not (api.data / "store/builds").exists())
    async with connection(pool) as session:
        waiting = await session.fetch("SELECT dedupe_key FROM jobs.pgqueuer")
        assert [job["dedupe_key"] for job in waiting] == [f"{kept['id']}/ingest"]


async def test_deleting_may_name_the_version(api: Api) -> None:
    video = await api.upload()
    path = f"/videos/{video['id']}"
    refused = await api.ask("DELETE", path, headers={"If-Match": '"99"'})
    assert (refused.status, refused.code) == (412, "precondition.failed")
    assert (await api.get(path)).status == 200


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("bunny", {"Big Buck Bunny", "Bunny 100%"}),
        ("BUCK b", {"Big Buck Bunny"}),
        ("100%", {"Bunny 100%"}),
        ("_", {"under_score"}),
        ("\\", {"back\\slash"}),
        ("ünï", {"Ünïcödé"}),
        ("'; DROP TABLE videos; --", set()),
    ],
)
async def test_titles_are_searched_for_what_they_contain(api: Api, q: str, found: set[str]) -> None:
    for title in ("Big Buck Bunny", "Bunny 100%", "under_score", "back\\slash", "Ünïcödé"):
        await api.upload(title=title)
    page = (await api.get("/videos", params={"q": q})).json
    assert {video["title"] for video in page["data"]} == found


@pytest.mark.parametrize(
    ("sort", "titles"),
    [
        ("-created_at", ["c", "a", "B"]),
        ("created_at", ["B", "a", "c"]),
        ("title", ["a", "B", "c"]),
        ("-title", ["c", "B", "a"]),
    ],
)
async def test_the_library_is_sorted_as_asked(api: Api, sort: str, titles: list[str]) -> None:
    for title in ("B", "a", "c"):
        await api.upload(title=title)
    page = (await api.get("/videos", params={"sort": sort})).json
    assert [video["title"] for video in page["data"]] == titles


async def test_without_a_sort_the_newest_come_first(api: Api) -> None:
    videos = [await api.upload() for _ in range(3)]
    page = (await api.get("/videos")).json
    assert [video["id"] for video in page["data"]] == [video["id"] for video in reversed(videos)]


async def test_urls_are_formed_as_the_operator_says(database_url: str, tmp_path: Path) -> None:
    settings = server_settings(
        database_url,
        tmp_path / "data",
        public_url="https://films.example/sluice",
        edge_public_url="https://edge.example",
    )
    async with running_server(settings) as api:
        video = await api.upload()
    assert video["links"]["watch"] == f"https://films.example/sluice/watch/{video['id']}"
