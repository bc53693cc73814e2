"""Encrypted folders: what is in their files, and where their keys are."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import pytest
from av.video.plane import VideoPlane

from cli.package.bar import Unseen
from cli.package.protection import chosen_protection
from core.protection.content_key import KeyUse
from core.protection.scheme import Scheme
from origin.packaging.faults import StorageFull
from origin.static import package as packaging
from origin.static.request import PackageProtection, PackageRequest, RefusedFolder
from origin.static.texts import write_chapters
from tests.fixtures.boxes import fragment_samples, top
from tests.fixtures.decryption import decrypt_fragment, decrypt_resource, read_init
from tests.fixtures.media import Picture, Sound, make_clip

KID, KEY = "00112233445566778899aabbccddeeff", "0f0e0d0c0b0a09080706050403020100"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    return make_clip(folder / "film.mp4", Picture(count=150, gop=50), Sound(samples=6 * 48_000))


def package(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cli", "package", *words],
        capture_output=True,
        text=True,
        check=False,
    )


def made(*words: str) -> Any:
    done = package("--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def samples_of(segment: bytes) -> list[bytes]:
    return [segment[each.offset : each.offset + each.size] for each in fragment_samples(segment)[1]]


@pytest.fixture(scope="module")
def clear(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clear") / "film"
    made(str(film), "-o", str(folder))
    return folder


@pytest.mark.parametrize("scheme", ["cenc", "cbcs"])
def test_samples_come_back(film: Path, clear: Path, tmp_path: Path, scheme: str) -> None:
    folder = tmp_path / "film"
    told = made(str(film), "-o", str(folder), "--protection", scheme, "--key", f"{KID}:{KEY}")
    assert told["dash"] == "manifest.mpd"
    assert f'default_KID="{KID[:8]}-' in (folder / "manifest.mpd").read_text()
    for track in told["tracks"]:
        defaults = read_init((folder / track["path"] / "init.mp4").read_bytes())
        assert (defaults.scheme, defaults.kid.hex()) == (scheme, KID)
        names = sorted(path.name for path in (folder / track["path"]).glob("*.m4s"))
        assert len(names) == track["segments"]
        for name in names:
            plain = samples_of((clear / track["path"] / name).read_bytes())
            hidden = (folder / track["path"] / name).read_bytes()
            assert decrypt_fragment(hidden, defaults, bytes.fromhex(KEY)) == plain
            assert samples_of(hidden) != plain
    assert not list(tmp_path.glob("*.keys.json"))
    assert KEY not in "".join(path.read_text() for path in folder.rglob("*.m3u8"))


def test_no_two_folders_under_one_key_share_a_keystream(film: Path, tmp_path: Path) -> None:
    """Tracks were numbered from 0 in every folder, and their vectors began with that number."""
    words = ("--protection", "cenc", "--key", f"{KID}:{KEY}")
    count, vectors = 0, set[bytes]()
    for folder in (tmp_path / "one", tmp_path / "two"):
        made(str(film), "-o", str(folder), *words)
        for path in folder.rglob("*.m4s"):
            segment = path.read_bytes()
            found = vectors_of(segment)
            assert len(found) == len(samples_of(segment))
            count += len(found)
            vectors.update(found)
    assert count
    assert len(vectors) == count


@pytest.mark.parametrize("vector", [bytes(16), b"\xff" * 16])
def test_tracks_of_a_folder_count_apart_wherever_they_begin(vector: bytes) -> None:
    protection = PackageProtection(Scheme.CENC, {}, vector)
    uses = [KeyUse(Scheme.CENC, b"", b"", protection.track_number(place)) for place in range(3)]
    vectors = {use.first_vector for use in uses}
    assert len(vectors) == 3
    assert all(each.endswith(bytes(4)) for each in vectors)


def vectors_of(segment: bytes) -> list[bytes]:
    """The vectors of a segment's samples, under `cenc`."""
    senc = top(segment).find("moof/traf/senc")
    found, at = [], 8
    for _ in range(senc.fields("I")[0]):
        found.append(senc.payload[at : at + 8])
        at += 8
        if senc.flags & 2:
            at += 2 + 6 * int.from_bytes(senc.payload[at : at + 2])
    return found


