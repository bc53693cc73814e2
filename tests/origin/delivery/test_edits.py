"""Clips, joined videos and views, as players get them: the source's own frames, and no others."""

import asyncio
from decimal import Decimal
from fractions import Fraction
from itertools import count
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from runtime.postgres import connection
from tests.fixtures.catalogue import playback_id_of
from tests.fixtures.cutting import LENGTH_MS, SEGMENT_PICTURES, Cutter
from tests.fixtures.eventually import until
from tests.fixtures.origin import Prepared
from tests.fixtures.players import Frame, decode, parse_framemd5, run_ffmpeg
from tests.fixtures.playlists import parse_playlist

pytestmark = pytest.mark.postgres

DASH = {"dash": "urn:mpeg:dash:schema:mpd:2011"}
_numbers = count()


@pytest.fixture(scope="module")
def source(cinema: Prepared) -> list[Frame]:
    return asyncio.run(decode(str(cinema.clip), "v:0"))


def digests(frames: list[Frame]) -> list[str]:
    return [frame.digest for frame in frames]


STRETCHES = {
    "from the beginning": ((0, 1000), (0, 1)),
    "to a cut": ((0, 4004), (0, 1)),
    "from a cut": ((4004, 4100), (1, 2)),
    "across a cut": ((4003, 4005), (0, 2)),
    "one millisecond": ((6000, 6001), (1, 2)),
    "to the end": ((9000, LENGTH_MS), (2, 3)),
    "all of it": ((0, LENGTH_MS), (0, 3)),
    "the last millisecond": ((LENGTH_MS - 1, LENGTH_MS), (2, 3)),
}


@pytest.mark.parametrize(("stretch", "segments"), STRETCHES.values(), ids=STRETCHES)
@pytest.mark.parametrize("manifest", ["master.m3u8", "manifest.mpd"])
@pytest.mark.parametrize("how", ["clip", "view"])
async def test_a_clip_is_the_sources_frames_of_its_segments(
    cutter: Cutter,
    source: list[Frame],
    how: str,
    manifest: str,
    stretch: tuple[int, int],
    segments: tuple[int, int],
) -> None:
    if how == "clip":
        folder = await cutter.edit(stretch)
    else:
        begin = f"-b{stretch[0]}" if stretch[0] else ""
        folder = cutter.view(f"{begin}-e{stretch[1]}")
    played = await decode(f"{folder}/{manifest}", "v:0")
    wanted = source[segments[0] * SEGMENT_PICTURES : segments[1] * SEGMENT_PICTURES]
    assert digests(played) == digests(wanted)
    shifts = {mine.time - theirs.time for mine, theirs in zip(played, wanted, strict=True)}
    assert max(shifts) - min(shifts) < Fraction(1, 12_800)


@pytest.mark.parametrize("manifest", ["master.m3u8", "manifest.mpd"])
async def test_sound_and_picture_of_a_clip_are_in_step_as_in_the_film(
    cutter: Cutter, manifest: str
) -> None:
    """The same packet of sound lies as far from the same picture as it does in the film."""
    folder = await cutter.edit((5000, 7000))
    film_pictures, film_sounds = [
        await packets(str(cutter.cinema.clip), stream) for stream in ("v:0", "a:0")
    ]
    pictures, sounds = [await packets(f"{folder}/{manifest}", stream) for stream in ("v:0", "a:0")]
    runs = [digests(film_sounds)[at : at + len(sounds)] for at in range(len(film_sounds))]
    assert runs.count(digests(sounds)) == 1
    first = film_sounds[runs.index(digests(sounds))]
    mine = sounds[0].time - pictures[0].time
    assert abs(mine - (first.time - film_pictures[SEGMENT_PICTURES].time)) <= Fraction(1, 24_000)
    assert 0 <= mine < Fraction(1024, 48_000)
    assert digests(pictures) == digests(film_pictures)[SEGMENT_PICTURES:][:SEGMENT_PICTURES]


def of_media(parent: ET.Element) -> list[ET.Element]:
    """The templates of picture and sound, without those of pictures to seek by."""
    found = parent.iterfind(".//dash:SegmentTemplate", DASH)
    return [each for each in found if each.attrib["media"].endswith(".m4s")]


