"""Codecs that are carried: every picture and every packet of sound comes out as it went in."""

import os
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from core.isobmff.box import box
from core.isobmff.visual_extensions import child_content
from native import TrackIndex
from origin.packaging.copy import copy_tracks
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.progress import Unwatched
from origin.packaging.report import Reach, SourceReport
from origin.packaging.track import CopyOutcome, PackagedTrack
from tests.fixtures.boxes import Box, top
from tests.fixtures.high_efficiency import PLAIN, STEREO, make_high_efficiency
from tests.fixtures.media import Picture, Sound, assemble, make_clip
from tests.fixtures.sources import packets, pictures
from tests.fixtures.spliced import splice

HDR = (9, 16, 9)
DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
X265 = (("x265-params", "log-level=none:pools=1:frame-threads=1:keyint=12:min-keyint=12"),)
OPEN_X265 = (
    (
        "x265-params",
        "log-level=none:pools=1:frame-threads=1:keyint=12:min-keyint=12:open-gop=1:bframes=3",
    ),
)
HDR10_X265 = (
    (
        "x265-params",
        f"log-level=none:pools=1:frame-threads=1:hdr10=1:max-cll=1000,400:master-display={DISPLAY}",
    ),
)
HEVC = Picture(codec="libx265", gop=12, count=40, options=X265)
HEVC_10 = Picture(codec="libx265", gop=12, count=30, pixel_format="yuv420p10le", colour=HDR)
AV1 = Picture(codec="libsvtav1", gop=12, count=30, width=128, height=96, b_frames=0)
AV1_10 = Picture(
    codec="libsvtav1", gop=12, count=20, width=128, height=96, b_frames=0,
    pixel_format="yuv420p10le", colour=HDR,
)  # fmt: skip
VP9 = Picture(codec="libvpx-vp9", gop=12, count=40, b_frames=0)
VP9_HIDDEN = Picture(
    codec="libvpx-vp9", gop=20, count=60, b_frames=0,
    options=(("deadline", "good"), ("auto-alt-ref", "1"), ("lag-in-frames", "12")),
)  # fmt: skip

PICTURES = [
    ("hevc.mp4", HEVC, "hvc1.1.6.L30.90", Reach.SOME),
    ("hevc.mov", HEVC, "hvc1.1.6.L30.90", Reach.SOME),
    ("hevc.mkv", HEVC, "hvc1.1.6.L30.90", Reach.SOME),
    ("hevc.ts", HEVC, "hvc1.1.6.L30.90", Reach.SOME),
    (
        "open.mp4",
        Picture(codec="libx265", count=40, options=OPEN_X265),
        "hvc1.1.6.L30.90",
        Reach.SOME,
    ),
    (
        "open.ts",
        Picture(codec="libx265", count=40, options=OPEN_X265),
        "hvc1.1.6.L30.90",
        Reach.SOME,
    ),
    ("hevc10.mp4", HEVC_10, "hvc1.2.4.L30.90", Reach.SOME),
    ("hevc10.ts", HEVC_10, "hvc1.2.4.L30.90", Reach.SOME),
    ("av1.mp4", AV1, "av01.0.00M.08", Reach.BROWSERS),
    ("av1.webm", AV1, "av01.0.00M.08", Reach.BROWSERS),
    ("av1-10.mkv", AV1_10, "av01.0.00M.10.0.110.09.16.09.0", Reach.BROWSERS),
    ("vp9.mp4", VP9, "vp09.00.10.08", Reach.BROWSERS),
    ("vp9.webm", VP9, "vp09.00.10.08", Reach.BROWSERS),
    ("superframes.webm", VP9_HIDDEN, "vp09.00.10.08", Reach.BROWSERS),
    ("h264.ts", Picture(gop=12), "avc1.4d400a", Reach.EVERYWHERE),
    ("high10.mp4", Picture(gop=12, pixel_format="yuv420p10le"), "avc1.6e000a", Reach.SOME),
    ("high422.mkv", Picture(gop=12, pixel_format="yuv422p10le"), "avc1.7a000a", Reach.SOME),
]
SOUNDS = [
    ("aac.ts", "aac", "mp4a.40.2", Reach.EVERYWHERE),
    ("ac3.mp4", "ac3", "ac-3", Reach.SOME),
    ("ac3.mkv", "ac3", "ac-3", Reach.SOME),
    ("ac3.ts", "ac3", "ac-3", Reach.SOME),
    ("eac3.mp4", "eac3", "ec-3", Reach.SOME),
    ("eac3.mkv", "eac3", "ec-3", Reach.SOME),
    ("eac3.ts", "eac3", "ec-3", Reach.SOME),
    ("opus.mp4", "libopus", "opus", Reach.BROWSERS),
    ("opus.webm", "libopus", "opus", Reach.BROWSERS),
    ("opus.ts", "libopus", "opus", Reach.BROWSERS),
    ("flac.mp4", "flac", "fLaC", Reach.BROWSERS),
    ("flac.mkv", "flac", "fLaC", Reach.BROWSERS),
    ("flac.flac", "flac", "fLaC", Reach.BROWSERS),
    ("mp3.mp4", "libmp3lame", "mp4a.6B", Reach.SOME),
    ("mp3.mkv", "libmp3lame", "mp4a.6B", Reach.SOME),
    ("mp3.mp3", "libmp3lame", "mp4a.6B", Reach.SOME),
]