@pytest.mark.parametrize("scheme", ["cenc", "cbcs"])
@pytest.mark.parametrize("codec", ["libx265", "libvpx-vp9", "libsvtav1"])
def test_ffmpeg_decrypts_other_codecs(tmp_path: Path, codec: str, scheme: str) -> None:
    picture = Picture(codec=codec, count=50, gop=25, b_frames=2 if codec == "libx265" else 0)
    film = make_clip(tmp_path / "film.mp4", picture)
    made(str(film), "-o", str(tmp_path / "clear"))
    told = made(str(film), "-o", str(tmp_path / scheme), "--protection", scheme,
                "--key", f"{KID}:{KEY}")  # fmt: skip
    (track,) = told["tracks"]
    plain, hidden = (whole(tmp_path / name / track["path"]) for name in ("clear", scheme))
    frames = digests(plain)
    assert len(frames) == 50
    assert digests(hidden, KEY) == frames
    assert digests(hidden) != frames


@pytest.mark.parametrize("scheme", ["cenc", "cbcs"])
@pytest.mark.parametrize("single", [False, True])
def test_pictures_to_wind_by_and_single_files_are_decrypted(
    film: Path, clear: Path, tmp_path: Path, scheme: str, single: bool
) -> None:
    words = ("--protection", scheme, "--key", f"{KID}:{KEY}")
    told = made(str(film), "-o", str(tmp_path / "film"), *words, *["--single-file"] * single)
    picture, sound = told["tracks"]
    folder = tmp_path / "film" / picture["path"]
    frames = digests(whole(clear / picture["path"]))
    init = (folder / ("track.mp4" if single else "init.mp4")).read_bytes()
    if single:
        assert {path.name for path in folder.iterdir()} == {
            "track.mp4", "index.m3u8", "iframe.m3u8"
        }  # fmt: skip
        assert digests(init, KEY) == frames
        assert len(init) == picture["size_bytes"]
        other = (tmp_path / "film" / sound["path"] / "track.mp4").read_bytes()
        moofs = [box for box in top(other).children() if box.kind == b"moof"]
        assert len(moofs) == sound["segments"]
        assert "isoff-on-demand" in (tmp_path / "film/manifest.mpd").read_text()
    pictures = winding(folder, first_boxes(init), KEY)
    assert len(pictures) == picture["segments"]
    plain = (clear / picture["path"] / "init.mp4").read_bytes()
    assert pictures == winding(clear / picture["path"], plain)


@pytest.mark.parametrize("scheme", ["cenc", "cbcs"])
def test_a_film_of_av1_is_one_file_with_pictures_to_wind_by(tmp_path: Path, scheme: str) -> None:
    picture = Picture(codec="libsvtav1", count=75, gop=25, b_frames=0)
    film = make_clip(tmp_path / "film.mp4", picture)
    words = ("--protection", scheme, "--key", f"{KID}:{KEY}", "--single-file")
    (plain,) = made(str(film), "-o", str(tmp_path / "clear"))["tracks"]
    (hidden,) = made(str(film), "-o", str(tmp_path / scheme), *words)["tracks"]
    clear, folder = tmp_path / "clear" / plain["path"], tmp_path / scheme / hidden["path"]
    data = (folder / "track.mp4").read_bytes()
    entry = top(data).find("moov/trak/mdia/minf/stbl/stsd").children(8)[0]
    assert entry.kind == b"encv"
    assert b"av1C" in {box.kind for box in entry.children(78)}
    assert digests(data, KEY) == digests(whole(clear))
    pictures = winding(folder, first_boxes(data), KEY)
    assert len(pictures) == hidden["segments"]
    assert pictures == winding(clear, (clear / "init.mp4").read_bytes())


