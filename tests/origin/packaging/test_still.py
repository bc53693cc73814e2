"""The picture of a moment: exactly that one, turned, in its size, in both formats."""

import io
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame

from core.media.thumbnail import ImageFormat
from origin.packaging.copy import copy_tracks
from origin.packaging.faults import CorruptSource
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.progress import CancelledError, Unwatched
from origin.packaging.still import run_to, still
from origin.packaging.track import FLAT_NAME
from origin.stored_track import StoredTrack
from tests.fixtures.media import Picture, make_clip, read_number

LIMITS = Limits()
X265 = "log-level=none:pools=1:frame-threads=1:keyint=20:min-keyint=20:open-gop=1"


def track_of(path: Path, picture: Picture) -> Path:
    """Make a clip and publish its picture; gives the track's folder."""
    make_clip(path, picture)
    report = probe(path, LIMITS)
    (track,) = copy_tracks(path, report, path.with_suffix(""), Unwatched(), limits=LIMITS).tracks
    return track.directory


def shown(track: Path, at_ms: int, width: int = 160, image: str = "jpg") -> VideoFrame:
    data = still(track, at_ms, width, ImageFormat(image), Unwatched(), limits=LIMITS)
    with av.open(io.BytesIO(data), "r") as container:
        return next(container.decode(video=0))


@pytest.mark.parametrize(
    "picture",
    [
        Picture(count=60, gop=25, b_frames=2),
        Picture(count=60, gop=60, b_frames=0, rate=Fraction(30000, 1001)),
        Picture(codec="libx265", count=60, gop=20, options=(("x265-params", X265),)),
        Picture(codec="libvpx-vp9", count=30, gop=10, b_frames=0),
    ],
    ids=["h264 with B pictures", "29.97", "hevc with open groups", "vp9"],
)
def test_at_every_picture_s_time_it_is_that_picture(tmp_path: Path, picture: Picture) -> None:
    suffix = ".webm" if picture.codec == "libvpx-vp9" else ".mp4"
    track = track_of(tmp_path / f"clip{suffix}", picture)
    for number in (0, 1, 7, 18, 19, 20, 21, picture.count - 1):
        at_ms = round(1000 * number / picture.rate)
        assert read_number(shown(track, at_ms)) == number
        later = at_ms + int(500 / picture.rate)
        assert read_number(shown(track, later)) == number


def test_no_more_is_decoded_than_from_the_sync_sample_before(tmp_path: Path) -> None:
    index = StoredTrack.open(track_of(tmp_path / "clip.mp4", Picture(count=100, gop=25))).index
    assert run_to(index, 0) == (0, 0)
    first, wanted = run_to(index, 2120)
    assert first == 50
    assert 50 <= wanted < 60
    assert run_to(index, 10**9)[0] == 75


@pytest.mark.parametrize("image", ImageFormat)
def test_it_is_as_wide_as_was_asked_and_never_blown_up(tmp_path: Path, image: ImageFormat) -> None:
    track = track_of(tmp_path / "clip.mp4", Picture(count=5, width=400, height=226))
    sizes = [(frame.width, frame.height) for frame in (
        shown(track, 0, width, image) for width in (160, 320, 1920)
    )]  # fmt: skip
    assert sizes == [(160, 90), (320, 181), (400, 226)]


def test_a_film_that_stands_on_its_side_is_turned(tmp_path: Path) -> None:
    upright = Picture(count=5, width=320, height=180, rotation=90)
    frame = shown(track_of(tmp_path / "clip.mp4", upright), 0, 160)
    assert (frame.width, frame.height) == (160, 284)


def test_colours_are_those_of_the_film(tmp_path: Path) -> None:
    """A film of BT.709 was shown by the matrix of BT.601, by which JPEG and WebP are read."""
    green = (173, 42, 26)  # 0, 255, 0 in BT.709
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_range = 1, 1
        context.color_primaries, context.color_trc = 1, 1
        frame = VideoFrame(64, 64, "yuv420p")
        for plane, value in zip(frame.planes, green, strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        for number in range(3):
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    report = probe(path, LIMITS)
    (track,) = copy_tracks(path, report, tmp_path / "out", Unwatched(), limits=LIMITS).tracks
    for image in ("jpg", "webp"):
        picture = shown(track.directory, 0, 160, image).reformat(format="rgb24", src_colorspace=5)
        pixel = bytes(picture.planes[0])[:3]
        assert all(abs(one - other) <= 4 for one, other in zip(pixel, (0, 255, 0), strict=True))


def test_for_a_damaged_picture_stands_the_one_before_it(tmp_path: Path) -> None:
    picture = Picture(codec="libvpx-vp9", count=10, gop=10, b_frames=0)
    track = track_of(tmp_path / "clip.webm", picture)
    stored = StoredTrack.open(track)
    offset, size, *_ = stored.index.sample(5)
    data = bytearray((track / FLAT_NAME).read_bytes())
    data[offset : offset + size] = bytes(size)
    (track / FLAT_NAME).write_bytes(data)
    assert read_number(shown(track, 200)) == 4


def test_where_nothing_can_be_decoded_it_says_so(tmp_path: Path) -> None:
    track = track_of(tmp_path / "clip.mp4", Picture(count=5))
    (track / FLAT_NAME).write_bytes(bytes((track / FLAT_NAME).stat().st_size))
    with pytest.raises(CorruptSource, match="No picture at this time"):
        shown(track, 100)


def test_it_ends_when_its_time_is_over(tmp_path: Path) -> None:
    class Impatient(Unwatched):
        def cancelled(self) -> bool:
            return True

    track = track_of(tmp_path / "clip.mp4", Picture(count=5))
    with pytest.raises(CancelledError):
        still(track, 0, 160, ImageFormat.JPEG, Impatient(), limits=LIMITS)