@dataclass(frozen=True)
class Carried:
    """A clip and what came of it."""

    path: Path
    report: SourceReport
    track: PackagedTrack

    @property
    def index(self) -> TrackIndex:
        return TrackIndex((self.track.directory / "track.idx").read_bytes())

    @property
    def entry(self) -> bytes:
        return self.track.description.sample_entry


def ingest(path: Path) -> tuple[SourceReport, CopyOutcome]:
    report = probe(path, Limits())
    return report, copy_tracks(path, report, path.parent / f"{path.name}.out", Unwatched())


def carried(path: Path) -> Carried:
    report, outcome = ingest(path)
    assert (outcome.rejected, outcome.repaired) == ((), "")
    (track,) = outcome.tracks
    return Carried(path, report, track)


@cache
def clip(folder: Path, name: str, picture: Picture | None, sound: Sound | None) -> Carried:
    return carried(make_clip(folder / name, picture, *([sound] if sound else [])))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("carried")


@pytest.mark.parametrize(
    ("name", "picture", "codec", "reach"), PICTURES, ids=lambda value: str(value)[:12]
)
def test_every_picture_comes_out_as_it_was(
    folder: Path, name: str, picture: Picture, codec: str, reach: Reach
) -> None:
    found = clip(folder, name, picture, None)
    assert found.track.description.codec == codec
    assert found.report.video is not None
    assert found.report.video.reach is reach
    out = folder / f"{name}.whole.mp4"
    out.write_bytes(assemble(found.track.directory))
    source, seen = list(pictures(found.path)), list(pictures(out))
    assert len(source) == picture.count
    start = source[0][0]
    half_tick = Fraction(1, 2 * found.track.timescale)
    assert [digest for _, digest in seen] == [digest for _, digest in source]
    for (time, _), (shown, _) in zip(source, seen, strict=True):
        assert abs(time - start - shown) <= half_tick


@pytest.mark.parametrize(("name", "codec", "named", "reach"), SOUNDS)
def test_every_packet_of_sound_comes_out_as_it_was(
    folder: Path, name: str, codec: str, named: str, reach: Reach
) -> None:
    found = clip(folder, name, None, Sound(codec=codec, samples=100_000))
    assert found.track.description.codec == named
    assert found.report.audio[0].reach is reach
    sizes = [found.index.sample(n)[1] for n in range(found.index.sample_count)]
    flat = (found.track.directory / "track.flat").read_bytes()
    source = [packet.data for packet in packets(found.path)]
    assert sizes == [len(packet) for packet in source]
    assert flat == b"".join(source)


HIGH_EFFICIENCY = [
    ("plain.mp4", PLAIN, "", "mp4a.40.5"),
    ("plain-told.mp4", PLAIN, "2b920800", "mp4a.40.5"),
    ("plain-announced.mp4", PLAIN, "139056e5a0", "mp4a.40.5"),
    ("plain-told.mkv", PLAIN, "2b920800", "mp4a.40.5"),
    ("plain.ts", PLAIN, "", "mp4a.40.5"),
    ("stereo.mp4", STEREO, "", "mp4a.40.29"),
    ("stereo-told.mp4", STEREO, "eb8a0800", "mp4a.40.29"),
    ("stereo-announced.mp4", STEREO, "138856e5a54880", "mp4a.40.29"),
    ("stereo.ts", STEREO, "", "mp4a.40.29"),
]


