"""Text from an upload to its segments: every cue at its time, on the cuts of the picture."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from core.text.webvtt import parse_webvtt
from runtime.listen import HostPort
from runtime.postgres import close_pool, open_pool
from runtime.settings import OriginSettings
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.origin import Delivery, Library, Prepared, running_origin, running_worker
from tests.fixtures.postgres import TEMPLATE, PostgresServer, run_aside
from tests.fixtures.text import SUBRIP
from tests.fixtures.texted import add_text

pytestmark = pytest.mark.postgres

MPD = {"": "urn:mpeg:dash:schema:mpd:2011"}
IMMUTABLE = "public, max-age=31536000, immutable"
CUES = [
    (1000, 2500, "<i>Hello</i> &amp; <b>you</b>"),
    (3200, 5000, "Top\nline"),
    (4000, 6000, "overlap"),
]


@pytest.fixture(scope="module")
def texted(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prepared]:
    """Eight seconds of film with cuts every 2 s, three text tracks and two chapters."""
    folder = tmp_path_factory.mktemp("texted")
    plain = make_clip(folder / "plain.mp4", Picture(count=200, gop=50), Sound(samples=384_000))
    clip = add_text(
        plain,
        folder / "film.mkv",
        {"subrip": "eng", "ass": "ger", "webvtt": "fre"},
        text=SUBRIP,
        chapters=((0, "One"), (4000, "Two & a half")),
        dispositions=("hearing_impaired", "forced", "default"),
    )
    name = postgres_server.create(template=TEMPLATE)
    url = postgres_server.url(name)
    made: list[str] = []

    async def prepare() -> None:
        pool = await open_pool(url, max_size=3)
        library = Library(folder / "data", url, pool)
        library.store.mkdir(parents=True)
        video_id = await library.upload(clip)
        async with running_worker(library.worker_settings(segment_s=2.0)):
            video = await library.status_becomes(video_id)
        assert video["status"] == "ready", video["error_message"]
        made.append(video_id)
        await close_pool(pool)

    run_aside(prepare)
    yield Prepared(folder / "data", url, made[0], clip)
    postgres_server.drop(name)


@pytest.fixture
async def origin(texted: Prepared, on_plane: bool) -> AsyncIterator[Delivery]:
    settings = OriginSettings(
        database_url=texted.database_url, data=texted.data, listen=HostPort("127.0.0.1", 0)
    )
    async with running_origin(settings, on_plane=on_plane) as delivery:
        yield delivery


async def text_folders(origin: Delivery, video_id: str) -> dict[str, str]:
    """The folders of text tracks, by name."""
    master = (await origin.get(video_id, "master.m3u8")).decode()
    return {
        name: folder
        for folder, name in re.findall(r'URI="(t/([^/"]+)/[0-9a-f]{20})/index\.m3u8"', master)
    }


async def test_the_multivariant_playlist_says_whom_each_track_is_for(
    texted: Prepared, origin: Delivery
) -> None:
    master = (await origin.get(texted.video_id, "master.m3u8")).decode()
    tags = [line for line in master.splitlines() if "TYPE=SUBTITLES" in line]
    said = {
        re.search(r'NAME="([^"]*)"', tag)[1]: re.sub(r'(NAME|URI)="[^"]*",?', "", tag).strip(",")  # type: ignore[index]
        for tag in tags
    }
    start = '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subtitles",'
    assert said == {
        "en (SDH)": f'{start}LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES,CHARACTERISTICS="'
        "public.accessibility.transcribes-spoken-dialog,"
        'public.accessibility.describes-music-and-sound"',
        "de (forced)": f'{start}LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,FORCED=YES',
        "fr": f'{start}LANGUAGE="fr",DEFAULT=YES,AUTOSELECT=YES',
    }
    variants = [line for line in master.splitlines() if line.startswith("#EXT-X-STREAM-INF")]
    assert variants
    assert all(each.endswith(',SUBTITLES="subtitles",CLOSED-CAPTIONS=NONE') for each in variants)


async def test_each_cue_stands_at_its_time_in_every_segment_that_shows_it(
    texted: Prepared, origin: Delivery
) -> None:
    folders = await text_folders(origin, texted.video_id)
    assert set(folders) == {"en-captions", "de-forced", "fr"}
    for folder in folders.values():
        playlist = (await origin.get(texted.video_id, f"{folder}/index.m3u8")).decode()
        names = re.findall(r"^#EXTINF:2\.000000,\n(\d+\.vtt)$", playlist, re.MULTILINE)
        assert names == ["0.vtt", "1.vtt", "2.vtt", "3.vtt"]
        assert playlist.endswith("#EXT-X-ENDLIST\n")
        for number, name in enumerate(names):
            text = (await origin.get(texted.video_id, f"{folder}/{name}")).decode()
            assert text.split("\n")[:2] == [
                "WEBVTT",
                "X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000",
            ]
            seen = [(cue.start_ms, cue.end_ms, cue.text) for cue in parse_webvtt(text).cues]
            begin, end = 2000 * number, 2000 * (number + 1)
            assert [each[:2] for each in seen] == [
                cue[:2] for cue in CUES if cue[0] < end and cue[1] > begin
            ]


async def test_the_whole_file_has_every_cue_once(texted: Prepared, origin: Delivery) -> None:
    folders = await text_folders(origin, texted.video_id)
    text = (await origin.get(texted.video_id, f"{folders['en-captions']}/subtitles.vtt")).decode()
    cues = parse_webvtt(text).cues
    assert [(cue.start_ms, cue.end_ms, cue.text) for cue in cues] == CUES


async def test_the_mpd_names_one_file_for_each_track(texted: Prepared, origin: Delivery) -> None:
    folders = await text_folders(origin, texted.video_id)
    for name in ("manifest.mpd", "ondemand.mpd"):
        root = ET.fromstring(await origin.get(texted.video_id, name))
        sets = root.findall("Period/AdaptationSet[@contentType='text']", MPD)
        told = {}
        for each in sets:
            assert each.get("mimeType") == "text/vtt"
            (representation,) = each.findall("Representation", MPD)
            roles = [role.get("value") for role in each.findall("Role", MPD)]
            told[each.get("lang")] = (roles, representation.findtext("BaseURL", "", MPD))
        assert told == {
            "en": (["caption"], f"{folders['en-captions']}/subtitles.vtt"),
            "de": (["forced-subtitle"], f"{folders['de-forced']}/subtitles.vtt"),
            "fr": (["subtitle", "main"], f"{folders['fr']}/subtitles.vtt"),
        }


@pytest.mark.parametrize("name", ["0.vtt", "subtitles.vtt", "index.m3u8"])
async def test_what_a_hash_names_never_changes(
    texted: Prepared, origin: Delivery, name: str
) -> None:
    folder = (await text_folders(origin, texted.video_id))["fr"]
    url = origin.media(texted.video_id, f"{folder}/{name}")
    async with origin.client.get(url) as answer:
        kind = "application/vnd.apple.mpegurl" if name.endswith("m3u8") else "text/vtt"
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["Cache-Control"] == IMMUTABLE
        etag = answer.headers["ETag"]
    async with origin.client.get(url, headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304


@pytest.mark.parametrize("name", ["4.vtt", "01.vtt", "-1.vtt", "0.m4s", "init.mp4", "text.vtt"])
async def test_there_is_nothing_by_another_name(
    texted: Prepared, origin: Delivery, name: str
) -> None:
    folder = (await text_folders(origin, texted.video_id))["fr"]
    async with origin.client.get(origin.media(texted.video_id, f"{folder}/{name}")) as answer:
        assert answer.status == 404


async def test_chapters_come_as_json_and_as_webvtt(texted: Prepared, origin: Delivery) -> None:
    told = json.loads(await origin.get(texted.video_id, "chapters.json"))
    # ffmpeg moves the tracks of Matroska by the sound's priming, and not the chapters.
    cut_ms = pytest.approx(4000, abs=25)
    assert told == {
        "chapters": [
            {"start_ms": 0, "end_ms": cut_ms, "title": "One"},
            {"start_ms": cut_ms, "end_ms": 8000, "title": "Two & a half"},
        ]
    }
    cues = parse_webvtt((await origin.get(texted.video_id, "chapters.vtt")).decode()).cues
    assert [(cue.start_ms, cue.end_ms, cue.text) for cue in cues] == [
        (0, cut_ms, "One"),
        (cut_ms, 8000, "Two &amp; a half"),
    ]


async def test_a_track_whose_file_is_gone_is_left_out_and_the_others_play(
    texted: Prepared, on_plane: bool, tmp_path: Path
) -> None:
    settings = OriginSettings(
        database_url=texted.database_url, data=texted.data, listen=HostPort("127.0.0.1", 0)
    )
    (lost,) = [
        path for path in (texted.data / "store").rglob("text.vtt") if path.parent.name == "t-4"
    ]
    kept = lost.rename(tmp_path / "text.vtt")
    try:
        async with running_origin(settings, on_plane=on_plane) as origin:
            assert set(await text_folders(origin, texted.video_id)) == {"en-captions", "de-forced"}
    finally:
        kept.rename(lost)
