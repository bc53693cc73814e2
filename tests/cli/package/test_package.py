"""`sluice package`: from films to a folder of files that any web server can serve."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.fixtures.boxes import top
from tests.fixtures.manifests import check_folder
from tests.fixtures.players import Frame, decode
from tests.fixtures.playlists import parse_playlist

REPOSITORY = Path(__file__).resolve().parents[3]
DEADLINE_S = 120
DASH = {"": "urn:mpeg:dash:schema:mpd:2011"}
STYP_BYTES = 28
WAYS = pytest.mark.parametrize("way", [(), ("--single-file",)], ids=["segments", "single file"])


def package(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "package", *map(str, words)],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip


def packaged(*words: str | Path) -> dict[str, Any]:
    done = package("--json", *words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    report: dict[str, Any] = json.loads(done.stdout)
    check_folder(Path(report["folder"]))
    return report


def refused(*words: str | Path) -> str:
    """The one sentence of a refusal."""
    done = package(*words)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line.removeprefix("sluice: ")


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def same_times(played: list[Frame], source: list[Frame]) -> bool:
    starts = played[0].time, source[0].time
    return [frame.time - starts[0] for frame in played] == [
        frame.time - starts[1] for frame in source
    ]


@WAYS
async def test_every_picture_and_sound_comes_out_as_it_was(
    films: Path, tmp_path: Path, way: tuple[str, ...]
) -> None:
    film, folder = films / "small.mp4", tmp_path / "out"
    packaged(film, "-o", folder, "--segment-duration", "2", *way)
    pictures = await decode(str(film), "v:0")
    sound = [block.digest for block in await decode(str(film), "a:0")][2:-2]
    for manifest in ("master.m3u8", "manifest.mpd"):
        played = await decode(str(folder / manifest), "v:0")
        assert [frame.digest for frame in played] == [frame.digest for frame in pictures]
        assert same_times(played, pictures)
        heard = [block.digest for block in await decode(str(folder / manifest), "a:0")]
        start = heard.index(sound[0])
        assert heard[start : start + len(sound)] == sound


def test_the_folder_holds_what_its_manifests_name(films: Path, tmp_path: Path) -> None:
    report = packaged(films / "small.mp4", "-o", tmp_path / "out", "--segment-duration", "2")
    assert report["duration_ms"] == 6000
    tracks = ["v/48p", "a/audio-eng-2ch"]
    assert [track["path"] for track in report["tracks"]] == tracks
    named = {"master.m3u8", "manifest.mpd", "v/48p/iframe.m3u8"}
    for path in tracks:
        playlist = parse_playlist((tmp_path / "out" / path / "index.m3u8").read_text())
        segments = [address for _, address in playlist.entries]
        assert segments == ["0.m4s", "1.m4s", "2.m4s"]
        named |= {f"{path}/{name}" for name in ("index.m3u8", "init.mp4", *segments)}
    assert files_of(tmp_path / "out") == named
    assert report["size_bytes"] == sum((tmp_path / "out" / name).stat().st_size for name in named)
    mpd = ET.parse(tmp_path / "out" / "manifest.mpd").getroot()
    templates = [each.attrib["media"] for each in mpd.iterfind(".//SegmentTemplate", DASH)]
    assert templates == [f"{path}/$Number$.m4s" for path in tracks]


def test_a_single_file_has_the_same_fragments_and_both_manifests_lead_to_them(
    films: Path, tmp_path: Path
) -> None:
    for name, way in (("parts", ()), ("whole", ("--single-file",))):
        packaged(films / "small.mp4", "-o", tmp_path / name, "--segment-duration", "2", *way)
    assert files_of(tmp_path / "whole") == {
        "master.m3u8", "manifest.mpd",
        "v/48p/index.m3u8", "v/48p/iframe.m3u8", "v/48p/track.mp4",
        "a/audio-eng-2ch/index.m3u8", "a/audio-eng-2ch/track.mp4",
    }  # fmt: skip
    mpd = ET.parse(tmp_path / "whole" / "manifest.mpd").getroot()
    bases = mpd.findall(".//SegmentBase", DASH)
    for path, base in zip(("v/48p", "a/audio-eng-2ch"), bases, strict=True):
        whole = (tmp_path / "whole" / path / "track.mp4").read_bytes()
        parts = tmp_path / "parts" / path
        fragments = [(parts / f"{n}.m4s").read_bytes()[STYP_BYTES:] for n in range(3)]
        assert whole.startswith((parts / "init.mp4").read_bytes())
        assert whole.endswith(b"".join(fragments))
        first, last = map(int, base.attrib["indexRange"].split("-"))
        assert [box.kind for box in top(whole[first : last + 1]).children()] == [b"sidx"]
        playlist = parse_playlist((tmp_path / "whole" / path / "index.m3u8").read_text())
        assert playlist.one("EXT-X-MAP").text("BYTERANGE") == f"{first}@0"
        for (tags, address), fragment in zip(playlist.entries, fragments, strict=True):
            (asked,) = (tag.value for tag in tags if tag.name == "EXT-X-BYTERANGE")
            length, at = map(int, asked.split("@"))
            assert address == "track.mp4"
            assert whole[at : at + length] == fragment


def test_several_films_are_renditions_and_languages_of_one_presentation(
    films: Path, tmp_path: Path
) -> None:
    inputs = [films / name for name in ("large.mp4", "small.mp4", "deutsch.m4a")]
    report = packaged(*inputs, "-o", tmp_path / "out", "--segment-duration", "1")
    assert [track["path"] for track in report["tracks"]] == [
        "v/48p", "v/96p", "a/audio-eng-2ch", "a/audio-ger-2ch",
    ]  # fmt: skip
    (repeated,) = report["left_out"]
    assert repeated["source"].endswith("small.mp4")
    assert repeated["reason"] == "large.mp4 has the same sound"
    # One has a key picture each second, the other every two: they are cut where both have one.
    assert [track["segments"] for track in report["tracks"]] == [3, 3, 3, 3]
    master = (tmp_path / "out" / "master.m3u8").read_text()
    assert master.count("#EXT-X-STREAM-INF") == 2
    assert 'LANGUAGE="de"' in master
    assert 'LANGUAGE="en"' in master


async def test_all_renditions_of_it_play(films: Path, tmp_path: Path) -> None:
    packaged(films / "large.mp4", films / "small.mp4", "-o", tmp_path / "out")
    sources = [await decode(str(films / name), "v:0") for name in ("small.mp4", "large.mp4")]
    played = [await decode(str(tmp_path / "out" / "manifest.mpd"), f"v:{n}") for n in (0, 1)]
    assert [[frame.digest for frame in each] for each in played] == [
        [frame.digest for frame in each] for each in sources
    ]


def test_what_would_have_to_be_encoded_is_said_and_done_only_when_allowed(
    films: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    said = refused(films / "foreign.mkv", "-o", folder)
    assert said == (
        "foreign.mkv: vp8 video does not play everywhere; foreign.mkv: mp2 audio does not play "
        "everywhere; this has to be encoded anew, which --transcode allows"
    )
    assert not list(tmp_path.iterdir())
    report = packaged(films / "foreign.mkv", "-o", folder, "--transcode")
    assert all(track["transcoded"] for track in report["tracks"])
    assert {track["kind"] for track in report["tracks"]} == {"v", "a"}


def test_what_can_be_copied_is_copied_beside_what_is_encoded(films: Path, tmp_path: Path) -> None:
    report = packaged(films / "mp2.mkv", "-o", tmp_path / "out", "--transcode")
    assert [(track["kind"], track["transcoded"]) for track in report["tracks"]] == [
        ("v", False), ("a", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "codecs"),
    [
        ("carried.webm", {"vp09.00.10.08", "opus"}),
        ("dolby.mkv", {"hvc1.1.6.L30.90", "ec-3"}),
    ],
)
async def test_codecs_that_players_have_go_through_as_they_are(
    films: Path, tmp_path: Path, name: str, codecs: set[str]
) -> None:
    folder = tmp_path / "out"
    report = packaged(films / name, "-o", folder)
    assert {track["codec"] for track in report["tracks"]} == codecs
    assert not any(track["transcoded"] for track in report["tracks"])
    source = await decode(str(films / name), "v:0")
    assert len(source) == 60
    for manifest in ("master.m3u8", "manifest.mpd"):
        played = await decode(str(folder / manifest), "v:0")
        assert [frame.digest for frame in played] == [frame.digest for frame in source]


def test_what_does_not_play_everywhere_is_encoded_beside_the_copy_where_that_is_allowed(
    films: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    report = packaged(films / "dolby.mkv", "-o", folder, "--transcode", "--segment-duration", "1")
    tracks = report["tracks"]
    assert {track["codec"] for track in tracks if not track["transcoded"]} == {
        "hvc1.1.6.L30.90", "ec-3",
    }  # fmt: skip
    encoded = [track for track in tracks if track["transcoded"]]
    assert {track["codec"].partition(".")[0] for track in encoded} == {"avc1", "mp4a"}
    pictures = [track for track in tracks if track["kind"] == "v"]
    assert {track["segments"] for track in pictures} == {2}
    master = (folder / "master.m3u8").read_text()
    assert "EXT-X-INDEPENDENT-SEGMENTS" not in master
    for track in pictures:
        playlist = (folder / track["path"] / "index.m3u8").read_text()
        assert ("EXT-X-INDEPENDENT-SEGMENTS" in playlist) is track["transcoded"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["even-cuts.mp4", "own-cuts.mp4"], "no key picture at the same time"),
        (["small.mp4", "short.mp4"], "small.mp4, short.mp4: one picture lasts 4.00 s"),
        (["small.mp4", "small.mp4"], "small.mp4 is named twice"),
        (["text.mp4"], "text.mp4: This is not a video or audio file"),
        (["none.mp4"], "none.mp4 cannot be read: No such file or directory"),
        (["small.mp4", "foreign.mkv", "--transcode"], "only where no other film has one"),
        (["small.mp4", "--segment-duration", "0"], "Invalid value for '--segment-duration'"),
        ([], "Missing argument 'FILE...'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_done_is_one_sentence_and_leaves_nothing(
    films: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    inputs = [films / word if "." in word else word for word in words]
    assert said in refused(*inputs, "-o", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_is_replaced_only_by_force_and_only_if_it_is_ours(
    films: Path, tmp_path: Path
) -> None:
    folder, film = tmp_path / "out", films / "small.mp4"
    packaged(film, "-o", folder)
    before = files_of(folder)
    assert refused(film, "-o", folder) == f"{folder} is there already; --force replaces it"
    packaged(film, "-o", folder, "--force", "--single-file")
    assert files_of(folder) != before
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    (photographs / "1.jpg").write_bytes(b"a cat")
    assert "--force leaves it alone" in refused(film, "-o", photographs, "--force")
    assert files_of(photographs) == {"1.jpg"}
    assert {path.name for path in tmp_path.iterdir()} == {"out", "photographs"}


def test_a_refusal_leaves_the_old_folder_as_it_was(films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    packaged(films / "small.mp4", "-o", folder)
    before = files_of(folder)
    refused(films / "text.mp4", "-o", folder, "--force")
    assert files_of(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_behind(
    films: Path, tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "cli", "package", "--transcode", "-o", tmp_path / "out"]
    process = subprocess.Popen(
        [*map(str, command), str(films / "slow.mkv")],
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline_s = time.monotonic() + DEADLINE_S
    while not list(tmp_path.glob(".out.*/.work")) and process.poll() is None:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    process.send_signal(number)
    _, complaints = process.communicate(timeout=DEADLINE_S)
    assert b"Traceback" not in complaints
    assert process.returncode == 128 + number
    assert not list(tmp_path.iterdir())


def test_files_in_the_folder_are_for_all_to_read(films: Path, tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        packaged(films / "small.mp4", "-o", tmp_path / "out")
    finally:
        os.umask(old)
    for path in (tmp_path / "out", *(tmp_path / "out").rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


def test_people_are_told_what_was_made(films: Path, tmp_path: Path) -> None:
    done = package(films / "small.mp4", "-o", tmp_path / "out")
    first, *tracks, hls, dash = done.stdout.splitlines()
    assert first.startswith(f"{tmp_path / 'out'}: ")
    assert [line.strip().partition(":")[0] for line in tracks] == ["v/48p", "a/audio-eng-2ch"]
    assert all(line.endswith("copied") for line in tracks)
    assert hls.split() == ["HLS", "master.m3u8"]
    assert dash.split() == ["DASH", "manifest.mpd"]


def test_it_imports_neither_the_servers_nor_what_they_stand_on(films: Path, tmp_path: Path) -> None:
    words = ["package", str(films / "small.mp4"), "-o", str(tmp_path / "out")]
    code = f"import sys; from cli.main import run; run({words!r}); print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=DEADLINE_S, check=True,
    )  # fmt: skip
    loaded = done.stdout.splitlines()[-1]
    assert "'origin.static.package'" in loaded
    for foreign in ("asyncpg", "redis", "aiohttp", "obstore", "pgqueuer", "edge", "server"):
        assert f"'{foreign}'" not in loaded
    assert "'origin.delivery'" not in loaded
    assert "'origin.repository'" not in loaded