def first_boxes(data: bytes) -> bytes:
    """The init segment at the head of a file: ftyp and moov."""
    return data[: [box.start for box in top(data).children()][2]] if b"moof" in data else data


def winding(folder: Path, init: bytes, key: str = "") -> list[str]:
    """The I-frames of a folder's playlist, decoded one by one."""
    playlist = (folder / "iframe.m3u8").read_text()
    found = []
    for length, start, name in re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(\S+)", playlist):
        data = (folder / name).read_bytes()[int(start) : int(start) + int(length)]
        found.append(digests(init + data, key)[0])
    return found


def whole(folder: Path) -> bytes:
    """A track's init segment and all its media segments."""
    files = [folder / "init.mp4", *sorted(folder.glob("*.m4s"), key=lambda path: int(path.stem))]
    return b"".join(path.read_bytes() for path in files)


def digests(data: bytes, key: str = "") -> list[str]:
    """What FFmpeg decodes a track to; with `key` it decrypts it first."""
    options = {"decryption_key": key} if key else {}
    found: list[str] = []
    with (
        suppress(av.error.FFmpegError),  # raised where samples are not there
        av.open(io.BytesIO(data), "r", options=options) as container,
    ):
        found.extend(
            hashlib.sha256(b"".join(map(shown, frame.planes))).hexdigest()
            for frame in container.decode(video=0)
        )
    return found


def shown(plane: VideoPlane) -> bytes:
    """The samples of a plane, without what decoders leave behind the end of a line."""
    data, step = bytes(plane), plane.line_size
    return b"".join(data[at : at + plane.width] for at in range(0, step * plane.height, step))


def test_whole_segments_come_back_with_keys_that_were_made(
    film: Path, clear: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "film"
    told = made(str(film), "-o", str(folder), "--protection", "aes-128")
    assert told["dash"] is None
    assert not (folder / "manifest.mpd").exists()
    kept = tmp_path / "film.keys.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    keys = {
        each["kid"]: bytes.fromhex(each["key"]) for each in json.loads(kept.read_text())["keys"]
    }
    assert len(keys) == 2
    for track in told["tracks"]:
        playlist = (folder / track["path"] / "index.m3u8").read_text()
        listed = re.findall(
            r'#EXT-X-KEY:METHOD=AES-128,URI="\.\./\.\./key/(\w+)",IV=0x(\w+)\n#EXTINF.*\n(.+)',
            playlist,
        )
        assert len(listed) == track["segments"]
        for kid, iv, name in listed:
            hidden = (folder / track["path"] / name).read_bytes()
            plain = (clear / track["path"] / name).read_bytes()
            assert decrypt_resource(hidden, keys[kid], bytes.fromhex(iv)) == plain
    assert (
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        == (told["size_bytes"])
    )


