"""An MP4 file read by its own tables gives what FFmpeg's demuxer gives, or says what is wrong."""

import re
import struct
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import pytest

from core.isobmff.edit_list import edit_window
from core.isobmff.movie import Movie, MovieTrack, read_movie, sample_table
from core.media.presentation import TrackKind
from native import TrackIndex
from origin.packaging import copy as copying
from origin.packaging.copy import copy_tracks
from origin.packaging.faults import TruncatedSource
from origin.packaging.limits import Limits
from origin.packaging.movie_source import IrregularMovieError, MalformedMovie, open_movie
from origin.packaging.probe import probe
from origin.packaging.progress import Pulse, Unwatched
from origin.packaging.track import CopyOutcome
from tests.fixtures.media import Picture, Sound, make_clip, picture_times
from tests.fixtures.movies import parts_of, read_samples
from tests.fixtures.spliced import edited

SOUND = Sound(samples=96000)
DELAYED = Sound(samples=96000, delay=4800)
LATE = Picture(times=range(2, 52), time_base=Fraction(1, 25))
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}
BEHIND_ANOTHER = {"movflags": "frag_keyframe+empty_moov+omit_tfhd_offset"}
CMAF = {"movflags": "cmaf+frag_keyframe+empty_moov"}

CLIPS: list[tuple[str, Picture, Sound, dict[str, str]]] = [
    ("b-frames.mp4", Picture(b_frames=3, gop=12), SOUND, {}),
    ("index-first.mp4", Picture(b_frames=2, gop=12), SOUND, {"movflags": "faststart"}),
    ("quicktime.mov", Picture(b_frames=2), SOUND, {}),
    ("negative.mp4", Picture(b_frames=3), SOUND, {"movflags": "negative_cts_offsets"}),
    ("no-edits.mp4", Picture(b_frames=0), SOUND, {"use_editlist": "0"}),
    ("sound-later.mp4", Picture(b_frames=2), DELAYED, {}),
    ("picture-later.mp4", LATE, SOUND, {}),
    ("fragmented.mp4", Picture(b_frames=3, gop=12), SOUND, FRAGMENTED),
    ("moof-based.mp4", Picture(gop=12), SOUND, {"movflags": "frag_keyframe+default_base_moof"}),
    ("behind-another.mp4", Picture(b_frames=3, gop=12), SOUND, BEHIND_ANOTHER),
    ("one-fragment.mp4", Picture(gop=12), SOUND, {"movflags": "frag_custom+empty_moov"}),
    ("cmaf.mp4", Picture(b_frames=0, gop=12), SOUND, CMAF),
    ("hevc-ac3.mp4", Picture(codec="libx265"), Sound("ac3", samples=96000), {}),
    ("av1-flac.mp4", Picture(codec="libsvtav1", width=128, height=96), Sound("flac"), {}),
    ("vp9-opus.mp4", Picture(codec="libvpx-vp9"), Sound("libopus"), {}),
]
NAMES = [clip[0] for clip in CLIPS]
COPYABLE = [clip for clip in CLIPS if clip[1].codec == "libx264"]


class Unit(NamedTuple):
    """A sample in the terms that both readers share; `time` is in ticks of the track."""

    offset: int | None
    size: int
    time: int
    duration: int
    key: bool


def opened(path: Path) -> Movie:
    return read_movie(parts_of(path.read_bytes()))


def by_the_tables(movie: Movie, track: MovieTrack) -> list[Unit]:
    window = edit_window(track.edits, movie.timescale, track.timescale, fragmented=movie.fragmented)
    shift = int(window.delay * track.timescale) - window.start
    return [
        Unit(
            each.offset,
            each.size,
            each.decode_time + each.composition_offset + shift,
            each.duration,
            each.access == 1,
        )
        for each in read_samples(sample_table(movie, track))
    ]


