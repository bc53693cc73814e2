"""`sluice inspect`: what it says of files, in words and in JSON, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from origin.packaging.codec_strings import codec_string
from origin.packaging.inspection import inspect_file
from origin.packaging.limits import Limits
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.spliced import edited

DEADLINE_S = 60
# Sub-packages stand for what starts a service, serves or asks a database.
SERVER_STACK = ("server", "edge", "origin.main", "origin.worker", "origin.jobs", "origin.delivery")
LIBRARIES = ("aiohttp", "asyncpg", "pgqueuer", "redis", "obstore", "prometheus_client")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "inspect", *words],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def described(path: Path) -> dict[str, Any]:
    done = run("--json", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_film_is_described_in_words(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "film.mp4", Picture(gop=10, count=50), Sound(language="deu"))
    done = run(str(path))
    assert (done.returncode, done.stderr) == (0, "")
    first, boxes, video, groups, verdict, edits, audio, *rest, segments = done.stdout.splitlines()
    sound_verdict, sound_edits = rest
    assert first.endswith("2.000 s")
    assert boxes.startswith("  index of ")
    assert boxes.endswith(" behind the media; brands isom, iso2, avc1, mp41")
    assert edits == "  edit list: 2.000 s from 0.080 s on"
    assert sound_edits == "  edit list: 2.000 s from 0.021 s on"
    assert "video h264" in video
    assert "avc1." in video
    assert "64×48, 25 frames/s, 8 bit, 50 samples" in video
    assert groups.strip() == (
        "groups of pictures: 5, 0 of them open, 0.400 / 0.400 / 0.400 s (shortest, median, longest)"
    )
    assert verdict == sound_verdict == "  copied as it is: it plays everywhere as it is"
    assert "aac (LC, mp4a.40.2), 2 channels, 48000 Hz, language deu" in audio
    assert segments == "segments: 1, 2.000 / 2.000 / 2.000 s (shortest, median, longest)"


def test_segments_are_those_that_would_be_published(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "film.mp4", Picture(gop=15, count=100))
    found = inspect_file(path, 1.0, Limits())
    assert found.segments is not None
    assert (found.segments.count, found.segments.longest_s) == (4, 1.2)


def test_open_groups_are_counted(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "open.mp4", Picture(open_gop=True, gop=12, count=48))
    found = inspect_file(path, 4.0, Limits())
    assert found.video is not None
    assert found.video.groups is not None
    assert (found.video.groups.count, found.video.groups.open) == (4, 3)


def test_the_reason_for_encoding_is_given_even_if_only_samples_show_it(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "long.mp4", Picture(gop=400, count=310))
    document = described(path)
    assert document["video"]["decision"] == "transcode"
    assert document["video"]["reason"].startswith("playback can start nowhere in the 12 s after")
    assert document["segments"]["count"] == 3


def test_what_is_wrong_is_named_with_box_and_byte(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "film.mp4", Picture(b_frames=0), Sound())
    data = bytearray(path.read_bytes())
    at = data.index(b"stss") + 12
    data[at : at + 4] = (10_000).to_bytes(4)
    path.write_bytes(data)
    (problem,) = described(path)["problems"]
    assert problem == f"moov/trak[1]/mdia/minf/stbl/stss at byte {at} speaks of sample 10000 of 50"
    assert "problem: moov/trak[1]" in run(str(path)).stdout


def test_everything_that_is_wrong_is_named(tmp_path: Path) -> None:
    """Ingest stops at the first contradiction; whoever mends a file wants all of them."""
    path = make_clip(tmp_path / "film.mp4", Picture(b_frames=0), Sound())
    edited(path, (500, 0), (500, 12800))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"stts") + 8
    data[at : at + 4] = (5).to_bytes(4)
    path.write_bytes(data)
    document = described(path)
    assert sorted(problem.partition(" at byte ")[0] for problem in document["problems"]) == [
        "moov/trak[1]/edts/elst",
        "moov/trak[2]/mdia/minf/stbl/stts",
    ]
    assert document["repaired"]
    assert document["movie"]["tracks"][1]["samples"] is None
    assert document["movie"]["tracks"][0]["edits"] == (
        "0.500 s from 0.000 s on, then 0.500 s from 1.000 s on"
    )


def test_fragments_languages_titles_and_colours_are_told(tmp_path: Path) -> None:
    path = make_clip(
        tmp_path / "film.mp4",
        Picture(b_frames=0, gop=10, colour=(9, 16, 9)),
        Sound(language="deu"),
        Sound(language="eng", title="Commentary"),
        options={"movflags": "cmaf+frag_keyframe+empty_moov+global_sidx"},
    )
    document = described(path)
    assert document["movie"]["fragments"] == 5
    assert document["movie"]["segment_indexes"] == 3
    assert document["movie"]["index_first"]
    assert [track["language"] for track in document["audio"]] == ["deu", "eng"]
    assert document["video"]["high_dynamic_range"] == "PQ"
    words = run(str(path)).stdout
    assert "5 fragments; 3 segment indexes; brands iso6, cmfc, mp41" in words
    assert "  colour: BT.2020 / PQ (high dynamic range)\n" in words


@pytest.mark.parametrize("name", ["film.mkv", "film.ts", "sound.m4a"])
def test_other_containers_are_described_as_well(tmp_path: Path, name: str) -> None:
    picture = None if name == "sound.m4a" else Picture()
    document = described(make_clip(tmp_path / name, picture, Sound()))
    assert (document["video"] is None) == (picture is None)
    assert document["audio"][0]["sample_rate"] == 48000
    assert document["problems"] == []


NAMED = [
    (Picture(codec="libx265", count=12), "eac3", "hvc1.1.6.L", "ec-3"),
    (Picture(codec="libvpx-vp9", count=12), "libopus", "vp09.00.", "opus"),
    (Picture(codec="libsvtav1", count=12, width=128, height=96), "flac", "av01.0.", "fLaC"),
    (Picture(count=12), "ac3", "avc1.", "ac-3"),
    (Picture(count=12), "libmp3lame", "avc1.", "mp4a."),
]


@pytest.mark.parametrize(
    ("picture", "sound", "video", "audio"), NAMED, ids=[name for _, _, _, name in NAMED]
)
def test_every_codec_has_its_name_in_manifests(
    tmp_path: Path, picture: Picture, sound: str, video: str, audio: str
) -> None:
    path = make_clip(tmp_path / "film.mp4", picture, Sound(codec=sound, samples=24000))
    found = inspect_file(path, 4.0, Limits())
    assert found.video is not None
    assert found.video.codecs.startswith(video)
    assert found.audio[0].codecs.startswith(audio)


def test_light_is_told_where_the_file_tells_it(tmp_path: Path) -> None:
    """A picture of high dynamic range is made for a display, which x265 is told of."""
    told = (
        "log-level=none:pools=1:frame-threads=1:hdr10=1:repeat-headers=1:max-cll=1000,400:"
        "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    )
    picture = Picture(
        codec="libx265", count=12, pixel_format="yuv420p10le", colour=(9, 16, 9),
        options=(("x265-params", told),),
    )  # fmt: skip
    found = inspect_file(make_clip(tmp_path / "film.mp4", picture), 4.0, Limits())
    assert found.video is not None
    assert found.video.high_dynamic_range == "PQ"
    assert found.video.light == (
        "mastered from 0.005 to 1000 cd/m², pixels up to 1000 cd/m², pictures up to 400 on average"
    )


def test_nothing_is_written(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "film.mp4", Picture(), Sound())
    described(path)
    assert list(tmp_path.iterdir()) == [path]


def test_refusals_are_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    for words, message in (
        ([str(tmp_path / "none.mp4")], f"sluice: {tmp_path / 'none.mp4'} does not exist\n"),
        ([str(tmp_path)], f"sluice: {tmp_path} is not a file\n"),
        (
            [str(text)],
            "sluice: This is not a video or audio file of a kind that Sluice can read.\n",
        ),
    ):
        done = run(*words)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_it_does_not_import_the_server(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "film.mp4", Picture(), Sound())
    code = (
        "import sys; from cli.main import run; "
        f"assert run(['inspect', '--json', {str(path)!r}]) == 0; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=DEADLINE_S, check=True
    )
    imported = set(done.stdout.splitlines()[-1].split())
    assert "origin.packaging.inspection" in imported
    assert not imported & {*SERVER_STACK, *LIBRARIES}


@pytest.mark.parametrize(
    ("codec", "record", "name"),
    [
        ("av1", bytes.fromhex("81000c000a0a0000000337fbe257c802"), "av01.0.00M.08"),
        ("vp9", bytes.fromhex("00298201010100 00".replace(" ", "")), "vp09.00.41.08"),
        ("aac", bytes.fromhex("1210"), "mp4a.40.2"),
        ("opus", b"", "opus"),
        ("ac3", b"", "ac-3"),
        ("mpeg4", b"", ""),
        ("vp9", b"", ""),
        ("hevc", b"\x01", ""),
    ],
)
def test_codecs_are_named_as_rfc_6381_has_it(codec: str, record: bytes, name: str) -> None:
    assert codec_string(codec, record) == name
