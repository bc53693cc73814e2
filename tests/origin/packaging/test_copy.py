"""Copying: what comes out of the stored tracks is what was in the source, picture by picture."""

from fractions import Fraction
from pathlib import Path

import pytest

from core.media.presentation import TrackKind
from native import TrackIndex
from origin.packaging.copy import copy_tracks
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.progress import CancelledError, Unwatched
from origin.packaging.report import Decision, SourceReport
from origin.packaging.track import CopyOutcome, PackagedTrack, Purpose
from tests.fixtures.media import (
    Picture,
    Sound,
    assemble,
    crossings_per_second,
    loudness,
    make_clip,
    picture_times,
    read_pictures,
    read_sound,
)

NTSC = Fraction(30000, 1001)
UNEVEN = (0, 100, 150, 400, 1000, 1010, 1500, 3000, 3040, 3080, 3500, 3600)


def ingest(path: Path) -> tuple[SourceReport, CopyOutcome]:
    report = probe(path, Limits())
    return report, copy_tracks(path, report, path.parent / "out", Unwatched())


def copied(path: Path, kind: TrackKind) -> PackagedTrack:
    _, outcome = ingest(path)
    assert outcome.rejected == ()
    (track,) = [track for track in outcome.tracks if track.kind is kind]
    return track


def rejection(path: Path) -> str:
    _, outcome = ingest(path)
    (rejected,) = outcome.rejected
    assert rejected.stream not in {track.stream for track in outcome.tracks}
    return rejected.reason


