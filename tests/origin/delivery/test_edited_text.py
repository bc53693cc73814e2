"""Text, chapters and small pictures of what was cut and joined: on its timeline, and no more."""

import json
import re
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from core.text.webvtt import parse_webvtt
from runtime.postgres import connection
from tests.fixtures.cutting import LENGTH_MS, Cutter
from tests.fixtures.playlists import parse_playlist

pytestmark = pytest.mark.postgres

DASH = {"dash": "urn:mpeg:dash:schema:mpd:2011"}
MIDDLE = (5000, 7000)
"""The second segment: 4.004 to 8.008 s."""
JOINED = ((8500, LENGTH_MS), (0, 3000), (5000, 7000))
"""The third segment, the first, the second: parts begin at 0, 4.004 and 8.008 s."""


async def cues(cutter: Cutter, url: str) -> list[tuple[int, int, str]]:
    parsed = parse_webvtt(await cutter.text(url))
    return [(cue.start_ms, cue.end_ms, cue.text) for cue in parsed.cues]


async def text_url(cutter: Cutter, folder: str) -> str:
    """The playlist of the only text."""
    master = await cutter.text(f"{folder}/master.m3u8")
    (line,) = [line for line in master.splitlines() if "TYPE=SUBTITLES" in line]
    return f"{folder}/{line.partition('URI=')[2].strip(chr(34))}"


@pytest.mark.parametrize("how", ["clip", "view", "signed"])
async def test_a_clip_has_the_text_of_its_segments_at_the_films_times(
    cutter: Cutter, how: str
) -> None:
    """As the media have them, so that players place both alike."""
    folder = {"view": cutter.view("-b5000-e7000")}.get(how) or await cutter.edit(
        MIDDLE, prefix="s_" if how == "signed" else "p_"
    )
    url = await text_url(cutter, folder)
    playlist = parse_playlist(await cutter.text(url))
    assert [uri for _, uri in playlist.entries] == ["1.vtt"]
    assert playlist.durations == [Decimal("4.004")]
    place = url.rpartition("/")[0]
    assert await cues(cutter, f"{place}/1.vtt") == [(3500, 4500, "Across"), (5000, 5500, "Five")]
    hidden = ("0.vtt", "2.vtt", "3.vtt", "subtitles.vtt", "subtitles-0-3.vtt", "subtitles-1-3.vtt")
    assert [await cutter.status(f"{place}/{name}") for name in hidden] == [404] * len(hidden)


async def test_the_whole_text_of_a_clip_is_cut_and_counts_from_where_its_media_begin(
    cutter: Cutter,
) -> None:
    folder = await cutter.edit(MIDDLE)
    wanted = [(0, 496, "Across"), (996, 1496, "Five")]
    root = ET.fromstring(await cutter.text(f"{folder}/manifest.mpd"))
    (text,) = root.findall(".//dash:AdaptationSet[@contentType='text']", DASH)
    address = text.findtext(".//dash:BaseURL", "", DASH)
    assert address.endswith("/subtitles-1-2.vtt")
    assert await cues(cutter, f"{folder}/{address}") == wanted
    assert await cues(cutter, f"{folder}/t/en/subtitles.vtt") == wanted
    assert await cutter.status(f"{folder}/t/de/subtitles.vtt") == 404
    assert await cutter.status(f"{cutter.view('')}/t/en/subtitles.vtt") == 404


async def test_joined_videos_have_a_line_of_text_with_their_discontinuities(
    cutter: Cutter,
) -> None:
    folder = await cutter.edit(*JOINED)
    url = await text_url(cutter, folder)
    assert url == f"{folder}/t/en/index.m3u8"
    playlist = parse_playlist(await cutter.text(url))
    assert len(playlist.all("EXT-X-DISCONTINUITY")) == 2
    assert sum(playlist.durations) == Decimal("12.012")
    for _, uri in playlist.entries:
        text = await cutter.text(f"{url.rpartition('/')[0]}/{uri}")
        assert "\nX-TIMESTAMP-MAP=MPEGTS:1,LOCAL:00:00:00.000\n" in text
    said = [await cues(cutter, f"{url.rpartition('/')[0]}/{uri}") for _, uri in playlist.entries]
    assert said == [
        [(9000, 11_000, "Nine")],
        [(1000, 2500, "One"), (3500, 4500, "Across")],
        [(3500, 4500, "Across"), (5000, 5500, "Five")],
    ]
    assert await cues(cutter, f"{folder}/t/en/subtitles.vtt") == [
        (992, 2992, "Nine"),
        (5004, 6504, "One"),
        (7504, 8008, "Across"),
        (8008, 8504, "Across"),
        (9004, 9504, "Five"),
    ]
    root = ET.fromstring(await cutter.text(f"{folder}/manifest.mpd"))
    addresses = [each.text or "" for each in root.iterfind(".//dash:BaseURL", DASH)]
    assert [each.rpartition("/")[2] for each in addresses] == [
        "subtitles-2-3.vtt", "subtitles-0-1.vtt", "subtitles-1-2.vtt",
    ]  # fmt: skip
    assert await cues(cutter, f"{folder}/{addresses[0]}") == [(992, 2992, "Nine")]


