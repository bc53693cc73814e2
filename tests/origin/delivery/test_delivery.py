"""What edges and players get from the origin: bytes, fields and refusals."""

import asyncio
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import av
import pytest

from cli.delivery import run as run_origin
from edge.faults import FillKeyMissing
from runtime.listen import HostPort
from runtime.settings import OriginSettings
from tests.fixtures.catalogue import playback_id_of
from tests.fixtures.media import Picture, picture_times, read_pictures
from tests.fixtures.origin import (
    PICTURES,
    Delivery,
    Prepared,
    running_origin,
    segments_of,
    variant_folders,
)

pytestmark = pytest.mark.postgres

DASH = {"dash": "urn:mpeg:dash:schema:mpd:2011"}
IMMUTABLE = "public, max-age=31536000, immutable"
SETTLED = "public, max-age=60, stale-while-revalidate=600, stale-if-error=86400"


async def test_init_and_segments_in_a_row_decode_to_every_picture_at_its_time(
    prepared: Prepared, origin: Delivery
) -> None:
    video = (await variant_folders(origin, prepared.video_id))[0]
    stream = await origin.get(prepared.video_id, f"{video}/init.mp4")
    for name in await segments_of(origin, prepared.video_id, video):
        stream += await origin.get(prepared.video_id, f"{video}/{name}")
    seen = read_pictures(stream)
    assert [picture.number for picture in seen] == list(range(PICTURES))
    assert [picture.time for picture in seen] == picture_times(Picture(count=PICTURES))


async def test_sound_in_a_row_decodes_from_its_segments(
    prepared: Prepared, origin: Delivery
) -> None:
    audio = (await variant_folders(origin, prepared.video_id))[-1]
    assert audio.startswith("a/")
    stream = await origin.get(prepared.video_id, f"{audio}/init.mp4")
    for name in await segments_of(origin, prepared.video_id, audio):
        stream += await origin.get(prepared.video_id, f"{audio}/{name}")
    with av.open(io.BytesIO(stream), "r") as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples >= PICTURES * 1920


async def test_dash_names_the_same_urls_as_hls(prepared: Prepared, origin: Delivery) -> None:
    mpd = ET.fromstring(await origin.get(prepared.video_id, "manifest.mpd"))
    named = {
        template.attrib["media"].replace("$RepresentationID$", representation.attrib["id"])
        for adaptation in mpd.iterfind(".//dash:AdaptationSet", DASH)
        for representation in adaptation.iterfind("dash:Representation", DASH)
        for template in (
            *representation.iterfind("dash:SegmentTemplate", DASH),
            *adaptation.iterfind("dash:SegmentTemplate", DASH),
        )
    }
    folders = {name.rpartition("/")[0].removesuffix("/iframe") for name in named}
    pictures = {folder for folder in folders if folder.startswith("sb/")}
    assert folders - pictures == set(await variant_folders(origin, prepared.video_id))


async def test_what_lies_under_a_hash_is_immutable_and_a_manifest_is_not(
    prepared: Prepared, origin: Delivery
) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    expected = {
        f"{folder}/init.mp4": ("video/mp4", IMMUTABLE),
        f"{folder}/0.m4s": ("video/iso.segment", IMMUTABLE),
        f"{folder}/index.m3u8": ("application/vnd.apple.mpegurl", IMMUTABLE),
        "master.m3u8": ("application/vnd.apple.mpegurl", SETTLED),
        "manifest.mpd": ("application/dash+xml", SETTLED),
        "ondemand.mpd": ("application/dash+xml", SETTLED),
    }
    for path, fields in expected.items():
        async with origin.client.get(origin.media(prepared.video_id, path)) as answer:
            found = (answer.headers["Content-Type"], answer.headers["Cache-Control"])
            assert (path, found) == (path, fields)
            assert re.fullmatch(r'"[^"]+"', answer.headers["ETag"])


async def test_every_answer_carries_surrogate_keys_and_manifests_one_more(
    prepared: Prepared, origin: Delivery
) -> None:
    playback_id = playback_id_of(prepared.video_id)
    usual = f"video:{prepared.video_id} playback:{playback_id}"
    folder = (await variant_folders(origin, prepared.video_id))[0]
    for path, keys in {
        f"{folder}/0.m4s": usual,
        "master.m3u8": f"{usual} manifest:{playback_id}",
    }.items():
        async with origin.client.get(origin.media(prepared.video_id, path)) as answer:
            assert answer.headers["Surrogate-Key"] == keys


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-", 100, None),
        ("bytes=-7", -7, None),
        ("bytes=10-5000000", 10, None),
        ("bytes=900-1400", 900, 1401),
    ],
)
async def test_a_range_is_that_part_of_the_whole(
    prepared: Prepared, origin: Delivery, asked: str, start: int, stop: int | None
) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    whole = await origin.get(prepared.video_id, f"{folder}/0.m4s")
    url = origin.media(prepared.video_id, f"{folder}/0.m4s")
    async with origin.client.get(url, headers={"Range": asked}) as answer:
        assert answer.status == 206
        assert await answer.read() == whole[start:stop]
        assert answer.headers["Content-Range"].endswith(f"/{len(whole)}")


async def test_several_ranges_come_as_parts_in_the_order_asked(
    prepared: Prepared, origin: Delivery
) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    whole = await origin.get(prepared.video_id, f"{folder}/0.m4s")
    url = origin.media(prepared.video_id, f"{folder}/0.m4s")
    async with origin.client.get(url, headers={"Range": "bytes=600-1200,0-9"}) as answer:
        assert answer.status == 206
        body = await answer.read()
        assert answer.content_length == len(body)
    first, second = body.find(whole[600:1201]), body.find(whole[:10])
    assert 0 < first < second