@pytest.fixture(scope="module")
def kept(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of its own with an encrypted film and its keys, to be left as it is."""
    folder = tmp_path_factory.mktemp("kept")
    made(str(film), "-o", str(folder / "film"), "--protection", "cenc")
    return folder


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (None, "film.keys.json is there already, and keys are never written over"),
        ("film/keys.json", "is within"),
        ("film/../film/v/keys.json", "is within"),
        ("film", "is within"),
        ("link/keys.json", "is within"),
        ("nowhere/keys.json", "nowhere is not a folder"),
    ],
)
@pytest.mark.usefixtures("no_work")
def test_a_place_where_keys_cannot_be_kept_is_refused_before_the_work(
    film: Path, kept: Path, keys: str | None, said: str
) -> None:
    (kept / "link").unlink(missing_ok=True)
    (kept / "link").symlink_to("film")
    before = {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()}
    with pytest.raises(RefusedFolder, match=said) as refused:
        asked(film, kept / "film", None if keys is None else kept / keys)
    assert "--keys-file" in refused.value.message
    assert {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("no_work")
def test_keys_are_not_kept_where_the_folder_needs_a_folder(film: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedFolder, match="--keys-file"):
        asked(film, tmp_path / "site/film", tmp_path / "site")
    assert not list(tmp_path.iterdir())


def test_keys_may_lie_in_a_folder_that_is_made_for_the_film(film: Path, tmp_path: Path) -> None:
    asked(film, tmp_path / "new/site/film", None)
    assert (tmp_path / "new/site/film.keys.json").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(5, "Input/output error")])
@pytest.mark.parametrize("step", ["write_chapters", "_put"])
def test_what_fails_late_leaves_no_keys_behind(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    def broken(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(packaging, step, broken)
        with pytest.raises((KeyboardInterrupt, OSError, RefusedFolder)):
            asked(film, tmp_path / "film", None)
    assert not list(tmp_path.iterdir())
    asked(film, tmp_path / "film", None)


def test_keys_that_could_not_be_written_leave_nothing_behind(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, mode: str) -> Any:
        os.close(descriptor)
        return Path("/dev/full").open(mode)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdopen", full)
        with pytest.raises(StorageFull, match=r" for .*/film\.keys\.json\.$"):
            asked(film, tmp_path / "film", None)
    assert not list(tmp_path.iterdir())


def test_keys_that_somebody_else_wrote_meanwhile_are_left_alone(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "film.keys.json"

    def meanwhile(*words: Any) -> int:
        keys.write_text("theirs")
        return write_chapters(*words)

    monkeypatch.setattr(packaging, "write_chapters", meanwhile)
    with pytest.raises(RefusedFolder):
        asked(film, tmp_path / "film", None)
    assert [path.name for path in tmp_path.iterdir()] == [keys.name]
    assert keys.read_text() == "theirs"


def test_keys_of_a_folder_that_is_in_its_place_are_kept_whatever_follows(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = packaging._put

    def interrupted(new: Path, folder: Path) -> None:
        put(new, folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(packaging, "_put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        asked(film, tmp_path / "film", None)
    assert {path.name for path in tmp_path.iterdir()} == {"film", "film.keys.json"}


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_into(*_: object) -> None:
        pytest.fail("a film was looked into")

    monkeypatch.setattr(packaging, "examine", looked_into)


def asked(film: Path, folder: Path, keys: Path | None) -> None:
    """Package a film under keys that are made, in this process."""
    protection = chosen_protection(Scheme.CENC, (), folder, keys)
    request = PackageRequest([film], folder, 4, may_replace=True, protection=protection)
    packaging.package(request, Unseen())


@pytest.mark.parametrize(
    "words",
    [
        ("--key", f"{KID}:{KEY}"),
        ("--protection", "cenc", "--key", f"{KID}:{KEY[:-2]}"),
        ("--protection", "cenc", "--key", "secret"),
        ("--protection", "aes-128", "--single-file"),
        ("--protection", "rot13"),
    ],
)
def test_what_makes_no_sense_is_refused_and_shows_no_key(
    film: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = package(str(film), "-o", str(tmp_path / "film"), *words)
    assert done.returncode != 0
    assert KEY[:-2] not in done.stdout + done.stderr
    assert not (tmp_path / "film").exists()


@pytest.mark.parametrize("scheme", ["cenc", "cbcs"])
def test_a_single_file_of_many_slices_would_be_clear_in_part_and_is_refused(
    tmp_path: Path, scheme: str
) -> None:
    picture = Picture(
        count=25, width=320, height=256, options=(("x264-params", "slices=12:keyint=25"),)
    )
    film = make_clip(tmp_path / "film.mp4", picture)
    words = (str(film), "-o", str(tmp_path / "film"), "--protection", scheme)
    refused = package(*words, "--single-file")
    assert refused.returncode == 2
    assert "pictures of more than 8 slices" in refused.stderr
    assert not (tmp_path / "film").exists()
    made(*words)
