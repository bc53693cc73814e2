"""Encoding: as many pictures as went in, at their times, cut where the plan says; exact sound."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from core.media.ladder import Rung, fixed_ladder
from core.media.ticks import Ticks
from core.media.timeline import CutPlan, cut_plan, plan_segments
from native import TrackIndex
from origin.packaging.copy import copy_tracks
from origin.packaging.faults import CorruptSource, UnheardSound
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.progress import CancelledError, Unwatched
from origin.packaging.report import Decision, SourceReport
from origin.packaging.track import PackagedTrack
from origin.packaging.transcode import transcode_audio, transcode_video
from tests.fixtures.media import (
    Picture,
    Sound,
    assemble,
    crossings_per_second,
    first_picture,
    loudness,
    make_clip,
    picture_times,
    read_number,
    read_pictures,
    read_sound,
)

NTSC = Fraction(30000, 1001)
UNEVEN = (0, 100, 150, 400, 1000, 1010, 1500, 3000, 3040, 3080, 3500, 3600, 9000, 9100)


def top_rung(report: SourceReport) -> Rung:
    assert report.video is not None
    return fixed_ladder(*report.video.display_size, report.video.rate)[-1]


def encoded(path: Path, plan: CutPlan | None = None, out: str = "out") -> PackagedTrack:
    report = probe(path, Limits())
    return transcode_video(path, report, top_rung(report), plan, path.parent / out, Unwatched())


def encoded_sound(path: Path) -> tuple[PackagedTrack, TrackIndex]:
    report = probe(path, Limits())
    (track,) = report.audio
    packaged = transcode_audio(path, report, track, path.parent / "out", Unwatched())
    return packaged, TrackIndex((packaged.directory / "track.idx").read_bytes())


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("hevc.mkv", Picture(codec="libx265")),
        ("hevc.mp4", Picture(codec="libx265", b_frames=3)),
        ("ten-bit.mkv", Picture(pixel_format="yuv420p10le")),
        ("vp8.webm", Picture(codec="libvpx")),
        ("vp9.webm", Picture(codec="libvpx-vp9")),
        ("av1.mkv", Picture(codec="libsvtav1")),
        ("mpeg2.ts", Picture(codec="mpeg2video")),
        ("h264.ts", Picture()),
        ("mpeg4.avi", Picture(codec="mpeg4", b_frames=0)),
        ("mpeg4-b.avi", Picture(codec="mpeg4")),
        ("motion-jpeg.mov", Picture(codec="mjpeg", pixel_format="yuvj420p")),
        ("lossless.mkv", Picture(codec="ffv1")),
        ("colours.mov", Picture(codec="qtrle", pixel_format="rgb24")),
        ("odd.mkv", Picture(codec="libvpx-vp9", width=71, height=53)),
        ("ntsc.mp4", Picture(rate=NTSC, count=120)),
        ("uneven.mp4", Picture(times=UNEVEN, time_base=Fraction(1, 1000))),
        ("uneven.mkv", Picture(times=UNEVEN, time_base=Fraction(1, 1000), codec="libvpx-vp9")),
        ("late.ts", Picture(codec="mpeg2video", times=range(90, 140))),
        ("open.mp4", Picture(open_gop=True, gop=10)),
        ("one.mp4", Picture(count=1)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_as_many_pictures_come_out_as_went_in_at_their_times(
    tmp_path: Path, name: str, picture: Picture
) -> None:
    track = encoded(make_clip(tmp_path / name, picture))
    seen = read_pictures(assemble(track.directory))
    expected = picture_times(picture)
    assert [one.number for one in seen] == list(range(len(expected)))
    tick = Fraction(1, track.timescale)
    for one, time in zip(seen, expected, strict=True):
        assert abs(one.time - time) <= tick


def test_odd_sizes_become_even(tmp_path: Path) -> None:
    odd = Picture(codec="libvpx-vp9", width=71, height=53, count=3)
    description = encoded(make_clip(tmp_path / "odd.mkv", odd)).description
    assert (description.width, description.height) == (70, 52)


def test_pixels_become_square(tmp_path: Path) -> None:
    wide = Picture(codec="libx265", pixel_aspect=Fraction(2), count=3)
    description = encoded(make_clip(tmp_path / "wide.mkv", wide)).description
    assert (description.width, description.height) == (128, 48)
    assert b"pasp" not in description.sample_entry


def test_the_matrix_of_a_turned_picture_is_kept(tmp_path: Path) -> None:
    turned = Picture(codec="libx265", rotation=-90, count=3)
    description = encoded(make_clip(tmp_path / "turned.mp4", turned)).description
    assert (description.width, description.height) == (64, 48)
    assert description.matrix[:5] == (0, 65536, 0, -65536, 0)


def test_without_a_plan_key_pictures_lie_four_seconds_apart(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Picture(codec="libx265", rate=NTSC, count=300))
    track = encoded(path)
    assert [Fraction(time, track.timescale) for time in track.sync_times] == [
        0,
        Fraction(4004, 1000),
        Fraction(8008, 1000),
    ]


def test_key_pictures_follow_the_plan_of_the_copied_track(tmp_path: Path) -> None:
    keys = (0, 30, 40, 77, 110)
    path = make_clip(tmp_path / "clip.mp4", Picture(rate=Fraction(10), count=120, keys=keys))
    report = probe(path, Limits())
    (copy,) = copy_tracks(path, report, tmp_path / "copy", Unwatched()).tracks
    spans = plan_segments(copy.sync_times, copy.duration, Ticks(4 * copy.timescale))
    plan = cut_plan(spans, copy.timescale)
    assert [Fraction(start, plan.timescale) for start in plan.starts] == [0, 4, 11]
    for rung in fixed_ladder(64, 48, None):
        track = transcode_video(path, report, rung, plan, tmp_path / "out", Unwatched())
        assert track.timescale == copy.timescale
        assert track.sync_times == plan.starts
        assert track.duration == copy.duration
        assert track.sample_count == copy.sample_count


def test_rungs_are_decoded_from_the_same_times_at_every_cut(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(b_frames=3, gop=10, count=120))
    report = probe(path, Limits())
    (copy,) = copy_tracks(path, report, tmp_path / "copy", Unwatched()).tracks
    plan = cut_plan(
        plan_segments(copy.sync_times, copy.duration, Ticks(copy.timescale)), copy.timescale
    )
    track = transcode_video(path, report, top_rung(report), plan, tmp_path / "out", Unwatched())
    decode_times = []
    for directory in (copy.directory, track.directory):
        index = TrackIndex((directory / "track.idx").read_bytes())
        starts = index.segment_starts(plan.starts)
        decode_times.append([index.sample(number)[2] for number in starts])
    assert decode_times[0] == decode_times[1] == list(plan.starts)


def test_every_rung_has_its_size(tmp_path: Path) -> None:
    path = make_clip(
        tmp_path / "clip.mkv", Picture(codec="libx265", width=160, height=120, count=4)
    )
    report = probe(path, Limits())
    ladder = fixed_ladder(160, 120, None)
    assert len(ladder) == 3
    for rung in ladder:
        track = transcode_video(path, report, rung, None, tmp_path / "out", Unwatched())
        picture = first_picture(assemble(track.directory))
        assert (picture.width, picture.height) == (rung.width, rung.height)
        assert read_number(picture) == 0


def test_high_dynamic_range_becomes_standard(tmp_path: Path) -> None:
    bright = Picture(codec="libx265", pixel_format="yuv420p10le", colour=(9, 16, 9), count=3)
    track = encoded(make_clip(tmp_path / "hdr.mkv", bright))
    picture = first_picture(assemble(track.directory))
    assert picture.format.name == "yuv420p"
    assert (picture.color_primaries, picture.color_trc, picture.colorspace) == (1, 1, 1)
    assert read_number(picture) == 0


def test_pictures_that_an_edit_list_hides_stay_hidden(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "edited.mp4", Picture(b_frames=0))
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 16
    data[at : at + 4] = (512 * 10).to_bytes(4)
    path.write_bytes(data)
    track = encoded(path)
    seen = read_pictures(assemble(track.directory))
    assert [one.number for one in seen] == list(range(10, 50))
    assert [one.time for one in seen] == [Fraction(number, 25) for number in range(40)]


def test_interlaced_video_keeps_its_number_of_pictures(tmp_path: Path) -> None:
    fields = Picture(codec="mpeg2video", options=(("flags", "+ildct+ilme"), ("top", "1")))
    path = make_clip(tmp_path / "fields.ts", fields)
    report = probe(path, Limits())
    assert report.video is not None
    report = replace_video(report, interlaced=True)
    track = transcode_video(path, report, top_rung(report), None, tmp_path / "out", Unwatched())
    assert [one.number for one in read_pictures(assemble(track.directory))] == list(range(50))


def replace_video(report: SourceReport, *, interlaced: bool) -> SourceReport:
    assert report.video is not None
    video = type(report.video)(
        **{name: getattr(report.video, name) for name in report.video.__struct_fields__}
        | {"interlaced": interlaced}
    )
    return SourceReport(
        **{name: getattr(report, name) for name in report.__struct_fields__} | {"video": video}
    )


def test_damage_in_the_middle_is_tolerated_and_counted(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(b_frames=0, gop=10, count=100))
    whole = bytearray(path.read_bytes())
    start = whole.index(b"mdat") + 4 + 3000
    whole[start : start + 400] = b"\xff" * 400
    path.write_bytes(whole)
    track = encoded(path)
    assert 80 <= track.sample_count <= 100
    numbers = [one.number for one in read_pictures(assemble(track.directory))]
    assert numbers[-1] == 99


def test_a_picture_missing_at_a_cut_does_not_move_the_cut(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Picture(codec="libx265", rate=Fraction(10), count=60))
    plan = CutPlan(1000, (Ticks(0), Ticks(2050)), Ticks(6000))
    assert encoded(path, plan).sync_times == (0, 2050)


@pytest.mark.parametrize(
    ("name", "sound", "samples"),
    [
        ("mp3.mp3", Sound(codec="libmp3lame"), 96_000),
        ("opus.webm", Sound(codec="libopus"), 96_000),
        ("ac3.mkv", Sound(codec="ac3", layout="5.1", bit_rate=256_000), None),
        ("eac3.mkv", Sound(codec="eac3", bit_rate=256_000), None),
        ("flac.flac", Sound(codec="flac", samples=95_123), 95_123),
        ("wave.wav", Sound(codec="pcm_s16le", samples=95_123), 95_123),
        ("many.wav", Sound(codec="pcm_s16le", layout="5.1"), 96_000),
        ("slow.wav", Sound(codec="pcm_s16le", rate=22_050, samples=22_050), 48_000),
        ("fast.wav", Sound(codec="pcm_s24le", rate=96_000, samples=96_001), 48_001),
        ("cd.wav", Sound(codec="pcm_s16le", rate=44_100, samples=44_101), 44_101),
        ("mono.flac", Sound(codec="flac", layout="mono"), 96_000),
        ("aac.aac", Sound(), None),
        ("aac.mp4", Sound(samples=95_500), 95_500),
        ("tiny.wav", Sound(codec="pcm_s16le", samples=7), 7),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_sample_of_sound_is_lost_or_added(
    tmp_path: Path, name: str, sound: Sound, samples: int | None
) -> None:
    track, index = encoded_sound(make_clip(tmp_path / name, None, sound))
    assert index.base_time == 0
    assert index.priming == 1024
    presented = index.duration - index.priming
    if samples is None:  # These coders round up to whole frames and do not say by how much.
        assert 0 <= presented - sound.samples <= 2 * 1536
    else:
        assert presented == samples
    assert track.description.channels == (1 if sound.layout == "mono" else 2)
    if sound.samples > 48_000:
        rate, heard = read_sound(assemble(track.directory))
        assert crossings_per_second(heard[4800:40_000], rate) == pytest.approx(880, abs=2)


def test_a_rate_that_changes_on_the_way_is_followed(tmp_path: Path) -> None:
    first = make_clip(tmp_path / "first.mp3", None, Sound(codec="libmp3lame", rate=44_100))
    second = make_clip(tmp_path / "second.mp3", None, Sound(codec="libmp3lame", layout="mono"))
    path = tmp_path / "both.mp3"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    track, index = encoded_sound(path)
    seconds = Fraction(index.duration - index.priming, index.timescale)
    assert abs(seconds - Fraction(96_000, 44_100) - 2) < Fraction(1, 10)
    rate, samples = read_sound(assemble(track.directory))
    assert crossings_per_second(samples[-40_000:-5_000], rate) == pytest.approx(880, rel=0.02)


def test_late_sound_has_silence_before_it(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "late.mkv", Picture(), Sound(codec="ac3", delay=24_000))
    track, index = encoded_sound(path)
    assert index.base_time == 0
    _, samples = read_sound(assemble(track.directory))
    assert loudness(samples[:23_000]) < 0.01
    assert loudness(samples[26_000:40_000]) > 0.2


def test_sound_before_the_first_picture_is_cut_away(tmp_path: Path) -> None:
    picture = Picture(codec="libx265", times=range(25, 75))
    path = make_clip(tmp_path / "early.mkv", picture, Sound(codec="flac", samples=144_000))
    _, index = encoded_sound(path)
    assert index.duration - index.priming == 96_000


def test_sound_that_ends_before_the_first_picture_is_a_fault_of_its_own(tmp_path: Path) -> None:
    picture = Picture(codec="libx265", times=range(125, 175))
    path = make_clip(tmp_path / "unheard.mkv", picture, Sound(codec="flac"))
    with pytest.raises(UnheardSound):
        encoded_sound(path)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_hole_in_the_sound_is_filled_with_silence(tmp_path: Path) -> None:
    sound = Sound(codec="pcm_s16le", gap=(28_800, 19_200))
    track, index = encoded_sound(make_clip(tmp_path / "gap.mkv", Picture(), sound))
    assert abs(index.duration - index.priming - 96_000) <= 48
    _, samples = read_sound(assemble(track.directory))
    assert loudness(samples[30_000:46_000]) < 0.01
    assert loudness(samples[50_000:90_000]) > 0.2


def test_sound_of_which_nothing_can_be_decoded_is_corrupt(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Picture(count=10), Sound(codec="ac3", samples=9600))
    report = probe(path, Limits())
    whole = path.read_bytes().replace(b"\x0b\x77", b"\0\0")
    path.write_bytes(whole)
    with pytest.raises(CorruptSource):
        transcode_audio(path, report, report.audio[0], tmp_path / "out", Unwatched())
    assert list((tmp_path / "out").iterdir()) == []


class StopAfter:
    def __init__(self, beats: int) -> None:
        self.beats = beats
        self.fractions: list[float] = []

    def advance(self, fraction: float) -> None:
        self.fractions.append(fraction)

    def cancelled(self) -> bool:
        self.beats -= 1
        return self.beats < 0


def test_progress_rises_to_one(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Picture(codec="libx265", count=100))
    report = probe(path, Limits())
    watch = StopAfter(1000)
    transcode_video(path, report, top_rung(report), None, tmp_path / "out", watch)
    assert watch.fractions == sorted(watch.fractions)
    assert watch.fractions[-1] == 1.0


def test_cancelled_encoding_leaves_nothing_behind(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Picture(codec="libx265"))
    report = probe(path, Limits())
    with pytest.raises(CancelledError):
        transcode_video(path, report, top_rung(report), None, tmp_path / "out", StopAfter(0))
    assert list((tmp_path / "out").iterdir()) == []


def test_the_decisions_name_their_reasons(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", Picture(codec="mpeg4"), Sound(codec="vorbis"))
    report = probe(path, Limits())
    assert report.video is not None
    assert report.video.decision is Decision.TRANSCODE
    assert report.video.reason == "mpeg4 video does not play everywhere"
    assert report.audio[0].reason == "vorbis audio does not play everywhere"


def test_a_rung_never_exceeds_its_rate(tmp_path: Path) -> None:
    noisy = Picture(codec="ffv1", width=320, height=240, rate=Fraction(25), count=150)
    path = make_clip(tmp_path / "noisy.mkv", noisy)
    report = probe(path, Limits())
    rung = replace(top_rung(report), peak_bps=60_000, buffer_bits=60_000, crf=10)
    track = transcode_video(path, report, rung, None, tmp_path / "out", Unwatched())
    seconds = Fraction(track.duration, track.timescale)
    assert track.size_bytes * 8 <= rung.peak_bps * seconds + rung.buffer_bits
