"""`sluice package` with subtitles and chapters."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.text.webvtt import parse_webvtt
from tests.fixtures.text import SUBRIP
from tests.fixtures.texted import add_text

REPOSITORY = Path(__file__).resolve().parents[3]
DEADLINE_S = 120


def package(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "package", *map(str, words)],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def texted(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texted")
    film = add_text(
        films / "small.mp4", folder / "film.mkv", {"subrip": "eng"}, text=SUBRIP,
        chapters=((0, "One"), (3000, "Two")), dispositions=("hearing_impaired",),
    )  # fmt: skip
    (folder / "film.de.forced.srt").write_text(SUBRIP, encoding="cp1252")
    (folder / "any.fr.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nOui\n")
    return film


@pytest.mark.parametrize("way", [(), ("--single-file",)], ids=["segments", "single file"])
def test_text_lies_in_the_folder_as_playlist_segments_and_whole(
    texted: Path, tmp_path: Path, way: tuple[str, ...]
) -> None:
    beside = [texted.with_name("film.de.forced.srt"), texted.with_name("any.fr.vtt")]
    folder = tmp_path / "out"
    done = package("--json", texted, *beside, "-o", folder, "--segment-duration", "2", *way)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    texts = {track["path"]: track for track in report["tracks"] if track["kind"] == "t"}
    assert set(texts) == {"t/de-forced", "t/fr", "t/en-captions"}
    assert texts["t/fr"]["source"] == str(beside[1])
    for path, track in texts.items():
        names = {each.name for each in (folder / path).iterdir()}
        numbers = {f"{number}.vtt" for number in range(track["segments"])}
        assert names == {"index.m3u8", "subtitles.vtt", *numbers}
        whole = parse_webvtt((folder / path / "subtitles.vtt").read_text()).cues
        segments = [parse_webvtt((folder / path / name).read_text()).cues for name in numbers]
        assert {cue for cues in segments for cue in cues} == set(whole)
    master = (folder / "master.m3u8").read_text()
    assert 'LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,FORCED=YES' in master
    assert "t/fr/subtitles.vtt" in (folder / "manifest.mpd").read_text()
    titles = [
        each["title"] for each in json.loads((folder / "chapters.json").read_text())["chapters"]
    ]
    assert titles == ["One", "Two"]
    again = package(texted, "-o", folder, "--force")
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("film.srt", "1\n00:00:01,000 --> soon\nx\n", "film.srt: line 2: "),
        ("film.vtt", "hello", "film.vtt: the file is neither WebVTT nor SubRip nor ASS"),
    ],
)
def test_subtitles_that_cannot_be_read_are_refused_by_name_and_line(
    films: Path, tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    done = package(films / "small.mp4", tmp_path / name, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_subtitles_alone_are_refused(texted: Path, tmp_path: Path) -> None:
    done = package(texted.with_name("any.fr.vtt"), "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no film to show them with" in done.stderr
