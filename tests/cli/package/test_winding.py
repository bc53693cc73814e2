"""I-frame playlists in a folder: stretches of the segments that decode to the key pictures."""

import hashlib
import io
import re
from fractions import Fraction
from pathlib import Path

import av
import pytest

from cli.package.bar import Unseen
from origin.static.package import package
from origin.static.request import Arrangement, PackageRequest
from tests.fixtures.playlists import parse_playlist


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
