"""Films that are taken as they lie in their file: the same tracks as by looking at every sample."""

import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from native import copy_samples
from origin.packaging import copy as copying
from origin.packaging.copy import copy_tracks
from origin.packaging.direct import DirectFilm, DirectTrack, UnusualFileError, read_directly
from origin.packaging.direct_copy import copy_directly
from origin.packaging.faults import CorruptSource
from origin.packaging.limits import Limits
from origin.packaging.movie_probe import probe_movie
from origin.packaging.probe import probe
from origin.packaging.progress import Pulse, Unwatched
from origin.packaging.report import SourceReport
from origin.packaging.track import FLAT_NAME, INDEX_NAME, CopyOutcome, Purpose
from tests.fixtures.media import Picture, Sound, make_clip

SOUND = Sound(samples=96000, language="deu")
FASTSTART = {"movflags": "faststart"}
NTSC = Fraction(30000, 1001)
UNEVEN = Picture(times=(0, 3, 4, 9, 10, 12, 17, 18, 25, 31) * 1, time_base=Fraction(1, 30))

USUAL: list[tuple[str, Picture, tuple[Sound, ...], dict[str, str]]] = [
    ("b-frames.mp4", Picture(b_frames=3, gop=12), (SOUND,), {}),
    ("index-first.mp4", Picture(b_frames=2, gop=12), (SOUND,), FASTSTART),
    ("quicktime.mov", Picture(b_frames=2), (SOUND,), {}),
    ("negative.mp4", Picture(b_frames=3), (SOUND,), {"movflags": "negative_cts_offsets"}),
    ("no-edits.mp4", Picture(b_frames=0), (SOUND,), {"use_editlist": "0"}),
    ("ntsc.mp4", Picture(rate=NTSC, b_frames=2), (SOUND,), {}),
    ("uneven.mp4", UNEVEN, (), {}),
    ("silent.mp4", Picture(), (), {}),
    ("wide.mp4", Picture(pixel_aspect=Fraction(4, 3)), (SOUND,), {}),
    ("coloured.mp4", Picture(colour=(9, 16, 9)), (SOUND,), {}),
    ("cd.mp4", Picture(), (Sound(rate=44100, samples=88200),), {}),
    ("languages.mp4", Picture(), (SOUND, Sound(samples=96000, language="eng")), {}),
    ("second-picture-first.mp4", Picture(times=range(2, 52), time_base=Fraction(1, 25)), (SOUND,),
     {}),
    ("sound-later.mp4", Picture(b_frames=2), (Sound(samples=96000, delay=2400),), {}),
    ("slices.mp4", Picture(options=(("x264-params", "slices=3"),)), (SOUND,), {}),
    ("hevc.mp4", Picture(codec="libx265"), (SOUND,), {}),
    ("hevc-open.mp4", Picture(codec="libx265", open_gop=True, b_frames=3), (SOUND,), {}),
    ("timescale.mp4", Picture(), (SOUND,), {"movie_timescale": "90000"}),
    ("av1.mp4", Picture(codec="libsvtav1"), (Sound("libopus"), Sound("flac")), {}),
    ("vp9.mp4", Picture(codec="libvpx-vp9"), (Sound("ac3"), Sound("eac3")), {}),
    ("mp3.mp4", Picture(), (Sound("libmp3lame"),), {}),
]  # fmt: skip
NAMES = [each[0] for each in USUAL]
LEFT_TO_FFMPEG = ("quicktime.mov", "hevc.mp4", "hevc-open.mp4", "av1.mp4", "vp9.mp4", "mp3.mp4")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name, picture, sounds, options in USUAL:
        make_clip(folder / name, picture, *sounds, options=options)
    return folder


def bytes_of(track: DirectTrack, where: Path) -> bytes:
    with where.open("wb") as file:
        copy_samples([(track.samples, file.fileno(), 0, track.samples.sample_count, b"")])
    return where.read_bytes()