@pytest.mark.parametrize(("name", "adts", "configuration", "codec"), HIGH_EFFICIENCY)
def test_high_efficiency_is_told_however_the_file_signals_it(
    folder: Path, name: str, adts: bytes, configuration: str, codec: str
) -> None:
    """By the frames alone, as the object type, or behind it (ISO/IEC 14496-3 §1.6.5)."""
    path = make_high_efficiency(folder / name, adts, bytes.fromhex(configuration))
    found = carried(path)
    description, index = found.track.description, found.index
    assert (description.codec, description.sample_rate, description.channels) == (codec, 44_100, 2)
    assert (index.timescale, index.duration) == (44_100, 2048 * index.sample_count)
    assert (found.track.directory / "track.flat").read_bytes() == b"".join(
        packet.data for packet in packets(path)
    )
    record = bytes.fromhex(configuration)
    assert record in found.entry


ENDS = [
    ("opus.mp4", "libopus", 312, 100_000),
    ("opus.webm", "libopus", 312, 100_000),
    ("opus-ends-between-milliseconds.webm", "libopus", 312, 50_000),
    ("flac.mp4", "flac", 0, 100_000),
    ("flac.mkv", "flac", 0, 100_000),
    ("flac.flac", "flac", 0, 100_000),
    ("mp3.mp4", "libmp3lame", 1105, 100_000),
    ("mp3.mp3", "libmp3lame", 1105, 100_000),
    ("ac3.mp4", "ac3", 256, None),
    ("eac3.mkv", "eac3", 256, None),
]


