"""What a probe says of sound sources and of faulty ones."""

from fractions import Fraction
from pathlib import Path

import pytest

from origin.packaging.faults import (
    EmptySource,
    NoMedia,
    SourceDimensions,
    TruncatedSource,
    UnsupportedCodec,
    readable_bytes,
)
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.report import Decision, Reach, SourceReport, VideoTrackInfo, sane_pixel_aspect
from tests.fixtures.media import Picture, Sound, make_clip


def examined(path: Path) -> SourceReport:
    return probe(path, Limits())


def video_of(path: Path) -> VideoTrackInfo:
    video = examined(path).video
    assert video is not None
    return video


def test_the_facts_of_a_clip(tmp_path: Path) -> None:
    picture = Picture(rate=Fraction(30000, 1001), pixel_aspect=Fraction(4, 3), colour=(1, 1, 1))
    sounds = (Sound(language="deu", title="Ton"), Sound(codec="ac3", layout="mono"))
    report = examined(make_clip(tmp_path / "clip.mkv", picture, *sounds))
    video = report.video
    assert video is not None
    assert report.container == "matroska,webm"
    assert report.duration_ms == pytest.approx(2000, abs=50)
    assert (video.codec, video.pixel_format, video.bit_depth) == ("h264", "yuv420p", 8)
    assert (video.width, video.height, video.pixel_aspect) == (64, 48, (4, 3))
    assert video.display_size == (85, 48)
    assert video.rate == Fraction(30000, 1001)
    assert (video.colour, video.full_range, video.interlaced) == ((1, 1, 1), False, False)
    german, other = report.audio
    assert (german.codec, german.language, german.label) == ("aac", "deu", "Ton")
    assert (german.channels, german.sample_rate, german.layout) == (2, 48000, "stereo")
    assert (other.codec, other.language, other.channels) == ("ac3", "und", 1)
    assert [track.decision for track in report.audio] == [Decision.COPY, Decision.COPY]
    assert [track.reach for track in report.audio] == [Reach.EVERYWHERE, Reach.SOME]


