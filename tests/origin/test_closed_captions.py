"""Captions inside of pictures are found where they are: in copied and in encoded tracks."""

from pathlib import Path

import pytest

from core.media.ladder import Rung
from origin.closed_captions import caption_channels
from origin.packaging.copy import copy_tracks
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.progress import Unwatched
from origin.packaging.transcode import transcode_video
from origin.stored_track import StoredTrack
from tests.fixtures.captions import add_captions, dtvcc_packet, pair
from tests.fixtures.media import Picture, make_clip

POP_ON, TEXT = pair(0, 0x14, 0x20), pair(0, ord("H"), ord("i"))
SERVICE = dtvcc_packet({1: b"Hi"})


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captioned")
    plain = make_clip(folder / "plain.mp4", Picture(count=60))
    return add_captions(plain, folder / "film.mp4", POP_ON, TEXT, *SERVICE)


def test_a_copied_picture_keeps_them(captioned: Path, tmp_path: Path) -> None:
    report = probe(captioned, Limits())
    (track,) = copy_tracks(captioned, report, tmp_path / "out", Unwatched()).tracks
    assert caption_channels(StoredTrack.open(track.directory)) == ("CC1", "SERVICE1")


def test_an_encoded_picture_carries_them_along(captioned: Path, tmp_path: Path) -> None:
    report = probe(captioned, Limits())
    rung = Rung(name="36p", width=48, height=36, peak_bps=150_000, buffer_bits=300_000)
    track = transcode_video(captioned, report, rung, None, tmp_path / "out", Unwatched())
    assert caption_channels(StoredTrack.open(track.directory)) == ("CC1", "SERVICE1")


def test_a_picture_without_them_has_none(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "plain.mp4", Picture(count=30))
    (track,) = copy_tracks(film, probe(film, Limits()), tmp_path / "out", Unwatched()).tracks
    assert caption_channels(StoredTrack.open(track.directory)) == ()