async def test_where_a_part_has_no_text_a_line_is_silent(cutter: Cutter) -> None:
    async with connection(cutter.pool) as session:
        bare = "bare" + cutter.cinema.video_id[:8]
        await session.execute(
            "INSERT INTO videos (id, playback_id, title, status, duration_ms, plan_timescale, "
            "plan_starts, plan_end) SELECT $2, 'p_' || $2, 'Bare', 'ready', duration_ms, "
            "plan_timescale, plan_starts, plan_end FROM videos WHERE id = $1",
            cutter.cinema.video_id,
            bare,
        )
        columns = await session.fetchval(
            "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
            "WHERE table_name = 'tracks' AND column_name NOT IN ('id', 'video_id')"
        )
        await session.execute(
            f"INSERT INTO tracks (video_id, {columns}) SELECT $2, {columns} FROM tracks "
            "WHERE video_id = $1 AND kind <> 't'",
            cutter.cinema.video_id,
            bare,
        )
    folder = await cutter.edit((0, 1000), (0, LENGTH_MS), film_ids=(None, bare))
    playlist = parse_playlist(await cutter.text(f"{folder}/t/en/index.m3u8"))
    uris = [uri for _, uri in playlist.entries]
    assert uris[1:] == ["empty.vtt"] * (len(uris) - 1)
    assert sum(playlist.durations) == Decimal("4.004") + Decimal("12.012")
    assert max(playlist.durations) <= 5
    assert await cues(cutter, f"{folder}/t/en/empty.vtt") == []
    assert await cues(cutter, f"{folder}/t/en/subtitles.vtt") == [
        (1000, 2500, "One"), (3500, 4004, "Across"),
    ]  # fmt: skip


async def chapters(cutter: Cutter, folder: str) -> list[tuple[int, int, str]]:
    found = json.loads(await cutter.text(f"{folder}/chapters.json"))["chapters"]
    cues_too = await cues(cutter, f"{folder}/chapters.vtt")
    listed = [(each["start_ms"], each["end_ms"], each["title"]) for each in found]
    assert cues_too == listed
    return listed


async def test_chapters_of_a_clip_begin_and_end_with_it(cutter: Cutter) -> None:
    wanted = [(996, 1496, "Dawn"), (1496, 2996, "Noon")]
    assert await chapters(cutter, await cutter.edit(MIDDLE)) == wanted
    assert await chapters(cutter, cutter.view("-b5000-e7000")) == wanted


async def test_chapters_of_joined_videos_are_those_of_their_films_in_turn(cutter: Cutter) -> None:
    assert await chapters(cutter, await cutter.edit(*JOINED)) == [
        (492, 992, "Noon"),
        (992, 4004, "Dusk"),
        (4004, 9504, "Dawn"),  # goes on in the next part
        (9504, 11_004, "Noon"),
    ]


async def test_an_edit_may_have_chapters_of_its_own(cutter: Cutter) -> None:
    """They count from its beginning; a view of it has those of the stretch."""
    folder = await cutter.edit(*JOINED)
    async with connection(cutter.pool) as session:
        await session.execute(
            "UPDATE videos SET chapters = $2 WHERE id = $1",
            folder.rpartition("p_")[2],
            '[{"start_ms": 0, "title": "A"}, {"start_ms": 6000, "title": "B"}]',
        )
    assert await chapters(cutter, folder) == [(492, 6492, "A"), (6492, 11_004, "B")]
    assert await chapters(cutter, f"{folder}-b5000-e7000") == [(1488, 2488, "A"), (2488, 3488, "B")]