async def test_manifests_count_sound_and_picture_from_one_origin(cutter: Cutter) -> None:
    """To the tick: what players subtract from the times in the segments is the same time."""
    folder = await cutter.edit((5000, 9000))
    root = ET.fromstring(await cutter.text(f"{folder}/manifest.mpd"))
    origins = [
        Fraction(int(each.get("presentationTimeOffset", "")), int(each.get("timescale", "")))
        for each in of_media(root)
    ]
    assert len(origins) == 3  # the I-frames are one
    for origin in origins:
        assert abs(origin - Fraction(4004, 1000)) <= Fraction(1, 96_000)
    assert root.get("mediaPresentationDuration") == "PT4.996S"
    for url in await cutter.playlists(folder):
        parsed = parse_playlist(await cutter.text(url))
        assert [uri for _, uri in parsed.entries] == ["1.m4s", "2.m4s"]
        start = parsed.one("EXT-X-START").attributes
        assert start == {"TIME-OFFSET": "0.996000", "PRECISE": "YES"}
        assert Decimal("7.8") < sum(parsed.durations) < Decimal("8.2")


async def test_a_clip_shows_no_segment_and_no_file_beyond_it(cutter: Cutter) -> None:
    folder = await cutter.edit((5000, 7000))
    for url in await cutter.playlists(folder):
        place = url.rpartition("/")[0]
        found = {
            name: await cutter.status(f"{place}/{name}")
            for name in ("init.mp4", "0.m4s", "1.m4s", "2.m4s", "3.m4s", "track.mp4")
        }
        assert found == {
            "init.mp4": 200, "0.m4s": 404, "1.m4s": 200, "2.m4s": 404, "3.m4s": 404,
            "track.mp4": 404,
        }  # fmt: skip
    assert await cutter.status(f"{folder}/ondemand.mpd") == 404


async def test_a_clip_shows_no_segment_beyond_it_once_its_track_is_known(cutter: Cutter) -> None:
    """One segment of the clip and one of the film are asked for first, whose bytes are the same."""
    folder = await cutter.edit((4500, 7000))
    for clip in await cutter.playlists(folder):
        base = clip.rpartition("/")[0]
        assert await cutter.status(f"{base}/1.m4s") == 200
        film = base.replace(folder, cutter.view(""))
        assert await cutter.status(f"{film}/1.m4s") == 200
        for _ in range(2):
            assert await cutter.status(f"{film}/2.m4s") == 200
            assert await cutter.status(f"{base}/2.m4s") == 404


async def test_a_clip_winds_through_its_own_i_frames(cutter: Cutter) -> None:
    """There is one every 2.002 s; the clip's segment begins with the third."""
    folder = await cutter.edit((5000, 7000))
    place = (await cutter.playlists(folder))[0].rpartition("/")[0]
    parsed = parse_playlist(await cutter.text(f"{place}/iframe.m3u8"))
    assert [uri for _, uri in parsed.entries] == ["iframe/2.m4s", "iframe/3.m4s"]
    assert sum(parsed.durations) == Decimal("4.004")
    found = [await cutter.status(f"{place}/iframe/{number}.m4s") for number in range(6)]
    assert found == [404, 404, 200, 200, 404, 404]


async def test_a_clips_segments_are_those_of_the_film(cutter: Cutter) -> None:
    folder = await cutter.edit((5000, 7000))
    for mine, theirs in zip(
        await cutter.playlists(folder), await cutter.playlists(cutter.view("")), strict=True
    ):
        assert mine.removeprefix(folder) == theirs.removeprefix(cutter.view(""))
        segment = mine.replace("index.m3u8", "1.m4s"), theirs.replace("index.m3u8", "1.m4s")
        assert await cutter.bytes(segment[0]) == await cutter.bytes(segment[1])


async def test_a_public_view_names_the_media_of_the_whole(cutter: Cutter) -> None:
    """So that caches have them once; what is cut has playlists of its own."""
    whole = playback_id_of(cutter.cinema.video_id)
    for url in await cutter.playlists(cutter.view("-h1080")):
        assert f"-h1080/../{whole}/" in url
        assert await cutter.status(url) == 200
    folder = cutter.view("-b5000-e7000")
    for url in await cutter.playlists(folder):
        assert "/../" not in url
        (entry,) = parse_playlist(await cutter.text(url)).entries
        assert entry[1].startswith(f"../../../../{whole}/")
        assert await cutter.status(f"{url.rpartition('/')[0]}/{entry[1]}") == 200