async def test_a_range_beyond_the_end_is_refused_with_the_length(
    prepared: Prepared, origin: Delivery
) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    whole = await origin.get(prepared.video_id, f"{folder}/0.m4s")
    url = origin.media(prepared.video_id, f"{folder}/0.m4s")
    async with origin.client.get(url, headers={"Range": f"bytes={len(whole)}-"}) as answer:
        assert answer.status == 416
        assert answer.headers["Content-Range"] == f"bytes */{len(whole)}"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert (await answer.json())["code"] == "range.unsatisfiable"


async def test_a_known_etag_is_answered_without_a_body(
    prepared: Prepared, origin: Delivery
) -> None:
    for path in ("master.m3u8", f"{(await variant_folders(origin, prepared.video_id))[0]}/0.m4s"):
        url = origin.media(prepared.video_id, path)
        async with origin.client.get(url) as answer:
            etag = answer.headers["ETag"]
        async with origin.client.get(url, headers={"If-None-Match": etag}) as again:
            assert again.status == 304
            assert again.headers["ETag"] == etag
            assert await again.read() == b""


async def test_head_says_what_get_would_send(prepared: Prepared, origin: Delivery) -> None:
    for path in ("manifest.mpd", f"{(await variant_folders(origin, prepared.video_id))[0]}/0.m4s"):
        url = origin.media(prepared.video_id, path)
        body = await origin.get(prepared.video_id, path)
        async with origin.client.head(url) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Length"] == str(len(body))
            assert await answer.read() == b""


@pytest.mark.parametrize(
    "path",
    [
        "nothing.m3u8",
        "v/none/00000000000000000000/init.mp4",
        "{folder}/other.mp4",
        "{folder}/99999.m4s",
        "{folder}/00.m4s",
        "{folder}/-1.m4s",
        "poster/none.jpg",
    ],
)
async def test_what_is_not_published_is_a_problem_document_that_any_page_may_read(
    prepared: Prepared, origin: Delivery, path: str
) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    url = origin.media(prepared.video_id, path.format(folder=folder))
    async with origin.client.get(url) as answer:
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_an_unknown_playback_id_is_not_found(origin: Delivery) -> None:
    async with origin.client.get(f"{origin.url}/media/p_nobody/master.m3u8") as answer:
        assert answer.status == 404
        assert (await answer.json())["code"] == "media.not_found"


async def test_a_page_of_another_site_may_ask_first(prepared: Prepared, origin: Delivery) -> None:
    url = origin.media(prepared.video_id, "master.m3u8")
    async with origin.client.options(url, headers={"Origin": "https://films.example"}) as answer:
        assert answer.status == 204
        assert "Range" in answer.headers["Access-Control-Allow-Headers"]


async def test_the_poster_has_a_name_of_its_own_for_ever_and_a_common_one_for_a_day(
    prepared: Prepared, origin: Delivery
) -> None:
    (file,) = (prepared.data / "store" / "posters").rglob("*.jpg")
    for path, cache in {
        f"poster/{file.name}": IMMUTABLE,
        "poster.jpg": "public, max-age=86400, stale-while-revalidate=604800",
    }.items():
        async with origin.client.get(origin.media(prepared.video_id, path)) as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Control"] == cache
            assert await answer.read() == file.read_bytes()


async def test_many_viewers_at_once_get_the_same_bytes(
    prepared: Prepared, origin: Delivery
) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    path = f"{folder}/1.m4s"
    answers = await asyncio.gather(*(origin.get(prepared.video_id, path) for _ in range(30)))
    assert len(set(answers)) == 1


async def test_an_operator_finds_health_and_metrics_beside_the_media(origin: Delivery) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        async with origin.client.get(origin.url + path) as answer:
            assert answer.status == 200, await answer.text()


async def test_beyond_loopback_an_origin_without_a_fill_key_does_not_start(
    prepared: Prepared,
) -> None:
    settings = OriginSettings(
        database_url=prepared.database_url, data=prepared.data, listen=HostPort("0.0.0.0", 0)
    )
    with pytest.raises(FillKeyMissing, match="SLUICE_FILL_KEY"):
        await run_origin(settings, ready=None)


async def test_with_a_fill_key_only_those_who_show_it_are_served(
    prepared: Prepared, on_plane: bool
) -> None:
    settings = OriginSettings(
        database_url=prepared.database_url,
        data=prepared.data,
        listen=HostPort("127.0.0.1", 0),
        fill_key="open sesame",
    )
    async with running_origin(settings, on_plane=on_plane) as origin:
        url = origin.media(prepared.video_id, "master.m3u8")
        for shown, status in (({}, 403), ({"Sluice-Fill-Key": "open"}, 403)):
            async with origin.client.get(url, headers=shown) as answer:
                assert answer.status == status
        async with origin.client.get(url, headers={"Sluice-Fill-Key": "open sesame"}) as answer:
            assert answer.status == 200


async def test_each_answer_to_an_edge_may_leave_a_line_in_a_log(
    prepared: Prepared, on_plane: bool, tmp_path: Path
) -> None:
    settings = OriginSettings(
        database_url=prepared.database_url,
        data=prepared.data,
        listen=HostPort("127.0.0.1", 0),
        access_log=tmp_path / "log",
    )
    async with running_origin(settings, on_plane=on_plane) as origin:
        folder = (await variant_folders(origin, prepared.video_id))[0]
        for _ in range(2):
            await origin.get(prepared.video_id, f"{folder}/0.m4s")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["result"] for line in lines] == ["miss", "miss", "hit"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_a_viewer_behind_an_edge_finds_none_of_the_operators_pages(
    origin: Delivery, path: str
) -> None:
    async with origin.client.get(origin.url + path, headers={"Via": "1.1 edge"}) as answer:
        assert answer.status == 404