def by_ffmpeg(path: Path, track_id: int) -> list[Unit]:
    with av.open(str(path)) as container:
        (stream,) = [stream for stream in container.streams if stream.id == track_id]
        return [
            Unit(packet.pos, packet.size, packet.pts or 0, packet.duration or 0, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size
        ]


@pytest.mark.parametrize(("name", "picture", "sound", "options"), CLIPS, ids=NAMES)
def test_every_sample_is_where_and_when_ffmpeg_finds_it(
    tmp_path: Path, name: str, picture: Picture, sound: Sound, options: dict[str, str]
) -> None:
    path = make_clip(tmp_path / name, picture, sound, options=options)
    movie = opened(path)
    assert len(movie.tracks) == 2
    for track in movie.tracks:
        samples = by_the_tables(movie, track)
        assert len(samples) > 10
        assert samples == by_ffmpeg(path, track.track_id)


def both_ways(path: Path) -> tuple[CopyOutcome, CopyOutcome]:
    report = probe(path, Limits())
    pulse = Pulse(Unwatched())
    tables = copying._copy_movie(path, report, path.parent / "tables", pulse)
    packets = copying._copy_packets(path, report, path.parent / "packets", pulse, Limits())
    return tables, packets


@pytest.mark.parametrize(
    ("name", "picture", "sound", "options"), COPYABLE, ids=[clip[0] for clip in COPYABLE]
)
def test_both_ways_publish_the_same_bytes(
    tmp_path: Path, name: str, picture: Picture, sound: Sound, options: dict[str, str]
) -> None:
    path = make_clip(tmp_path / name, picture, sound, options=options)
    tables, packets = both_ways(path)
    assert len(tables.tracks) == 2
    for mine, theirs in zip(tables.tracks, packets.tracks, strict=True):
        for file in ("track.flat", "track.idx"):
            assert (mine.directory / file).read_bytes() == (theirs.directory / file).read_bytes()


def test_negative_offsets_do_not_shift_the_picture_against_the_sound(tmp_path: Path) -> None:
    """FFmpeg moves the picture by the largest offset where fragments have negative ones."""
    path = make_clip(tmp_path / "a.mp4", Picture(b_frames=3, gop=12), SOUND, options=CMAF)
    tables, packets = both_ways(path)
    starts = [
        {
            track.kind: TrackIndex((track.directory / "track.idx").read_bytes())
            for track in outcome.tracks
        }[TrackKind.AUDIO]
        for outcome in (tables, packets)
    ]
    assert [index.priming for index in starts] == [0, 3840]
    video = next(track for track in tables.tracks if track.kind is TrackKind.VIDEO)
    index = TrackIndex((video.directory / "track.idx").read_bytes())
    shown = sorted(each[2] + each[4] for each in map(index.sample, range(index.sample_count)))
    expected = [time * index.timescale for time in picture_times(Picture(b_frames=3, gop=12))]
    assert shown == expected


def test_nothing_is_noted_about_a_sound_file(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", Picture(), SOUND)
    outcome = copy_tracks(path, probe(path, Limits()), tmp_path / "out", Unwatched())
    assert outcome.repaired == ""
    assert len(outcome.tracks) == 2


def test_a_file_that_contradicts_itself_is_read_by_ffmpeg_and_that_is_noted(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", Picture(b_frames=0), SOUND)
    spoil(path, b"stss", 12, 10_000)
    outcome = copy_tracks(path, probe(path, Limits()), tmp_path / "out", Unwatched())
    assert outcome.repaired.startswith("moov/trak[1]/mdia/minf/stbl/stss at byte ")
    assert outcome.repaired.endswith("speaks of sample 10000 of 50")
    assert {track.kind for track in outcome.tracks} == {TrackKind.VIDEO, TrackKind.AUDIO}


def test_a_note_is_made_even_where_nothing_can_be_copied(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", Picture(codec="mpeg4"))
    spoil(path, b"stss", 12, 10_000)
    outcome = copy_tracks(path, probe(path, Limits()), tmp_path / "out", Unwatched())
    assert "speaks of sample 10000" in outcome.repaired
    assert outcome.tracks == ()


def test_a_recording_that_was_cut_short_is_taken_up_to_there_and_that_is_noted(
    tmp_path: Path,
) -> None:
    """A recorder that is switched off leaves whole fragments and a part of one."""
    picture = Picture(count=100, gop=25, b_frames=0)
    path = make_clip(tmp_path / "a.mp4", picture, Sound(samples=192_000), options=FRAGMENTED)
    whole = copy_tracks(path, probe(path, Limits()), tmp_path / "whole", Unwatched())
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"mdat") + 100])
    cut = copy_tracks(path, probe(path, Limits()), tmp_path / "cut", Unwatched())
    assert re.fullmatch(r"mdat at byte \d+ claims \d+ bytes where \d+ are left", cut.repaired)
    assert cut.rejected == ()
    for mine, theirs in zip(cut.tracks, whole.tracks, strict=True):
        flat = (mine.directory / "track.flat").read_bytes()
        assert (theirs.directory / "track.flat").read_bytes().startswith(flat)
        index = TrackIndex((mine.directory / "track.idx").read_bytes())
        if mine.kind is TrackKind.VIDEO:
            assert 75 <= index.sample_count < 100
        assert 3 <= index.duration / index.timescale < 4.1


def test_one_fragment_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", Picture(gop=250, b_frames=0), options=FRAGMENTED)
    data = path.read_bytes()
    assert data.count(b"moof") == 1
    path.write_bytes(data[:-1000])
    with pytest.raises(TruncatedSource, match=r"\d+ bytes are missing"):
        probe(path, Limits())


def spoil(path: Path, kind: bytes, at: int, value: int) -> None:
    """Write a number into a box, counted from the box's letters."""
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, data.index(kind) + at, value)
    path.write_bytes(data)