@pytest.mark.parametrize(
    "spelling",
    ["-h89", "-chvc1", "-copus", "-ade", "-d1", "-e99999999", "-b12012", "-p", "-b05", "-x",
     "-h720-b5", "-e5-b1"],
)  # fmt: skip
async def test_a_view_of_nothing_and_one_that_is_misspelled_are_not_there(
    cutter: Cutter, spelling: str
) -> None:
    for manifest in ("master.m3u8", "manifest.mpd", "ondemand.mpd"):
        assert await cutter.status(f"{cutter.view(spelling)}/{manifest}") == 404


async def test_the_view_of_pictures_has_the_poster_and_nothing_else(cutter: Cutter) -> None:
    async with connection(cutter.pool) as session:
        key = await session.fetchval(
            "SELECT poster_key FROM videos WHERE id = $1", cutter.cinema.video_id
        )
    assert await cutter.status(f"{cutter.view('-p')}/poster/{key.rpartition('/')[2]}") == 200
    for url in await cutter.playlists(cutter.view("")):
        hidden = url.replace(cutter.view(""), cutter.view("-p"))
        assert await cutter.status(hidden) == 404
        assert await cutter.status(hidden.replace("index.m3u8", "0.m4s")) == 404


async def test_the_view_of_a_signed_edit_keeps_its_media_below_it(cutter: Cutter) -> None:
    folder = await cutter.edit((0, LENGTH_MS), prefix="s_")
    for url in await cutter.playlists(f"{folder}-b5000-e7000"):
        assert url.startswith(f"{folder}-b5000-e7000/")
        (entry,) = parse_playlist(await cutter.text(url)).entries
        assert entry[1] == "1.m4s"
        assert await cutter.status(url.replace("index.m3u8", "1.m4s")) == 200
        assert await cutter.status(url.replace("index.m3u8", "2.m4s")) == 404


JOINED = ((8500, LENGTH_MS), (0, 3000), (5000, 7000))
JOINED_SEGMENTS = (2, 0, 1)


async def test_joined_parts_are_the_sources_frames_one_after_the_other_in_hls(
    cutter: Cutter, source: list[Frame]
) -> None:
    folder = await cutter.edit(*JOINED)
    wanted = [
        digest
        for number in JOINED_SEGMENTS
        for digest in digests(source)[number * SEGMENT_PICTURES :][:SEGMENT_PICTURES]
    ]
    (url,) = [each for each in await cutter.playlists(folder) if "/v/" in each]
    parsed = parse_playlist(await cutter.text(url))
    assert len(parsed.all("EXT-X-DISCONTINUITY")) == 2
    played = [await pictures(cutter, url, uri) for _, uri in parsed.entries]
    assert [digest for part in played for digest in part] == wanted


async def test_joined_videos_wind_through_the_i_frames_of_their_parts(
    cutter: Cutter, source: list[Frame]
) -> None:
    folder = await cutter.edit(*JOINED)
    master = parse_playlist(await cutter.text(f"{folder}/master.m3u8"))
    (uri,) = [
        each.text("URI")
        for each in master.all("EXT-X-I-FRAME-STREAM-INF")
        if each.text("CODECS").startswith("avc1")
    ]
    parsed = parse_playlist(await cutter.text(f"{folder}/{uri}"))
    assert len(parsed.all("EXT-X-DISCONTINUITY")) == 2
    assert sum(parsed.durations) == Decimal("12.012")
    url = f"{folder}/{uri}"
    shown = [digest for _, each in parsed.entries for digest in await pictures(cutter, url, each)]
    # Two of each segment: one every 60 pictures.
    wanted = [number * SEGMENT_PICTURES + place for number in JOINED_SEGMENTS for place in (0, 60)]
    assert shown == [digests(source)[number] for number in wanted]
    assert await cutter.status(f"{folder}/a/mp4a-main/iframe.m3u8") == 404