@pytest.mark.parametrize("prefix", ["p_", "s_"])
async def test_the_pictures_of_a_clip_are_those_of_its_segments_one_by_one(
    cutter: Cutter, prefix: str
) -> None:
    """A sprite would show more than the clip. Tiles stand for 2 s each: from 4 s on the third."""
    folder = await cutter.edit(MIDDLE, prefix=prefix)
    board = json.loads(await cutter.text(f"{folder}/storyboard.json"))
    assert [(each["start"], each["end"]) for each in board["tiles"]] == [
        (0, 1.996), (1.996, 3.996), (3.996, 4.004),
    ]  # fmt: skip
    assert [each["sprite"] for each in board["tiles"]] == [0, 1, 2]
    assert [each.rpartition("/")[2] for each in board["sprites"]] == ["2.jpg", "3.jpg", "4.jpg"]
    for uri in board["sprites"]:
        assert (await cutter.bytes(f"{folder}/{uri}")).startswith(b"\xff\xd8")
    place = f"{folder}/{board['sprites'][0].partition('/tiles/')[0]}"
    hidden = ("0.jpg", "tiles/1.jpg", "tiles/5.jpg", "iframe/1.m4s", "iframe/5.m4s")
    assert [await cutter.status(f"{place}/{name}") for name in hidden] == [404] * len(hidden)
    playlist = parse_playlist(await cutter.text(f"{place}/iframe.m3u8"))
    assert [uri for _, uri in playlist.entries] == [f"iframe/{number}.m4s" for number in (2, 3, 4)]
    assert sum(playlist.durations) == Decimal("4.004")
    assert await cutter.status(f"{place}/iframe/2.m4s") == 200
    sprites = parse_playlist(await cutter.text(f"{place}/sprites.m3u8"))
    assert [uri for _, uri in sprites.entries] == [f"tiles/{number}.jpg" for number in (2, 3, 4)]
    text = await cutter.text(f"{folder}/storyboard.vtt")
    assert "00:00:00.000 --> 00:00:01.996\nsb/" in text
    assert "tiles/2.jpg#xywh=0,0," in text


async def test_dash_counts_the_pictures_of_a_clip_from_its_origin(cutter: Cutter) -> None:
    folder = await cutter.edit(MIDDLE)
    root = ET.fromstring(await cutter.text(f"{folder}/manifest.mpd"))
    (template,) = root.findall(
        ".//dash:AdaptationSet[@contentType='image']/dash:SegmentTemplate", DASH
    )
    assert (template.get("startNumber"), template.get("duration")) == ("2", "2000")
    assert template.get("presentationTimeOffset") == "4"  # the third tile begins 4 ms before it
    assert (
        await cutter.status(f"{folder}/{template.attrib['media'].replace('$Number$', '2')}") == 200
    )


async def test_joined_videos_have_the_pictures_of_their_parts_in_turn(cutter: Cutter) -> None:
    folder = await cutter.edit((0, 1000), (9000, LENGTH_MS))
    board = json.loads(await cutter.text(f"{folder}/storyboard.json"))
    starts = [each["start"] for each in board["tiles"]]
    assert starts == [0, 2, 4, 4.004, 5.996, 7.996]
    assert board["duration"] == 8.008
    shown = [board["sprites"][each["sprite"]].rpartition("/")[2] for each in board["tiles"]]
    assert shown == ["0.jpg", "1.jpg", "2.jpg", "4.jpg", "5.jpg", "6.jpg"]
    for uri in board["sprites"]:
        assert await cutter.status(f"{folder}/{uri}") == 200
    place = f"{folder}/{board['sprites'][0].partition('/tiles/')[0]}"
    assert await cutter.status(f"{place}/tiles/3.jpg") == 404
    assert await cutter.status(f"{place}/iframe.m3u8") == 404


async def test_hls_of_joined_videos_has_the_pictures_of_their_parts_in_turn(
    cutter: Cutter,
) -> None:
    folder = await cutter.edit((0, 1000), (9000, LENGTH_MS))
    master = await cutter.text(f"{folder}/master.m3u8")
    assert 'CODECS="mjpg",RESOLUTION=160x90,URI="sb/iframe.m3u8"' in master
    for name in ("iframe.m3u8", "sprites.m3u8"):
        assert f'URI="sb/{name}"' in master
        playlist = parse_playlist(await cutter.text(f"{folder}/sb/{name}"))
        assert len(playlist.all("EXT-X-DISCONTINUITY")) == 1
        assert sum(playlist.durations) == Decimal("8.008")
        uris = [uri for _, uri in playlist.entries]
        assert " ".join(re.sub(r".*/(\d+)\.\w+", r"\1", uri) for uri in uris) == "0 1 2 4 5 6"
        inits = [each.text("URI") for each in playlist.all("EXT-X-MAP")]
        for uri in (*uris, *inits):
            assert await cutter.status(f"{folder}/sb/{uri}") == 200
    # A film and a clip have theirs in the storyboard's own folder, and nothing above it.
    for other in (cutter.view(""), await cutter.edit((0, 1000))):
        assert await cutter.status(f"{other}/sb/iframe.m3u8") == 404
