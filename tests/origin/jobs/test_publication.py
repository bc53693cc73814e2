"""What is checked before anything is published, and the cut plan of the first publication."""

from collections.abc import Callable
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import pytest

from core.media.build import MisalignedRendition
from core.media.description import TrackDescription, shown_size
from core.media.presentation import TrackKind
from core.media.ticks import Ticks
from core.media.timeline import CutPlan
from origin.packaging.copy import copy_tracks
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.progress import Unwatched
from origin.publication import BuiltTrack, NothingToPublish, check_tracks
from origin.stored_track import DamagedTrack
from runtime.storage import LocalStore
from tests.fixtures.media import Picture, Sound, make_clip

PREFIX = "builds/film/one"


def built(store: LocalStore, clip: Path) -> list[BuiltTrack]:
    """Copy a clip's tracks into the store as a worker does."""
    outcome = copy_tracks(clip, probe(clip, Limits()), store.path(PREFIX), Unwatched())
    assert not outcome.rejected
    return [
        BuiltTrack(
            kind=track.kind,
            name=track.name,
            store_prefix=f"{PREFIX}/{track.directory.name}",
            flat_sha256=track.flat_sha256,
            index_sha256=track.index_sha256,
            default=track.default,
        )
        for track in outcome.tracks
    ]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Ten seconds with a key picture every second."""
    picture = Picture(count=250, gop=25, rate=Fraction(25))
    return make_clip(tmp_path / "film.mp4", picture, Sound(samples=480_000))


def seconds(plan: CutPlan) -> list[Fraction]:
    return [Fraction(start, plan.timescale) for start in plan.starts]


@pytest.mark.parametrize(
    ("segment_s", "cuts"), [(1.0, list(range(10))), (4.0, [0, 4, 8]), (30.0, [0])]
)
def test_the_picture_decides_where_everything_is_cut(
    store: LocalStore, film: Path, segment_s: float, cuts: list[int]
) -> None:
    checked = check_tracks(store, built(store, film), None, segment_s)
    assert seconds(checked.plan) == cuts
    assert checked.duration_ms == pytest.approx(10_000, abs=25)
    assert {track.kind for track in checked.tracks} == {TrackKind.VIDEO, TrackKind.AUDIO}


def test_sound_alone_is_cut_evenly(store: LocalStore, tmp_path: Path) -> None:
    song = make_clip(tmp_path / "song.m4a", None, Sound(samples=480_000))
    checked = check_tracks(store, built(store, song), None, 4.0)
    assert len(checked.plan.starts) == 3
    assert checked.duration_ms == pytest.approx(10_000, abs=25)


def test_the_same_files_under_the_same_plan_have_the_same_build_hash(
    store: LocalStore, film: Path
) -> None:
    tracks = built(store, film)
    one, again = (check_tracks(store, tracks, None, 4.0) for _ in range(2))
    other = check_tracks(store, tracks, None, 1.0)
    hashes = [[track.build_hash for track in checked.tracks] for checked in (one, again, other)]
    assert hashes[0] == hashes[1]
    assert not set(hashes[0]) & set(hashes[2])


def test_a_rung_without_a_key_picture_where_the_others_are_cut_is_refused(
    store: LocalStore, film: Path
) -> None:
    tracks = built(store, film)
    plan = CutPlan(1000, (Ticks(0), Ticks(2500)), Ticks(10_000))
    with pytest.raises(MisalignedRendition):
        check_tracks(store, tracks, plan, 4.0)


def drop_last_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("name", "damage"),
    [("track.flat", drop_last_byte), ("track.idx", flip_a_bit), ("track.idx", remove)],
)
def test_what_delivery_would_refuse_is_not_published(
    store: LocalStore, film: Path, name: str, damage: Callable[[Path], None]
) -> None:
    tracks = built(store, film)
    damage(store.path(tracks[0].store_prefix) / name)
    with pytest.raises(DamagedTrack):
        check_tracks(store, tracks, None, 4.0)


def test_an_attempt_without_a_track_publishes_nothing(store: LocalStore) -> None:
    with pytest.raises(NothingToPublish):
        check_tracks(store, [], None, 4.0)


def test_the_digests_are_those_of_the_files(store: LocalStore, film: Path) -> None:
    for track in built(store, film):
        folder = store.path(track.store_prefix)
        assert sha256((folder / "track.flat").read_bytes()).digest() == track.flat_sha256
        assert sha256((folder / "track.idx").read_bytes()).digest() == track.index_sha256


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000), (640, 360)),
        ((0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000), (360, 640)),
        ((-0x10000, 0, 0, 0, -0x10000, 0, 0, 0, 0x40000000), (640, 360)),
        ((0, -0x10000, 0, 0x10000, 0, 0, 0, 0, 0x40000000), (360, 640)),
    ],
    ids=["upright", "90", "180", "270"],
)
def test_a_picture_on_its_side_is_shown_as_high_as_it_is_wide(
    matrix: tuple[int, int, int, int, int, int, int, int, int], shown: tuple[int, int]
) -> None:
    description = TrackDescription(
        kind=TrackKind.VIDEO,
        codec="avc1.64001f",
        sample_entry=b"",
        display_width=640,
        display_height=360,
        matrix=matrix,
    )
    assert shown_size(description) == shown
