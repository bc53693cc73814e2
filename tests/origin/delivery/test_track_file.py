"""A whole track over HTTP as one file, and the on-demand MPD that leads to it."""

from fractions import Fraction
from xml.etree import ElementTree as ET

import pytest

from tests.fixtures.boxes import top
from tests.fixtures.media import Picture, picture_times, read_pictures
from tests.fixtures.origin import (
    PICTURES,
    Delivery,
    Prepared,
    segments_of,
    variant_folders,
)

pytestmark = pytest.mark.postgres

DASH = {"": "urn:mpeg:dash:schema:mpd:2011"}
STYP_BYTES = 28


async def files_of(prepared: Prepared, origin: Delivery) -> dict[str, ET.Element]:
    """The `SegmentBase` of every address in the on-demand MPD."""
    mpd = ET.fromstring(await origin.get(prepared.video_id, "ondemand.mpd"))
    assert "urn:mpeg:dash:profile:isoff-on-demand:2011" in mpd.attrib["profiles"].split(",")
    found = {}
    for each in mpd.iterfind(".//Representation", DASH):
        if each.find("EssentialProperty", DASH) is not None:
            continue  # the small pictures, which are no track
        address, base = each.find("BaseURL", DASH), each.find("SegmentBase", DASH)
        assert address is not None
        assert base is not None
        found[address.text or ""] = base
    return found


async def test_the_mpd_names_every_track_and_where_its_index_lies(
    prepared: Prepared, origin: Delivery
) -> None:
    files = await files_of(prepared, origin)
    folders = await variant_folders(origin, prepared.video_id)
    tracks = [f"{folder}/track.mp4" for folder in folders]
    winding = [f"{folder}/iframes.mp4" for folder in folders if folder.startswith("v/")]
    assert sorted(files) == sorted(tracks + winding)
    for address, base in files.items():
        first, last = base.attrib["indexRange"].split("-")
        sidx = await origin.get(prepared.video_id, address, Range=f"bytes={first}-{last}")
        assert [box.kind for box in top(sidx).children()] == [b"sidx"]
        init = base.find("Initialization", DASH)
        assert init is not None
        head = await origin.get(prepared.video_id, address, Range=f"bytes={init.attrib['range']}")
        beside = f"{address.rpartition('/')[0]}/init.mp4"
        assert head == await origin.get(prepared.video_id, beside)
        assert int(first) == len(head)


async def test_it_holds_the_fragments_of_the_segments(prepared: Prepared, origin: Delivery) -> None:
    for folder in await variant_folders(origin, prepared.video_id):
        whole = await origin.get(prepared.video_id, f"{folder}/track.mp4")
        names = await segments_of(origin, prepared.video_id, folder)
        segments = [
            (await origin.get(prepared.video_id, f"{folder}/{name}"))[STYP_BYTES:] for name in names
        ]
        assert whole.endswith(b"".join(segments))
        kinds = [box.kind for box in top(whole).children()]
        assert kinds == [b"ftyp", b"moov", b"sidx", *[b"moof", b"mdat"] * len(segments)]


async def test_the_i_frames_are_a_file_of_the_fragments_that_hls_has_one_by_one(
    prepared: Prepared, origin: Delivery
) -> None:
    (folder,) = [
        each for each in await variant_folders(origin, prepared.video_id) if each.startswith("v/")
    ]
    whole = await origin.get(prepared.video_id, f"{folder}/iframes.mp4")
    playlist = (await origin.get(prepared.video_id, f"{folder}/iframe.m3u8")).decode()
    names = [line for line in playlist.splitlines() if line.startswith("iframe/")]
    alone = [
        (await origin.get(prepared.video_id, f"{folder}/{name}"))[STYP_BYTES:] for name in names
    ]
    assert whole.endswith(b"".join(alone))
    keys = read_pictures(whole)
    assert len(keys) == len(names) > 1
    sidx = top(whole).find("sidx")
    base = (await files_of(prepared, origin))[f"{folder}/iframes.mp4"]
    assert base.attrib["indexRange"] == f"{sidx.start}-{sidx.start + sidx.size - 1}"
    timescale, time = sidx.fields("I", 8)[0], sidx.fields("Q", 12)[0]
    for number, (key, data) in enumerate(zip(keys, alone, strict=True)):
        assert Fraction(time, timescale) == key.time
        size, duration, access = sidx.fields("III", 32 + 12 * number)
        assert (size, access >> 28) == (len(data), 9)
        time += duration


async def test_every_picture_comes_out_of_it_at_its_time(
    prepared: Prepared, origin: Delivery
) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    seen = read_pictures(await origin.get(prepared.video_id, f"{folder}/track.mp4"))
    assert [picture.number for picture in seen] == list(range(PICTURES))
    assert [picture.time for picture in seen] == picture_times(Picture(count=PICTURES))


async def test_any_range_is_that_part_of_the_whole(prepared: Prepared, origin: Delivery) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    url = origin.media(prepared.video_id, f"{folder}/track.mp4")
    whole = await origin.get(prepared.video_id, f"{folder}/track.mp4")
    middle = len(whole) // 2
    for start, stop in ((0, 10), (700, 900), (middle, middle + 3000), (5, len(whole))):
        async with origin.client.get(url, headers={"Range": f"bytes={start}-{stop - 1}"}) as answer:
            assert answer.status == 206
            assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"
            assert await answer.read() == whole[start:stop]
    async with origin.client.head(url) as answer:
        assert answer.content_length == len(whole)
        assert answer.headers["Content-Type"] == "video/mp4"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
