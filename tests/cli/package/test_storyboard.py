"""`sluice package --storyboard`: small pictures in a folder, opened in each of their four forms."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from core.manifest.storyboard import StoryboardDocument
from tests.fixtures.manifests import check_folder
from tests.fixtures.media import Picture, Sound, make_clip, read_number
from tests.fixtures.playlists import parse_playlist
from tests.fixtures.sprites import cut, opened

DASH = {"": "urn:mpeg:dash:schema:mpd:2011"}
MIDDLES = [25, 75, 125, 175, 225]
"""The key pictures of 10 s in the middle of every 2 s."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    return make_clip(folder / "film.mp4", Picture(count=250, gop=25), Sound(samples=480_000))


def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "cli", "package", *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def made(*words: str | Path) -> dict[str, Any]:
    done = run("--json", "--storyboard", *words)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    check_folder(Path(report["folder"]))
    return report


def shown_by_the_document(folder: Path, text: str) -> list[int | None]:
    """The number that every tile of the JSON shows."""
    board = msgspec.json.decode(text, type=StoryboardDocument)
    sheets = [opened(folder / sprite) for sprite in board.sprites]
    size = board.tile_width, board.tile_height
    return [read_number(cut(sheets[tile.sprite], tile.x, tile.y, *size)) for tile in board.tiles]


def shown_by_webvtt(folder: Path, text: str) -> list[int | None]:
    addresses = [line for line in text.splitlines() if "#xywh=" in line]
    found = []
    for address in addresses:
        sprite, _, place = address.partition("#xywh=")
        found.append(read_number(cut(opened(folder / sprite), *map(int, place.split(",")))))
    return found


def shown_by_hls(folder: Path, address: str) -> list[int | None]:
    """The number of every JPEG in the I-frame playlist."""
    playlist = parse_playlist((folder / address).read_text())
    place = (folder / address).parent
    assert (place / playlist.one("EXT-X-MAP").text("URI")).stat().st_size > 0
    numbers = []
    for _, name in playlist.entries:
        data = (place / name).read_bytes()
        image = place / "one.jpg"
        image.write_bytes(data[data.index(b"\xff\xd8\xff") :])
        numbers.append(read_number(opened(image)))
        image.unlink()
    return numbers


@pytest.mark.parametrize("way", [(), ("--single-file",)], ids=["segments", "single file"])
def test_each_form_shows_the_picture_of_every_moment(
    film: Path, tmp_path: Path, way: tuple[str, ...]
) -> None:
    folder = tmp_path / "out"
    report = made(film, "-o", folder, *way)
    told = report["storyboard"]
    assert (told["tiles"], told["interval_ms"]) == (5, 2000)
    assert shown_by_the_document(folder, (folder / told["json"]).read_text()) == MIDDLES
    assert shown_by_webvtt(folder, (folder / told["vtt"]).read_text()) == MIDDLES
    master = parse_playlist((folder / "master.m3u8").read_text())
    addresses = {
        tag.text("CODECS"): tag.text("URI")
        for name in ("EXT-X-I-FRAME-STREAM-INF", "EXT-X-IMAGE-STREAM-INF")
        for tag in master.all(name)
    }
    assert shown_by_hls(folder, addresses["mjpg"]) == MIDDLES
    sprites = parse_playlist((folder / addresses["jpeg"]).read_text())
    assert [name for _, name in sprites.entries] == ["0.jpg"]
    mpd = ET.parse(folder / "manifest.mpd").getroot()
    (images,) = mpd.findall(".//AdaptationSet[@contentType='image']", DASH)
    template = images.find("SegmentTemplate", DASH)
    assert template is not None
    assert (folder / template.attrib["media"].replace("$Number$", "0")).is_file()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert report["size_bytes"] == sum(path.stat().st_size for path in files)
    boards = [path for path in files if "sb" in path.parts or path.name.startswith("storyboard.")]
    assert told["size_bytes"] == sum(path.stat().st_size for path in boards)
    assert run(film, "-o", folder, "--force").returncode == 0
    assert not (folder / "sb").exists()


def test_a_film_whose_samples_are_looked_at_one_by_one_has_the_same(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mkv", Picture(count=250, gop=25))
    report = made(film, "-o", tmp_path / "out")
    told = (tmp_path / "out" / report["storyboard"]["json"]).read_text()
    assert shown_by_the_document(tmp_path / "out", told) == MIDDLES


def test_without_a_picture_there_is_none_and_no_folder(tmp_path: Path) -> None:
    sound = make_clip(tmp_path / "sound.m4a", None, Sound(samples=96_000))
    done = run(sound, "-o", tmp_path / "out", "--storyboard")
    assert done.returncode == 2
    assert done.stderr == "sluice: there is no picture to make a storyboard of\n"
    assert not (tmp_path / "out").exists()


def test_who_asks_for_none_does_not_load_ffmpeg(film: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from cli.package.plain import run_plain; "
        "code = run_plain(sys.argv[1:]); assert 'av' not in sys.modules; sys.exit(code)"
    )
    argv = [sys.executable, "-c", script, str(film), "-o", str(tmp_path / "out")]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0