@pytest.mark.parametrize(
    ("name", "picture", "reason"),
    [
        ("clip.mp4", Picture(), ""),
        ("clip.mov", Picture(open_gop=True), ""),
        ("clip.mkv", Picture(pixel_format="yuvj420p"), ""),
        ("uneven.mp4", Picture(times=(0, 7, 9, 40), time_base=Fraction(1, 100)), ""),
        ("turned.mp4", Picture(rotation=180), ""),
        ("clip.ts", Picture(), ""),
        ("clip.avi", Picture(), "not stored as in MP4"),
        ("deep.mp4", Picture(pixel_format="yuv420p10le"), ""),
        ("chroma.mp4", Picture(pixel_format="yuv444p"), "yuv444p"),
        ("fields.mp4", Picture(options=(("flags", "+ildct+ilme"),)), "interlaced"),
        ("hevc.mp4", Picture(codec="libx265"), ""),
        ("hevc-chroma.mp4", Picture(codec="libx265", pixel_format="yuv444p"), "HEVC in the pixel"),
        ("mpeg4.mp4", Picture(codec="mpeg4"), "mpeg4"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_copied_and_what_is_not(
    tmp_path: Path, name: str, picture: Picture, reason: str
) -> None:
    video = video_of(make_clip(tmp_path / name, picture))
    assert video.decision is (Decision.TRANSCODE if reason else Decision.COPY)
    assert reason in video.reason


@pytest.mark.parametrize(
    ("codec", "rate", "decision", "reach"),
    [
        ("aac", 48_000, Decision.COPY, Reach.EVERYWHERE),
        ("aac", 96_000, Decision.COPY, Reach.BROWSERS),
        ("libopus", 48_000, Decision.COPY, Reach.BROWSERS),
        ("flac", 44_100, Decision.COPY, Reach.BROWSERS),
        ("libmp3lame", 24_000, Decision.COPY, Reach.SOME),
        ("libmp3lame", 11_025, Decision.TRANSCODE, Reach.EVERYWHERE),
        ("ac3", 48_000, Decision.COPY, Reach.SOME),
        ("eac3", 48_000, Decision.COPY, Reach.SOME),
        ("vorbis", 48_000, Decision.TRANSCODE, Reach.EVERYWHERE),
        ("pcm_s16le", 48_000, Decision.TRANSCODE, Reach.EVERYWHERE),
    ],
)
def test_where_sound_plays_as_it_is(
    tmp_path: Path, codec: str, rate: int, decision: Decision, reach: Reach
) -> None:
    path = make_clip(tmp_path / "clip.mkv", None, Sound(codec=codec, rate=rate, samples=rate // 4))
    (track,) = probe(path, Limits()).audio
    assert (track.decision, track.reach) == (decision, reach)


def test_uneven_times_are_noticed(tmp_path: Path) -> None:
    times = (0, 100, 150, 400, 1000, 1010, 1500, 3000)
    uneven = Picture(times=times, time_base=Fraction(1, 1000))
    assert video_of(make_clip(tmp_path / "uneven.mp4", uneven)).variable_rate
    assert not video_of(make_clip(tmp_path / "even.mp4", Picture())).variable_rate


def test_a_cover_picture_is_not_a_video_track(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "song.flac", None, Sound(codec="flac"))
    path.write_bytes(with_cover(path.read_bytes(), jpeg(tmp_path)))
    report = examined(path)
    assert report.video is None
    assert [(one.kind, one.reason) for one in report.ignored] == [
        ("video", "it is a cover picture")
    ]
    assert report.zero == (0, 1)


COMMON_ENCRYPTION = {
    "encryption_scheme": "cenc-aes-ctr", "encryption_key": "01" * 16, "encryption_kid": "02" * 16,
}  # fmt: skip


@pytest.mark.parametrize("more", [{}, {"movflags": "frag_keyframe+empty_moov"}])
def test_an_encrypted_file_is_refused_as_such(tmp_path: Path, more: dict[str, str]) -> None:
    options = COMMON_ENCRYPTION | more
    path = make_clip(tmp_path / "clip.mp4", Picture(), Sound(), options=options)
    with pytest.raises(UnsupportedCodec, match="This file is encrypted"):
        examined(path)


def test_encrypted_sound_beside_a_clear_picture_is_left_out(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(), Sound())
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"enca"))
    report = examined(path)
    assert report.video is not None
    assert report.audio == ()
    assert [(one.kind, one.reason) for one in report.ignored] == [("audio", "it is encrypted")]


def jpeg(tmp_path: Path) -> bytes:
    still = Picture(codec="mjpeg", pixel_format="yuvj420p", count=1)
    return make_clip(tmp_path / "still.jpg", still).read_bytes()


def with_cover(flac: bytes, picture: bytes) -> bytes:
    """Put a picture block behind the first block (RFC 9639 §8.8)."""
    mime = b"image/jpeg"
    block = (
        (3).to_bytes(4) + len(mime).to_bytes(4) + mime + (0).to_bytes(4)
        + b"".join(number.to_bytes(4) for number in (64, 48, 24, 0, len(picture))) + picture
    )  # fmt: skip
    end_of_first = 4 + 4 + int.from_bytes(flac[5:8])
    header = bytes([6]) + len(block).to_bytes(3)
    return flac[:end_of_first] + header + block + flac[end_of_first:]


def test_subtitles_alone_are_no_media(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", None, Sound(samples=960))
    data = path.read_bytes()
    audio_type = b"\x83\x81\x02"
    assert data.count(audio_type) == 1
    path.write_bytes(data.replace(audio_type, b"\x83\x81\x11"))
    with pytest.raises(NoMedia):
        examined(path)


def test_data_and_second_video_tracks_are_listed_as_ignored(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(), Sound(), options={"write_tmcd": "1"})
    report = examined(path)
    assert report.video is not None
    assert all(one.reason for one in report.ignored)


def test_the_limits_are_checked_before_decoding(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture())
    with pytest.raises(SourceDimensions, match="64×48 pixels; Sluice takes 63 pixels a side"):
        probe(path, Limits(largest_side=63))
    with pytest.raises(SourceDimensions, match="at least 49×49"):
        probe(path, Limits(smallest_side=49))
    with pytest.raises(SourceDimensions):
        probe(path, Limits(largest_area=64 * 47))


def test_the_message_for_an_empty_file_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "nothing.mp4"
    path.touch()
    with pytest.raises(EmptySource, match=r"^This file is empty \(0 bytes\)\.$"):
        examined(path)


def test_a_truncated_file_says_how_much_is_missing(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(), options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[:-100])
    with pytest.raises(TruncatedSource, match="100 bytes are missing") as caught:
        examined(path)
    assert caught.value.missing_bytes == 100


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (4100, "4.1 kB"), (21_474_836_480, "21.5 GB")],
)
def test_amounts_are_readable(count: int, words: str) -> None:
    assert readable_bytes(count) == words


@pytest.mark.parametrize(
    ("ratio", "sane"),
    [
        (None, (1, 1)),
        (Fraction(16, 11), (16, 11)),
        (Fraction(0), (1, 1)),
        (Fraction(1000), (1, 1)),
        (Fraction(1, 1000), (1, 1)),
    ],
)
def test_absurd_pixel_aspects_are_square(ratio: Fraction | None, sane: tuple[int, int]) -> None:
    assert sane_pixel_aspect(ratio) == sane


def test_names_that_point_elsewhere_are_not_followed(tmp_path: Path) -> None:
    secret = make_clip(tmp_path / "secret.mp4", Picture(count=3))
    script = tmp_path / "film.mp4"
    script.write_text(f"ffconcat version 1.0\nfile {secret}\n")
    with pytest.raises(Exception, match="not a video or audio file"):
        examined(script)
