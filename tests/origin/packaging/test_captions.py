"""Captions inside of pictures are found where they are: in copied and in encoded tracks."""

from pathlib import Path

import pytest

from core.media.ladder import Rung
from origin.packaging.copy import copy_tracks
from origin.packaging.direct import read_directly
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.progress import Unwatched
from origin.packaging.transcode import transcode_video
from origin.publication import BuiltTrack, check_tracks
from runtime.storage import LocalStore
from tests.fixtures.captions import add_captions, dtvcc_packet, pair
from tests.fixtures.media import Picture, make_clip

POP_ON, TEXT = pair(0, 0x14, 0x20), pair(0, ord("H"), ord("i"))
SERVICE = dtvcc_packet({1: b"Hi"})


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("captioned") / "plain.mp4", Picture(count=60))


@pytest.fixture(scope="module")
def captioned(plain: Path) -> Path:
    return add_captions(plain, plain.with_name("film.mp4"), POP_ON, TEXT, *SERVICE)


def test_they_are_found_in_a_file_that_is_read_directly(captioned: Path) -> None:
    film = read_directly(captioned, probe(captioned, Limits()))
    assert film.tracks[0].closed_captions == ("CC1", "SERVICE1")


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_a_copied_picture_keeps_them(plain: Path, tmp_path: Path, name: str) -> None:
    film = add_captions(plain, tmp_path / name, POP_ON, TEXT, *SERVICE)
    (track,) = copy_tracks(film, probe(film, Limits()), tmp_path / "out", Unwatched()).tracks
    assert track.closed_captions == ("CC1", "SERVICE1")


def test_what_is_published_names_them(captioned: Path, tmp_path: Path) -> None:
    (track,) = copy_tracks(captioned, probe(captioned, Limits()), tmp_path, Unwatched()).tracks
    built = BuiltTrack(
        kind=track.kind,
        name=track.name,
        store_prefix=track.directory.name,
        flat_sha256=track.flat_sha256,
        index_sha256=track.index_sha256,
        closed_captions=track.closed_captions,
    )
    (published,) = check_tracks(LocalStore(tmp_path), [built], None, 4.0).tracks
    assert published.closed_captions == ("CC1", "SERVICE1")


def test_an_encoded_picture_carries_them_along(captioned: Path, tmp_path: Path) -> None:
    report = probe(captioned, Limits())
    rung = Rung(name="36p", width=48, height=36, peak_bps=150_000, buffer_bits=300_000)
    track = transcode_video(captioned, report, rung, None, tmp_path / "out", Unwatched())
    assert track.closed_captions == ("CC1", "SERVICE1")


def test_a_picture_without_them_has_none(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "plain.mp4", Picture(count=30))
    (track,) = copy_tracks(film, probe(film, Limits()), tmp_path / "out", Unwatched()).tracks
    assert track.closed_captions == ()