@pytest.mark.parametrize(("name", "codec", "priming", "presented"), ENDS)
def test_what_is_presented_is_what_went_into_the_encoder(
    folder: Path, name: str, codec: str, priming: int, presented: int | None
) -> None:
    samples = presented or 100_000
    index = clip(folder, name, None, Sound(codec=codec, samples=samples)).index
    assert (index.priming, index.base_time, index.timescale) == (priming, 0, 48_000)
    lasts = index.duration - index.priming
    if presented is None:  # Dolby's frames are whole, and no container trims them
        presented = -(-100_000 // 1536) * 1536 - priming
    assert lasts == presented


CONFIGURATIONS = [
    ("hevc.mp4", HEVC, None, b"hvcC"),
    ("hevc10.mp4", HEVC_10, None, b"hvcC"),
    ("vp9.mp4", VP9, None, b"vpcC"),
    ("high10.mp4", Picture(gop=12, pixel_format="yuv420p10le"), None, b"avcC"),
    ("ac3.mp4", None, "ac3", b"dac3"),
    ("eac3.mp4", None, "eac3", b"dec3"),
    ("opus.mp4", None, "libopus", b"dOps"),
    ("flac.mp4", None, "flac", b"dfLa"),
]


def stsd(path: Path) -> Box:
    boxes = top(path.read_bytes()).find("moov/trak/mdia/minf/stbl/stsd")
    (entry,) = boxes.children(8)
    return entry


@pytest.mark.parametrize(("name", "picture", "codec", "kind"), CONFIGURATIONS)
def test_configurations_are_those_that_ffmpeg_writes(
    folder: Path, name: str, picture: Picture | None, codec: str | None, kind: bytes
) -> None:
    sound = None if codec is None else Sound(codec=codec, samples=100_000)
    found = clip(folder, name, picture, sound)
    fields = 28 if sound else 78
    (theirs,) = [box.payload for box in stsd(found.path).children(fields) if box.kind == kind]
    ours = child_content(found.entry, kind, 8 + fields)
    if kind == b"hvcC":  # `hev1`, whose arrays need not be complete; and SEI of the encoder
        assert ours[:22] == theirs[:22]
    elif kind == b"vpcC":  # the chroma's place and the colour, which VP9 says in part
        assert ours[:7] == theirs[:7]
    else:
        assert ours == theirs


def test_configurations_of_a_stream_are_those_of_the_file(folder: Path) -> None:
    in_file, streamed = clip(folder, "hevc.mp4", HEVC, None), clip(folder, "hevc.ts", HEVC, None)
    ours = [child_content(each.entry, b"hvcC", 86) for each in (in_file, streamed)]
    assert ours[1][:22] == ours[0][:22]


def test_hdr10_is_told_as_the_encoder_was_told(folder: Path) -> None:
    for name in ("hdr10.mp4", "hdr10.mkv"):
        picture = Picture(
            codec="libx265", gop=12, count=13, pixel_format="yuv420p10le", colour=HDR,
            options=HDR10_X265,
        )  # fmt: skip
        found = clip(folder, name, picture, None)
        (box,) = top(found.entry).children()
        children = {child.kind: child for child in box.children(78)}
        assert children[b"colr"].payload == b"nclx\0\x09\0\x10\0\x09\0"
        numbers = [13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450]
        assert list(children[b"mdcv"].fields("8HII", 0)) == [*numbers, 10_000_000, 50]
        assert children[b"clli"].fields("HH", 0) == (1000, 400)
        assert found.track.description.video_range == "PQ"


DOLBY_VISION = [
    ("0100103510", "hvc1", "hvc1.2.4.L30.90", "dvh1.08.06/db1p", b"dvvC"),
    ("01000a3500", "dvh1", "dvh1.05.06", "", b"dvcC"),
]


@pytest.mark.parametrize(("head", "entry", "codec", "supplement", "kind"), DOLBY_VISION)
def test_dolby_vision_is_told_beside_the_codec_or_instead(
    tmp_path: Path, head: str, entry: str, codec: str, supplement: str, kind: bytes
) -> None:
    """With a record made by hand: no encoder at hand writes its metadata."""
    record = bytes.fromhex(head).ljust(24, b"\0")
    clip = make_clip(tmp_path / "clip.mp4", HEVC_10)
    flat = (carried(clip).track.directory / "track.flat").read_bytes()
    for found in (
        carried(with_entry(clip, entry, box(kind, record))),
        carried(in_matroska(with_entry(clip, "hvc1", box(kind, record)))),
    ):
        description = found.track.description
        assert (description.codec, description.supplemental_codec) == (codec, supplement)
        assert description.video_range == "PQ"
        assert found.entry[4:8] == entry.encode()
        assert child_content(found.entry, kind, 86) == record
        assert (found.track.directory / "track.flat").read_bytes() == flat


def with_entry(clip: Path, kind: str, more: bytes) -> Path:
    """Write the same with another kind of sample entry, and a box more in it."""
    path = clip.with_name(f"{kind}-{clip.name}")
    return splice(path, clip, entry_of=lambda entry: box(kind.encode(), entry[8:], more))


def in_matroska(film: Path) -> Path:
    """Write the same into Matroska, as FFmpeg does."""
    path = film.with_name(f"in-matroska-{film.stem}.mkv")
    ffmpeg = os.environ.get("SLUICE_FFMPEG", "ffmpeg")
    words = [ffmpeg, "-loglevel", "error", "-i", str(film), "-c", "copy", "-strict", "unofficial"]
    subprocess.run([*words, str(path)], check=True, timeout=60)
    return path


def test_an_open_gop_may_be_cut_and_is_told_apart(folder: Path) -> None:
    picture = Picture(codec="libx265", count=40, options=OPEN_X265)
    index = clip(folder, "open.mp4", picture, None).index
    cuts = index.sync_times()
    assert len(cuts) == 4
    offsets = [index.sample(number)[4] for number, _ in cuts]
    assert offsets[0] == 0
    assert all(offset > 0 for offset in offsets[1:])  # pictures before it in time come after it


def test_tracks_that_do_not_play_everywhere_are_named_with_their_codec(folder: Path) -> None:
    assert clip(folder, "hevc.mp4", HEVC, None).track.name == "48p-hevc"
    sound = Sound(codec="libopus", samples=100_000)
    assert clip(folder, "opus.mp4", None, sound).track.name == "audio-und-2ch-opus"


def test_the_matrix_and_the_pixel_aspect_are_kept(folder: Path) -> None:
    picture = Picture(
        codec="libx265", gop=12, count=3, rotation=90, pixel_aspect=Fraction(4, 3), options=X265
    )
    found = clip(folder, "turned.mp4", picture, None)
    (box,) = top(found.entry).children()
    assert [box.fields("II", 0) for box in box.children(78) if box.kind == b"pasp"] == [(4, 3)]
    assert found.report.video is not None
    assert found.track.description.matrix == found.report.video.matrix
    assert found.report.video.turned


def test_a_stream_whose_pictures_jump_is_encoded_anew(tmp_path: Path) -> None:
    times = (*range(20), *range(10_000, 10_020))
    picture = Picture(gop=10, times=times, time_base=Fraction(1, 25))
    _, outcome = ingest(make_clip(tmp_path / "clip.ts", picture))
    (rejected,) = outcome.rejected
    assert "jumps" in rejected.reason


def test_a_stream_that_is_damaged_in_the_middle_is_encoded_anew(tmp_path: Path) -> None:
    parts = [make_clip(tmp_path / f"{n}.ts", Picture(gop=10, count=20)) for n in (1, 2)]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    _, outcome = ingest(path)
    (rejected,) = outcome.rejected
    assert "damaged" in rejected.reason
