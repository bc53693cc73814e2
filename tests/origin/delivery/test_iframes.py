"""I-frames over HTTP: each decodes by itself to the very picture of the film, at its time."""

import hashlib
import io
import re
from fractions import Fraction
from itertools import pairwise
from xml.etree import ElementTree as ET

import av
import pytest

from tests.fixtures.boxes import fragment_samples
from tests.fixtures.origin import Delivery, Prepared, variant_folders

pytestmark = pytest.mark.postgres

DASH = {"": "urn:mpeg:dash:schema:mpd:2011"}
IMMUTABLE = "public, max-age=31536000, immutable"


def pictures(data: bytes, *, keys_alone: bool = False) -> list[tuple[Fraction, str]]:
    """Time in seconds and digest of every picture."""
    found = []
    with av.open(io.BytesIO(data), "r") as container:
        if keys_alone:
            container.streams.video[0].codec_context.skip_frame = "NONKEY"
        for frame in container.decode(video=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            pixels = b"".join(
                bytes(plane)[row * plane.line_size :][: plane.width]
                for plane in frame.planes
                for row in range(plane.height)
            )
            found.append((frame.pts * frame.time_base, hashlib.sha256(pixels).hexdigest()))
    return found


async def listed(origin: Delivery, video_id: str, folder: str) -> list[tuple[Fraction, str]]:
    """Start and address of every I-frame in the playlist."""
    text = (await origin.get(video_id, f"{folder}/iframe.m3u8")).decode()
    lines = text.splitlines()
    assert "#EXT-X-I-FRAMES-ONLY" in lines
    found, start = [], Fraction(0)
    for line, address in pairwise(lines):
        if line.startswith("#EXTINF:"):
            found.append((start, address))
            start += Fraction(line.removeprefix("#EXTINF:").removesuffix(","))
    return found


async def test_each_i_frame_decodes_alone_to_the_key_picture_of_the_film(
    prepared: Prepared, origin: Delivery
) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    init = await origin.get(prepared.video_id, f"{folder}/init.mp4")
    keys = pictures(prepared.clip.read_bytes(), keys_alone=True)
    found = await listed(origin, prepared.video_id, folder)
    assert len(found) == len(keys) > 1
    for (start, address), (time, digest) in zip(found, keys, strict=True):
        alone = await origin.get(prepared.video_id, f"{folder}/{address}")
        assert pictures(init + alone) == [(time, digest)]
        assert abs(start - time) < Fraction(1, 1_000_000)


async def test_i_frames_in_a_row_follow_one_another_without_a_gap(
    prepared: Prepared, origin: Delivery
) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    end = None
    for _, address in await listed(origin, prepared.video_id, folder):
        data = await origin.get(prepared.video_id, f"{folder}/{address}")
        decode_time, (alone,) = fragment_samples(data)
        assert end in {None, decode_time}
        assert alone.composition_offset == 0
        end = decode_time + alone.duration


async def test_manifests_lead_to_them(prepared: Prepared, origin: Delivery) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    addresses = [address for _, address in await listed(origin, prepared.video_id, folder)]
    master = (await origin.get(prepared.video_id, "master.m3u8")).decode()
    assert re.findall(r'#EXT-X-I-FRAME-STREAM-INF:.*CODECS="avc1.*,URI="([^"]*)"', master) == [
        f"{folder}/iframe.m3u8"
    ]
    mpd = ET.fromstring(await origin.get(prepared.video_id, "manifest.mpd"))
    (trick,) = (
        each
        for each in mpd.iterfind(".//AdaptationSet", DASH)
        if each.find("EssentialProperty", DASH) is not None
    )
    template = trick.find("Representation/SegmentTemplate", DASH)
    assert template is not None
    count = sum(1 + int(run.get("r", "0")) for run in template.iterfind("SegmentTimeline/S", DASH))
    assert [template.attrib["media"].replace("$Number$", str(n)) for n in range(count)] == [
        f"{folder}/{address}" for address in addresses
    ]


async def test_they_are_immutable_and_answer_ranges(prepared: Prepared, origin: Delivery) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    whole = await origin.get(prepared.video_id, f"{folder}/iframe/1.m4s")
    url = origin.media(prepared.video_id, f"{folder}/iframe/1.m4s")
    async with origin.client.get(url, headers={"Range": "bytes=100-299"}) as answer:
        assert answer.status == 206
        assert await answer.read() == whole[100:300]
        assert answer.headers["Cache-Control"] == IMMUTABLE
        assert answer.headers["Content-Type"] == "video/iso.segment"
    async with origin.client.get(url.replace("iframe/1.m4s", "iframe.m3u8")) as answer:
        assert answer.headers["Cache-Control"] == IMMUTABLE


@pytest.mark.parametrize(
    "name", ["iframe/4.m4s", "iframe/01.m4s", "iframe/x.m4s", "iframe/", "iframe/0.mp4", "iframe"]
)
async def test_there_are_no_others(prepared: Prepared, origin: Delivery, name: str) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[0]
    async with origin.client.get(origin.media(prepared.video_id, f"{folder}/{name}")) as answer:
        assert answer.status == 404


async def test_sound_has_none(prepared: Prepared, origin: Delivery) -> None:
    folder = (await variant_folders(origin, prepared.video_id))[-1]
    assert folder.startswith("a/")
    for name in ("iframe.m3u8", "iframe/0.m4s"):
        async with origin.client.get(origin.media(prepared.video_id, f"{folder}/{name}")) as answer:
            assert answer.status == 404