@pytest.mark.parametrize(
    ("name", "picture", "options"),
    [
        ("b-frames.mp4", Picture(b_frames=3, gop=12), {}),
        ("no-b-frames.mp4", Picture(b_frames=0, gop=10), {}),
        ("intra.mp4", Picture(b_frames=0, gop=1, count=10), {}),
        ("index-first.mp4", Picture(gop=12), {"movflags": "faststart"}),
        ("fragmented.mp4", Picture(gop=12), {"movflags": "frag_keyframe+empty_moov"}),
        ("quicktime.mov", Picture(gop=12), {}),
        ("matroska.mkv", Picture(gop=12), {}),
        ("flash.flv", Picture(gop=12), {}),
        ("ntsc.mp4", Picture(rate=NTSC, gop=15, count=90), {}),
        ("slow.mp4", Picture(rate=Fraction(1, 2), count=5), {}),
        ("uneven.mp4", Picture(times=UNEVEN, time_base=Fraction(1, 1000), gop=6), {}),
        ("uneven.mkv", Picture(times=UNEVEN, time_base=Fraction(1, 1000), gop=6), {}),
        ("late.mp4", Picture(times=range(90, 140), time_base=Fraction(1, 25)), {}),
        ("turned.mp4", Picture(rotation=90), {}),
        ("full-range.mp4", Picture(pixel_format="yuvj420p"), {}),
        ("one-picture.mp4", Picture(count=1), {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_picture_comes_out_at_its_time(
    tmp_path: Path, name: str, picture: Picture, options: dict[str, str]
) -> None:
    track = copied(make_clip(tmp_path / name, picture, options=options), TrackKind.VIDEO)
    seen = read_pictures(assemble(track.directory))
    expected = picture_times(picture)
    assert [one.number for one in seen] == list(range(len(expected)))
    half_tick = Fraction(1, 2 * track.timescale)
    for one, time in zip(seen, expected, strict=True):
        assert abs(one.time - time) <= half_tick


def test_times_of_an_mp4_are_kept_to_the_tick(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(rate=NTSC, count=60, b_frames=2))
    track = copied(path, TrackKind.VIDEO)
    assert track.timescale == 30000
    assert [one.time for one in read_pictures(assemble(track.directory))] == [
        number / NTSC for number in range(60)
    ]
    assert track.duration == 60 * 1001


def test_segments_begin_at_idr_pictures_with_no_offset(tmp_path: Path) -> None:
    track = copied(make_clip(tmp_path / "clip.mp4", Picture(gop=10, b_frames=3)), TrackKind.VIDEO)
    index = TrackIndex((track.directory / "track.idx").read_bytes())
    assert len(track.sync_times) == 5
    assert [time for _, time in index.sync_times()] == list(track.sync_times)
    for number, shown in index.sync_times():
        _, _, decoded, _, offset, _ = index.sample(number)
        assert (decoded, offset) == (shown, 0)


def test_the_key_pictures_of_an_open_gop_are_not_sync_samples(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "open.mp4", Picture(open_gop=True, gop=10, count=45))
    track = copied(path, TrackKind.VIDEO)
    assert track.sync_times == (0,)
    index = TrackIndex((track.directory / "track.idx").read_bytes())
    marked = [number for number in range(index.sample_count) if index.sample(number)[5] == 2]
    assert len(marked) == 4
    assert [one.number for one in read_pictures(assemble(track.directory))] == list(range(45))


def test_the_matrix_of_a_turned_picture_is_kept(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "turned.mp4", Picture(rotation=90, width=64, height=48))
    report, outcome = ingest(path)
    assert report.video is not None
    assert report.video.shown_size == (48, 64)
    assert outcome.tracks[0].description.matrix == report.video.matrix
    assert outcome.tracks[0].description.matrix[:5] == (0, -65536, 0, 65536, 0)


def test_pixel_aspect_and_colour_reach_the_description(tmp_path: Path) -> None:
    picture = Picture(pixel_aspect=Fraction(4, 3), colour=(1, 1, 1))
    description = copied(make_clip(tmp_path / "clip.mp4", picture), TrackKind.VIDEO).description
    assert (description.width, description.display_width) == (64, 85)
    assert b"pasp" in description.sample_entry
    assert b"colr" in description.sample_entry


def test_samples_are_stored_as_they_were(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(), Sound())
    _, outcome = ingest(path)
    whole = path.read_bytes()
    for track in outcome.tracks:
        index = TrackIndex((track.directory / "track.idx").read_bytes())
        flat = (track.directory / "track.flat").read_bytes()
        assert len(flat) == track.size_bytes == index.data_length
        for number in range(index.sample_count):
            offset, size, *_ = index.sample(number)
            assert flat[offset : offset + size] in whole


def test_idr_pictures_more_than_twelve_seconds_apart_need_encoding(tmp_path: Path) -> None:
    far = Picture(rate=Fraction(5), count=70, gop=1000)
    assert "12 s" in rejection(make_clip(tmp_path / "far.mp4", far))


def test_idr_pictures_as_far_apart_as_encoders_set_them_do_not(tmp_path: Path) -> None:
    """250 pictures, 10.4 s of a film."""
    far = Picture(rate=Fraction(24_000, 1001), count=300, gop=250)
    (track,) = ingest(make_clip(tmp_path / "far.mp4", far))[1].tracks
    assert track.sync_times == (0, 250 * 1001)


def test_a_track_that_needs_encoding_does_not_hold_up_the_others(tmp_path: Path) -> None:
    far = Picture(rate=Fraction(5), count=70, gop=1000)
    path = make_clip(tmp_path / "far.mp4", far, Sound())
    _, outcome = ingest(path)
    assert [track.kind for track in outcome.tracks] == [TrackKind.AUDIO]
    assert [one.stream for one in outcome.rejected] == [0]
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["a-audio-und-2ch"]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.mov"])
@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
def test_aac_is_copied_with_its_priming(tmp_path: Path, name: str, layout: str) -> None:
    path = make_clip(tmp_path / name, Picture(), Sound(layout=layout))
    track = copied(path, TrackKind.AUDIO)
    index = TrackIndex((track.directory / "track.idx").read_bytes())
    assert (index.timescale, index.base_time, index.priming) == (48000, 0, 1024)
    assert index.sample_count == 95
    assert track.description.codec == "mp4a.40.2"


def test_the_end_trim_of_an_mp4_is_kept(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(), Sound(samples=95_500))
    index = TrackIndex((copied(path, TrackKind.AUDIO).directory / "track.idx").read_bytes())
    assert index.duration - index.priming == 95_500


def test_the_sound_that_comes_out_is_the_sound_that_went_in(tmp_path: Path) -> None:
    track = copied(make_clip(tmp_path / "clip.mp4", Picture(), Sound()), TrackKind.AUDIO)
    rate, samples = read_sound(assemble(track.directory))
    assert rate == 48000
    assert abs(len(samples) - 96000) <= 1024
    assert crossings_per_second(samples[4800:91200], rate) == pytest.approx(880, abs=2)
    assert loudness(samples[:4800]) == pytest.approx(0.255, abs=0.02)


def test_sound_a_little_late_starts_late(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "late.mp4", Picture(), Sound(delay=4096))
    index = TrackIndex((copied(path, TrackKind.AUDIO).directory / "track.idx").read_bytes())
    assert (index.base_time, index.priming) == (4096 - 1024, 0)


def test_sound_that_starts_much_later_is_encoded_with_silence_before_it(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "late.mp4", Picture(), Sound(delay=48000))
    assert "starts 0.98 s after the picture" in rejection(path)


def test_sound_before_the_first_picture_is_not_presented(tmp_path: Path) -> None:
    picture = Picture(times=range(25, 75), time_base=Fraction(1, 25))
    path = make_clip(tmp_path / "early.mkv", picture, Sound(samples=144_000))
    report, outcome = ingest(path)
    assert report.start == 1
    (sound,) = [track for track in outcome.tracks if track.kind is TrackKind.AUDIO]
    index = TrackIndex((sound.directory / "track.idx").read_bytes())
    assert index.base_time == 0
    assert abs(index.priming - (48000 + 1024)) <= 48


def test_sound_that_ends_before_the_first_picture_is_not_copied(tmp_path: Path) -> None:
    picture = Picture(times=range(125, 175), time_base=Fraction(1, 25))
    path = make_clip(tmp_path / "unheard.mkv", picture, Sound())
    assert rejection(path) == "all of the sound lies before the first picture"


def test_a_hole_in_the_sound_is_mended_by_encoding(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "gap.mkv", Picture(), Sound(gap=(24_000, 19_200)))
    report, outcome = ingest(path)
    assert report.audio[0].decision is Decision.COPY
    (rejected,) = outcome.rejected
    assert "a gap" in rejected.reason


def test_audio_tracks_get_names_of_their_own(tmp_path: Path) -> None:
    sounds = (
        Sound(language="eng", title="Original"),
        Sound(language="deu", layout="mono"),
        Sound(language="eng", title="Commentary"),
    )
    _, outcome = ingest(make_clip(tmp_path / "clip.mkv", Picture(count=10), *sounds))
    audio = [track for track in outcome.tracks if track.kind is TrackKind.AUDIO]
    assert [track.name for track in audio] == [
        "audio-eng-2ch",
        "audio-deu-1ch",
        "audio-eng-2-2ch",
    ]
    assert [track.description.label for track in audio] == ["Original", "", "Commentary"]
    assert [track.default for track in audio].count(True) >= 1


def test_audio_alone_begins_at_its_first_sample(tmp_path: Path) -> None:
    track = copied(make_clip(tmp_path / "song.m4a", None, Sound()), TrackKind.AUDIO)
    index = TrackIndex((track.directory / "track.idx").read_bytes())
    assert (index.base_time, index.priming) == (0, 1024)
    assert index.duration - index.priming == 96_000


def hide_beginning(path: Path, pictures: int) -> None:
    """Let the edit list of the video begin that many pictures into the media (§8.6.6)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 16
    data[at : at + 4] = (512 * pictures).to_bytes(4)
    path.write_bytes(data)


def test_an_edit_list_that_hides_pictures_needs_encoding(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "edited.mp4", Picture(b_frames=0))
    hide_beginning(path, 10)
    assert rejection(path) == "the file's edit list hides pictures"


def test_an_empty_audio_track_is_left_out(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "mute.mp4", Picture(), Sound())
    data = bytearray(path.read_bytes())
    start = data.rindex(b"trak")
    for table in (b"stts", b"stsc", b"stco"):
        at = data.index(table, start)
        data[at + 8 : at + 12] = bytes(4)
    at = data.index(b"stsz", start)
    data[at + 12 : at + 16] = bytes(4)
    path.write_bytes(data)
    report, outcome = ingest(path)
    assert report.audio == ()
    assert [one.reason for one in report.ignored] == ["it is empty"]
    assert [track.kind for track in outcome.tracks] == [TrackKind.VIDEO]


def test_copying_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(), Sound())
    report = probe(path, Limits())
    first = copy_tracks(path, report, tmp_path / "first", Unwatched())
    second = copy_tracks(path, report, tmp_path / "second", Unwatched())
    assert [(one.flat_sha256, one.index_sha256) for one in first.tracks] == [
        (one.flat_sha256, one.index_sha256) for one in second.tracks
    ]


class Cancelled:
    def advance(self, fraction: float) -> None:
        raise AssertionError("cancelled work reports no progress")

    def cancelled(self) -> bool:
        return True


def test_cancelled_work_leaves_nothing_behind(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(), Sound())
    report = probe(path, Limits())
    with pytest.raises(CancelledError):
        copy_tracks(path, report, tmp_path / "out", Cancelled())
    assert list((tmp_path / "out").iterdir()) == []


def test_a_track_at_hand_is_the_same_without_digests(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", Picture(), Sound())
    report = probe(clip, Limits())
    for name, purpose in (("published", Purpose.PUBLISHED), ("at hand", Purpose.AT_HAND)):
        made = copy_tracks(clip, report, tmp_path / name, Unwatched(), purpose=purpose)
        for track in made.tracks:
            lengths = {len(track.flat_sha256), len(track.index_sha256)}
            assert lengths == ({32} if purpose is Purpose.PUBLISHED else {0})
    files = sorted(path.relative_to(tmp_path / "at hand") for path in tmp_path.glob("at hand/*/*"))
    assert len(files) == 4
    for path in files:
        assert (tmp_path / "at hand" / path).read_bytes() == (
            tmp_path / "published" / path
        ).read_bytes()