def test_joined_edits_are_one(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", Picture(b_frames=2), SOUND)
    edited(path, (1000, 1024), (1000, 1024 + 12800), track=1)
    with open_movie(path, probe(path, Limits())) as source:
        assert source.tracks[0].window.start == 1024
        assert source.tracks[0].window.end == 1024 + 25600
    assert copy_tracks(path, probe(path, Limits()), tmp_path / "out", Unwatched()).repaired == ""


def test_edits_that_repeat_or_skip_are_left_to_ffmpeg(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", Picture(b_frames=0), SOUND)
    edited(path, (500, 0), (500, 12800), track=1)
    report = probe(path, Limits())
    with (
        pytest.raises(IrregularMovieError, match="jumps from 6400 to 12800"),
        open_movie(path, report),
    ):
        pass
    repaired = copy_tracks(path, report, tmp_path / "out", Unwatched()).repaired
    assert repaired.startswith("moov/trak[1]/edts/elst at byte ")
    assert repaired.endswith(" jumps from 6400 to 12800")


def test_sound_ends_with_its_edit_to_the_sample(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", Picture(b_frames=0), SOUND)
    edited(path, (1500, 1024), track=2)
    outcome = copy_tracks(path, probe(path, Limits()), tmp_path / "out", Unwatched())
    (track,) = [track for track in outcome.tracks if track.kind is TrackKind.AUDIO]
    index = TrackIndex((track.directory / "track.idx").read_bytes())
    assert index.duration - index.priming == 1.5 * 48000


def test_an_edit_that_hides_pictures_asks_for_encoding(tmp_path: Path) -> None:
    for name, edit in (("front.mp4", (1500, 6400)), ("end.mp4", (1000, 0))):
        path = make_clip(tmp_path / name, Picture(b_frames=0), SOUND)
        edited(path, edit, track=1)
        report = probe(path, Limits())
        outcome = copy_tracks(path, report, tmp_path / f"out-{name}", Unwatched())
        assert [each.reason for each in outcome.rejected] == ["the file's edit list hides pictures"]


def test_bytes_that_two_tracks_claim_are_found(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", Picture(b_frames=0), SOUND)
    data = bytearray(path.read_bytes())
    first, second = data.index(b"stco"), data.rindex(b"stco")
    data[second + 12 : second + 16] = data[first + 12 : first + 16]
    path.write_bytes(data)
    outcome = copy_tracks(path, probe(path, Limits()), tmp_path / "out", Unwatched())
    assert outcome.repaired


def test_a_file_of_another_kind_has_no_tables(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", Picture(), SOUND)
    report = probe(path, Limits())
    assert not report.is_movie
    with pytest.raises(MalformedMovie), open_movie(path, report):
        pass
