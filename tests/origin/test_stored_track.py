"""A track in the store: what its index takes in memory, and what is refused."""

from pathlib import Path

import pytest

from core.media.description import TrackDescription, encode_description
from core.media.presentation import TrackKind
from origin.packaging.copy import copy_tracks
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.progress import Unwatched
from origin.stored_track import FLAT_NAME, INDEX_NAME, DamagedTrack, StoredTrack
from tests.fixtures.indexes import constant_rows, index_bytes, totals
from tests.fixtures.media import Picture, make_clip

SAMPLES = 50_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = constant_rows(SAMPLES)
    description = TrackDescription(kind=TrackKind.AUDIO, codec="mp4a.40.2", sample_entry=b"")
    data = index_bytes(rows, description=encode_description(description))
    (tmp_path / INDEX_NAME).write_bytes(data)
    with (tmp_path / FLAT_NAME).open("wb") as flat:
        flat.truncate(totals(rows)[0])
    return tmp_path


def resident_bytes(file: Path) -> int:
    """How much of a file this process has mapped at the moment."""
    total = 0
    ours = False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if line[:1].isdigit() or line[:1] in "abcdef":
            ours = line.endswith(str(file))
        elif ours and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total


def test_an_index_that_is_unloaded_takes_no_memory_and_is_read_as_before(folder: Path) -> None:
    track = StoredTrack.open(folder)
    index = folder / INDEX_NAME
    assert resident_bytes(index) > 500_000
    header = track.index.fragment_header(SAMPLES // 2, 100, 7)
    track.unload()
    assert resident_bytes(index) == 0
    assert track.index.fragment_header(SAMPLES // 2, 100, 7) == header
    track.unload()
    assert resident_bytes(index) == 0


def test_a_flat_file_of_another_length_is_damage(folder: Path) -> None:
    with (folder / FLAT_NAME).open("ab") as flat:
        flat.write(b"more")
    with pytest.raises(DamagedTrack, match="its index speaks of"):
        StoredTrack.open(folder)


@pytest.mark.parametrize(("slices", "fits"), [("8", True), ("12", False)])
def test_a_picture_of_many_slices_does_not_fit_the_padding_of_an_encrypted_file(
    tmp_path: Path, slices: str, fits: bool
) -> None:
    picture = Picture(
        count=2, width=320, height=256, options=(("x264-params", f"slices={slices}"),)
    )
    film = make_clip(tmp_path / "film.mp4", picture)
    (made,) = copy_tracks(film, probe(film, Limits()), tmp_path / "out", Unwatched()).tracks
    track = StoredTrack.open(made.directory)
    assert track.fits_padding is fits


def test_the_picture_that_has_most_slices_is_looked_at_wherever_it_is(tmp_path: Path) -> None:
    """Slices of so many bytes each: the black picture in front has one, others have dozens."""
    film = make_clip(
        tmp_path / "film.mp4",
        Picture(
            count=20, width=320, height=256, b_frames=0, keys=(0, 10), gop=50,
            dark=tuple(number for number in range(20) if number != 13),
            options=(("x264-params", "slice-max-size=60"),),
        ),
    )  # fmt: skip
    (made,) = copy_tracks(film, probe(film, Limits()), tmp_path / "out", Unwatched()).tracks
    assert not StoredTrack.open(made.directory).fits_padding


@pytest.mark.parametrize(("tiles", "fits"), [("0", True), ("1", False)])
def test_av1_of_several_tiles_does_not_fit_it_as_samples_have_several_pictures(
    tmp_path: Path, tiles: str, fits: bool
) -> None:
    options = (("svtav1-params", f"lp=1:tile-columns={tiles}"),)
    picture = Picture(
        codec="libsvtav1", count=2, width=1024, height=256, b_frames=0, options=options
    )
    film = make_clip(tmp_path / "film.mp4", picture)
    (made,) = copy_tracks(film, probe(film, Limits()), tmp_path / "out", Unwatched()).tracks
    assert StoredTrack.open(made.directory).fits_padding is fits


def test_sound_always_fits(folder: Path) -> None:
    assert StoredTrack.open(folder).fits_padding
