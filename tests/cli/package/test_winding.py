"""I-frame playlists in a folder: stretches of the segments that decode to the key pictures."""

import hashlib
import io
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import av
import pytest

from cli.package.bar import Unseen
from core.media.presentation import TrackKind
from core.protection.content_key import ContentKey
from core.protection.scheme import Scheme
from origin.static.package import package
from origin.static.request import Arrangement, PackageProtection, PackageRequest
from tests.fixtures.boxes import top
from tests.fixtures.decryption import decrypt_fragment, decrypt_resource, read_init
from tests.fixtures.playlists import parse_playlist

DASH = {"dash": "urn:mpeg:dash:schema:mpd:2011"}
TRICK_MODE = "http://dashif.org/guidelines/trickmode"
KEY = ContentKey(bytes(range(16)), bytes(range(16, 32)))


def shown(frame: av.VideoFrame) -> str:
    """Digest of a picture."""
    rows = (
        bytes(plane)[row * plane.line_size :][: plane.width]
        for plane in frame.planes
        for row in range(plane.height)
    )
    return hashlib.sha256(b"".join(rows)).hexdigest()


def keys_of(film: Path) -> list[tuple[Fraction, str]]:
    """Time in seconds and digest of every key picture."""
    with av.open(str(film), "r") as container:
        container.streams.video[0].codec_context.skip_frame = "NONKEY"
        return [
            (frame.pts * frame.time_base, shown(frame))
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


def stretch(folder: Path, address: str, byte_range: str) -> bytes:
    """What a byte range of a playlist says, read."""
    length, start = map(int, byte_range.split("@"))
    data = (folder / address).read_bytes()[start : start + length]
    assert len(data) == length
    return data


def picture(init: bytes, data: bytes) -> str:
    """Digest of the picture with which a stretch of a segment begins."""
    with av.open(io.BytesIO(init + data), "r") as container:
        packet = next(container.demux(video=0))
        context = container.streams.video[0].codec_context
        (frame,) = [*context.decode(packet), *context.decode(None)]
    return shown(frame)


@pytest.mark.parametrize("arrangement", Arrangement)
def test_each_stretch_decodes_to_the_key_picture_at_its_time(
    films: Path, tmp_path: Path, arrangement: Arrangement
) -> None:
    request = PackageRequest([films / "large.mp4"], tmp_path / "out", 2.0, arrangement)
    package(request, Unseen())
    master = (tmp_path / "out" / "master.m3u8").read_text()
    (uri,) = re.findall(r'#EXT-X-I-FRAME-STREAM-INF:.*,URI="([^"]*)"', master)
    folder = (tmp_path / "out" / uri).parent
    playlist = parse_playlist((tmp_path / "out" / uri).read_text())
    assert len(playlist.all("EXT-X-I-FRAMES-ONLY")) == 1
    described = playlist.one("EXT-X-MAP")
    init = (folder / described.text("URI")).read_bytes()
    if arrangement is Arrangement.SINGLE_FILE:
        init = stretch(folder, described.text("URI"), described.text("BYTERANGE"))
    keys = keys_of(films / "large.mp4")
    start = Fraction(0)
    assert len(playlist.entries) == len(keys) == 3
    for (tags, address), (time, digest) in zip(playlist.entries, keys, strict=True):
        values = {tag.name: tag.value for tag in tags}
        assert start == time
        assert picture(init, stretch(folder, address, values["EXT-X-BYTERANGE"])) == digest
        start += Fraction(values["EXTINF"].removesuffix(","))


def test_dash_names_no_trick_mode_that_a_template_could_not_address(
    films: Path, tmp_path: Path
) -> None:
    package(PackageRequest([films / "large.mp4"], tmp_path / "out", 2.0), Unseen())
    assert "trickmode" not in (tmp_path / "out" / "manifest.mpd").read_text()


@pytest.mark.parametrize("arrangement", Arrangement)
@pytest.mark.parametrize("scheme", [None, Scheme.CENC, Scheme.CBCS])
def test_files_of_their_own_are_the_key_pictures_in_both_manifests(
    films: Path, tmp_path: Path, arrangement: Arrangement, scheme: Scheme | None
) -> None:
    out = wound(films / "large.mp4", tmp_path / "out", arrangement, scheme)
    listed = list(in_hls(out))
    assert listed == list(in_dash(out))
    keys = keys_of(films / "large.mp4")
    assert [time for time, _, _ in listed] == [time for time, _ in keys]
    for (_, init, data), (_, digest) in zip(listed, keys, strict=True):
        if scheme is None:
            assert picture(init, data) == digest
        else:
            (sample,) = decrypt_fragment(data, read_init(init), KEY.secret)
            assert picture_of_sample(films / "large.mp4", sample) == digest
    files = [path for path in out.rglob("*") if path.suffix in {".mp4", ".m4s"}]
    assert {path.name for path in files if "iframe" in str(path)} == (
        {"iframes.mp4"} if arrangement is Arrangement.SINGLE_FILE else {"0.m4s", "1.m4s", "2.m4s"}
    )


def wound(film: Path, out: Path, arrangement: Arrangement, scheme: Scheme | None = None) -> Path:
    """Make a folder that has them, and see that its size is told."""
    protection = None
    if scheme is not None:
        keys = {TrackKind.VIDEO: KEY, TrackKind.AUDIO: KEY}
        protection = PackageProtection(scheme, keys, bytes(range(32, 48)))
    told = package(
        PackageRequest([film], out, 2.0, arrangement, protection=protection, trick_play=True),
        Unseen(),
    )
    assert told.size_bytes == sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return out


def in_hls(out: Path) -> Iterator[tuple[Fraction, bytes, bytes]]:
    """Time, init segment and fragment of each, as the I-frame playlist has them."""
    (uri,) = re.findall(r'URI="([^"]*/iframe.m3u8)"', (out / "master.m3u8").read_text())
    playlist, folder = parse_playlist((out / uri).read_text()), (out / uri).parent
    described = playlist.one("EXT-X-MAP")
    init = part(folder, described.text("URI"), described.attributes.get("BYTERANGE", ""))
    start = Fraction(0)
    for tags, address in playlist.entries:
        values = {tag.name: tag.value for tag in tags}
        yield start, init, bare(part(folder, address, values.get("EXT-X-BYTERANGE", "")))
        start += Fraction(values["EXTINF"].removesuffix(","))


def in_dash(out: Path) -> Iterator[tuple[Fraction, bytes, bytes]]:
    """The same, as the set for trick mode of the MPD has them."""
    root = ET.fromstring((out / "manifest.mpd").read_bytes())
    (found,) = [
        each
        for each in root.iterfind(".//dash:AdaptationSet", DASH)
        if each.find(f"dash:EssentialProperty[@schemeIdUri='{TRICK_MODE}']", DASH) is not None
    ]
    url = found.findtext(".//dash:BaseURL", namespaces=DASH)
    if url is not None:
        yield from indexed((out / url).read_bytes())
        return
    (template,) = found.iterfind(".//dash:SegmentTemplate", DASH)
    init = (out / template.attrib["initialization"]).read_bytes()
    time = Fraction(0)
    lasting = [
        Fraction(int(each.attrib["d"]), int(template.attrib["timescale"]))
        for each in template.iterfind(".//dash:S", DASH)
        for _ in range(int(each.get("r", "0")) + 1)
    ]
    for number, duration in enumerate(lasting):
        address = template.attrib["media"].replace("$Number$", str(number))
        yield time, init, bare((out / address).read_bytes())
        time += duration


def indexed(data: bytes) -> Iterator[tuple[Fraction, bytes, bytes]]:
    """What the `sidx` of a file says lies in it, to the last byte."""
    at = data.index(b"sidx") - 4
    sidx, init = data[at:], data[:at]
    length, timescale = int.from_bytes(sidx[:4]), int.from_bytes(sidx[16:20])
    count, at, time = int.from_bytes(sidx[38:40]), at + length, 0
    for place in range(40, 40 + 12 * count, 12):
        size, lasts = int.from_bytes(sidx[place : place + 4]), int.from_bytes(sidx[place + 4 :][:4])
        yield Fraction(time, timescale), init, data[at : at + size]
        at, time = at + size, time + lasts
    assert at == len(data)


def part(folder: Path, address: str, byte_range: str) -> bytes:
    byte_range = byte_range.strip('"')
    return stretch(folder, address, byte_range) if byte_range else (folder / address).read_bytes()


def bare(segment: bytes) -> bytes:
    """A segment without its `styp`, which fragments of a file have not."""
    first, *_ = top(segment).children()
    return segment[first.size :] if first.kind == b"styp" else segment


def picture_of_sample(film: Path, sample: bytes) -> str:
    """Digest of what a bare sample decodes to, with the film's configuration."""
    with av.open(str(film), "r") as container:
        context = container.streams.video[0].codec_context
        (frame,) = [*context.decode(av.Packet(sample)), *context.decode(None)]
    return shown(frame)


def test_whole_resources_are_wound_through_by_files_of_their_own(
    films: Path, tmp_path: Path
) -> None:
    """Of a segment that is encrypted as a whole no stretch can be had, so there is no other way."""
    out = wound(films / "large.mp4", tmp_path / "out", Arrangement.SEGMENTS, Scheme.AES_128)
    (uri,) = re.findall(r'URI="([^"]*/iframe.m3u8)"', (out / "master.m3u8").read_text())
    text, folder = (out / uri).read_text(), (out / uri).parent
    vectors = re.findall(r"EXT-X-KEY:METHOD=AES-128,URI=\"[^\"]*\",IV=0x([0-9a-f]{32})", text)
    names = re.findall(r"^iframe/\d+\.m4s$", text, re.MULTILINE)
    init = (folder / "init.mp4").read_bytes()
    shown_there = [
        picture(init, decrypt_resource((folder / name).read_bytes(), KEY.secret, bytes.fromhex(iv)))
        for name, iv in zip(names, vectors, strict=True)
    ]
    assert shown_there == [digest for _, digest in keys_of(films / "large.mp4")]


def test_a_film_that_is_copied_first_is_wound_through_as_well(films: Path, tmp_path: Path) -> None:
    """What is in Matroska lies in a flat file when it is cut, not in the film."""
    remuxed = tmp_path / "film.mkv"
    with (
        av.open(str(films / "large.mp4"), "r") as source,
        av.open(str(remuxed), "w") as output,
    ):
        track = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = track
                output.mux(packet)
    out = wound(remuxed, tmp_path / "out", Arrangement.SINGLE_FILE)
    found = [picture(init, data) for _, init, data in in_dash(out)]
    assert found == [digest for _, digest in keys_of(films / "large.mp4")]