def one_by_one(path: Path, report: SourceReport, out: Path) -> CopyOutcome:
    """Copy by looking at every sample."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "read_directly", unusual)
        outcome = copy_tracks(path, report, out, Unwatched())
    assert (outcome.rejected, outcome.repaired) == ((), "")
    return outcome


def unusual(_path: Path, _report: SourceReport) -> DirectFilm:
    raise UnusualFileError


def same_tracks(path: Path, report: SourceReport, tmp_path: Path) -> int:
    """Compare every track that is read directly with the one that is copied; give their number."""
    film = read_directly(path, report)
    outcome = one_by_one(path, report, tmp_path / "flat")
    copied = {track.stream: track for track in outcome.tracks}
    for track in film.tracks:
        other = copied.pop(track.stream)
        assert (track.kind, track.name, track.default) == (other.kind, other.name, other.default)
        assert track.description == other.description
        assert track.index == (other.directory / INDEX_NAME).read_bytes()
        flat = (other.directory / FLAT_NAME).read_bytes()
        assert bytes_of(track, tmp_path / "direct") == flat
    assert not copied
    return len(film.tracks)


@pytest.mark.parametrize("name", NAMES)
def test_a_film_in_its_file_is_the_film_that_was_copied(
    clips: Path, tmp_path: Path, name: str
) -> None:
    path = clips / name
    assert same_tracks(path, probe(path, Limits()), tmp_path) == 1 + len(
        USUAL[NAMES.index(name)][2]
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_film_is_stored_at_once_as_it_is_sample_by_sample(
    clips: Path, tmp_path: Path, name: str
) -> None:
    report = probe(clips / name, Limits())
    at_once = copy_tracks(clips / name, report, tmp_path / "at-once", Unwatched())
    single = one_by_one(clips / name, report, tmp_path / "single")
    assert at_once.tracks
    for one, other in zip(at_once.tracks, single.tracks, strict=True):
        assert one == replace(other, directory=one.directory)
        for file in (FLAT_NAME, INDEX_NAME):
            assert (one.directory / file).read_bytes() == (other.directory / file).read_bytes()
    unwritten = copy_tracks(clips / name, report, None, Unwatched())
    for one, other in zip(unwritten.tracks, single.tracks, strict=True):
        assert (one.sync_times, one.duration) == (other.sync_times, other.duration)


def test_a_copy_that_ends_early_leaves_nothing(clips: Path, tmp_path: Path) -> None:
    path = tmp_path / "shrinking.mp4"
    path.write_bytes((clips / "index-first.mp4").read_bytes())
    report = probe(path, Limits())
    film = read_directly(path, report)
    os.truncate(path, path.stat().st_size - 500)
    with pytest.raises(CorruptSource):
        copy_directly(film, tmp_path / "out", 1, Pulse(Unwatched()), Purpose.PUBLISHED)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LEFT_TO_FFMPEG])
def test_what_is_found_without_ffmpeg_is_what_ffmpeg_finds(
    clips: Path, tmp_path: Path, name: str
) -> None:
    path = clips / name
    usual = probe_movie(path, Limits())
    assert usual is not None
    found = probe(path, Limits())
    assert usual.video is not None
    assert found.video is not None
    # What only the way through FFmpeg needs is left out: when the first picture is shown.
    left_out = {"start", "variable_rate"}
    for field in set(usual.video.__struct_fields__) - left_out:
        assert getattr(usual.video, field) == getattr(found.video, field), field
    for one, other in zip(usual.audio, found.audio, strict=True):
        for field in set(one.__struct_fields__) - {"layout"}:
            assert getattr(one, field) == getattr(other, field), field
    assert (usual.container, usual.size_bytes) == (found.container, found.size_bytes)
    same_tracks(path, usual, tmp_path)


@pytest.mark.parametrize(
    ("name", "picture", "sound", "options"),
    [
        ("quicktime.mov", Picture(), SOUND, {}),
        ("hevc.mp4", Picture(codec="libx265"), SOUND, {}),
        ("ten-bits.mp4", Picture(pixel_format="yuv420p10le"), SOUND, {}),
        ("opus.mp4", Picture(), Sound("libopus"), {}),
        ("low-rate.mp4", Picture(), Sound(rate=22050, samples=44100), {}),
        ("turned.mp4", Picture(rotation=90), SOUND, {}),
        ("fragmented.mp4", Picture(), SOUND, {"movflags": "frag_keyframe+empty_moov"}),
        ("film.mkv", Picture(), SOUND, {}),
        ("named.mp4", Picture(), Sound(samples=96000, title="Commentary"), {}),
    ],
)
def test_of_anything_unusual_ffmpeg_is_asked(
    tmp_path: Path, name: str, picture: Picture, sound: Sound, options: dict[str, str]
) -> None:
    make_clip(tmp_path / name, picture, sound, options=options)
    assert probe_movie(tmp_path / name, Limits()) is None


def test_ffmpeg_is_asked_of_every_file_that_is_cut_short_or_spoilt(
    clips: Path, tmp_path: Path
) -> None:
    data = (clips / "index-first.mp4").read_bytes()
    moov = data.index(b"moov")
    path = tmp_path / "spoilt.mp4"
    for length in (0, 4, moov, moov + 300, len(data) // 2):
        path.write_bytes(data[:length])
        assert probe_movie(path, Limits()) is None
    for at in range(moov - 4, data.index(b"mdat"), 7):
        path.write_bytes(data[:at] + b"\xff\xff" + data[at + 2 :])
        report = probe_movie(path, Limits())
        if report is not None:
            try:
                read_directly(path, report)
            except UnusualFileError:
                continue


def test_a_picture_that_is_hidden_or_a_repeated_parameter_set_takes_a_closer_look(
    tmp_path: Path,
) -> None:
    path = tmp_path / "own.mp4"
    repeated = (("x264-params", "repeat-headers=1"),)
    make_clip(path, Picture(options=repeated, gop=10), SOUND)
    with pytest.raises(UnusualFileError):
        read_directly(path, probe(path, Limits()))


def test_a_file_is_closed_with_the_last_who_holds_it(clips: Path) -> None:
    path = clips / "silent.mp4"
    film = read_directly(path, probe(path, Limits()))
    file = film.tracks[0].samples.file
    assert os.fstat(file).st_size == path.stat().st_size
    del film
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(file)


def test_a_usual_film_is_packaged_without_ffmpeg_and_without_the_server(
    clips: Path, tmp_path: Path
) -> None:
    words = ["package", str(clips / "b-frames.mp4"), "-o", str(tmp_path / "out")]
    program = (
        "import sys\nfrom cli.main import run\n"
        f"assert run({words!r}) == 0\n"
        "heavy = {'av', 'typer', 'pydantic', 'rich', 'asyncio', 'aiohttp', 'asyncpg'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert (tmp_path / "out" / "manifest.mpd").exists()