async def test_joined_parts_are_periods_in_dash(cutter: Cutter, source: list[Frame]) -> None:
    folder = await cutter.edit(*JOINED)
    root = ET.fromstring(await cutter.text(f"{folder}/manifest.mpd"))
    periods = root.findall("dash:Period", DASH)
    assert [each.get("start") for each in periods] == ["PT0S", "PT4.004S", "PT8.008S"]
    for period, number in zip(periods, JOINED_SEGMENTS, strict=True):
        for template in of_media(period):
            if "/iframe/" not in template.attrib["media"]:
                assert template.get("startNumber") == str(number)
        video = period.find(".//dash:AdaptationSet[@contentType='video']", DASH)
        assert video is not None
        (template,) = video.iterfind(".//dash:SegmentTemplate", DASH)
        uri = template.attrib["media"].replace("$Number$", str(number))
        assert (
            await pictures(cutter, f"{folder}/manifest.mpd", uri)
            == (digests(source)[number * SEGMENT_PICTURES :][:SEGMENT_PICTURES])
        )


async def test_a_joined_video_has_the_segments_of_its_parts_alone(cutter: Cutter) -> None:
    folder = await cutter.edit((0, 1000), (9000, LENGTH_MS))
    (url,) = [each for each in await cutter.playlists(folder) if "/v/" in each]
    place = (await cutter.text(url)).partition('URI="../../')[2].partition("/init.mp4")[0]
    found = [await cutter.status(f"{folder}/{place}/{number}.m4s") for number in range(4)]
    assert found == [200, 404, 200, 404]
    assert await cutter.status(f"{folder}/{place}/index.m3u8") == 404
    assert await cutter.status(f"{folder}/v/avc1-1/index.m3u8") == 404
    assert await cutter.status(f"{folder}/v/{place.split('/')[1]}/index.m3u8") == 404


async def test_a_stretch_of_a_joined_video_may_be_one_of_a_part(cutter: Cutter) -> None:
    """The joined video begins half a second into its first segment, so 4 s are in its second."""
    folder = await cutter.edit(*JOINED, prefix="s_")
    for url in await cutter.playlists(f"{folder}-b4000-e5000"):
        (entry,) = parse_playlist(await cutter.text(url)).entries
        assert entry[1] == "0.m4s"


async def test_what_is_made_of_a_film_is_forgotten_with_it(cutter: Cutter) -> None:
    folder = await cutter.edit((0, 1000))
    video_id, playback_id = cutter.cinema.video_id, playback_id_of(cutter.cinema.video_id)
    edit_id = folder.rpartition("p_")[2]
    usual = {f"video:{edit_id}", f"playback:p_{edit_id}", f"video:{video_id}"}
    (url, _) = await cutter.playlists(folder)
    for path, more in {
        f"{folder}/master.m3u8": {f"manifest:p_{edit_id}", f"manifest:{playback_id}"},
        url: set[str](),
        url.replace("index.m3u8", "0.m4s"): set[str](),
    }.items():
        async with cutter.origin.client.get(path) as answer:
            assert set(answer.headers["Surrogate-Key"].split()) == usual | more


async def test_an_edit_is_gone_once_it_is_deleted(cutter: Cutter) -> None:
    folder = await cutter.edit((0, 1000))
    assert await cutter.status(f"{folder}/master.m3u8") == 200
    async with connection(cutter.pool) as session:
        await session.execute("DELETE FROM videos WHERE id = $1", folder.rpartition("p_")[2])

    async def gone() -> bool:
        return await cutter.status(f"{folder}/master.m3u8") == 404

    await until(gone, "the edit is gone")


async def packets(source: str, stream: str) -> list[Frame]:
    """The packets of one stream, as they are stored, in the order of decoding."""
    text = await run_ffmpeg(
        "-copyts", "-i", source, "-map", f"0:{stream}", "-c", "copy", "-f", "framemd5", "-"
    )
    return parse_framemd5(text.decode())


async def pictures(cutter: Cutter, base: str, uri: str) -> list[str]:
    """The digests of the pictures of one segment, decoded behind its init segment."""
    place = f"{base.rpartition('/')[0]}/{uri.rpartition('/')[0]}"
    data = await cutter.bytes(f"{place.removesuffix('/iframe')}/init.mp4")
    data += await cutter.bytes(f"{place}/{uri.rpartition('/')[2]}")
    path = Path(cutter.cinema.data) / f"segment{next(_numbers)}.mp4"
    path.write_bytes(data)
    return digests(await decode(str(path), "v:0"))
