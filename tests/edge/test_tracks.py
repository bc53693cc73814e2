"""Which tracks are shown: within bounds, for as long as they are fresh, until a purge."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from core.cache.purging import EVERYTHING, Purge
from core.cache.stored import Arrival, StoredHead, stored_head
from core.http.fields import Headers
from edge.tracks import Tracks
from edge.upstream import SegmentedTrack
from native import FragmentCipher

NOW_S = 784111777.0


@dataclass(frozen=True)
class Track:
    """A track of so many segments; nobody opens its files here."""

    segments: int = 3
    sample_count: int = 9
    samples: tuple[int, int] = (-1, 0)
    index: tuple[int, int] = (-1, 0)
    cipher: FragmentCipher | None = None

    @property
    def first(self) -> Sequence[int]:
        return range(self.segments)

    @property
    def count(self) -> Sequence[int]:
        return [1] * self.segments

    def fields(self, number: str) -> Headers:
        return (
            ("Sluice-Origin-Cache-Control", "max-age=30"), ("ETag", f'"a-{number}"'),
            ("Surrogate-Key", "video:1"),
        )  # fmt: skip


@dataclass
class Shelf:
    """Remembers what it shows."""

    shown: dict[str, SegmentedTrack] = field(default_factory=dict)
    full: bool = False

    def show_track(self, folder: str, head: StoredHead, track: SegmentedTrack) -> bool:
        assert head.status == 200
        if not self.full:
            self.shown[folder] = track
        return not self.full

    def hide_track(self, folder: str) -> None:
        del self.shown[folder]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def tracks(shelf: Shelf) -> Tracks:
    return Tracks(shelf, most_tracks=3, most_segments=10)


def head(*more: tuple[str, str], at_s: float = NOW_S) -> StoredHead:
    fields = (*Track().fields("1"), *more)
    return stored_head(200, fields, Arrival(at_s, at_s), media=True)


def test_the_track_handed_over_longest_ago_makes_room(tracks: Tracks, shelf: Shelf) -> None:
    for name in "abc":
        tracks.show(name, head(), Track())
    tracks.show("a", head(), Track())
    tracks.show("d", head(), Track(1))
    assert [*shelf.shown] == ["c", "a", "d"]


def test_so_do_as_many_as_have_the_segments_of_a_long_one(tracks: Tracks, shelf: Shelf) -> None:
    for name in "abc":
        tracks.show(name, head(), Track())
    tracks.show("d", head(), Track(7))
    assert [*shelf.shown] == ["c", "d"]
    tracks.show("e", head(), Track(11))
    assert [*shelf.shown] == ["c", "d"]
    tracks.show("d", head(), Track(11))
    assert [*shelf.shown] == ["c"]
    assert len(tracks) == 1


def test_what_the_shelf_has_no_room_for_is_not_counted(tracks: Tracks, shelf: Shelf) -> None:
    tracks.show("a", head(), Track())
    shelf.full = True
    tracks.show("a", head(), Track())
    tracks.show("b", head(), Track())
    assert len(tracks) == 0
    assert not shelf.shown


@pytest.mark.parametrize("changed", [("Vary", "Accept-Language"), ("Vary", "*")])
def test_what_has_variants_is_not_shown(
    tracks: Tracks, shelf: Shelf, changed: tuple[str, str]
) -> None:
    tracks.show("a", head(changed), Track())
    assert not shelf.shown


def test_what_has_no_tag_is_not_shown(tracks: Tracks, shelf: Shelf) -> None:
    untagged = stored_head(
        200, (("Sluice-Origin-Cache-Control", "max-age=30"),), Arrival(NOW_S, NOW_S), media=True
    )
    tracks.show("a", untagged, Track())
    assert not shelf.shown


def test_its_files_are_let_go_of_when_its_time_is_over(tracks: Tracks, shelf: Shelf) -> None:
    tracks.show("a", head(at_s=NOW_S), Track())
    tracks.show("b", head(at_s=NOW_S + 9), Track())
    tracks.expire(NOW_S + 29)
    assert [*shelf.shown] == ["a", "b"]
    tracks.expire(NOW_S + 30)
    assert [*shelf.shown] == ["b"]


def test_a_track_is_new_for_half_of_its_time(tracks: Tracks) -> None:
    tracks.show("a", head(), Track())
    assert tracks.is_new("a", NOW_S + 14.5)
    assert not tracks.is_new("a", NOW_S + 15.5)
    assert not tracks.is_new("b", NOW_S)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(
    ("purge", "gone"),
    [
        (Purge(tags=frozenset({"video:1"})), True),
        (Purge(tags=frozenset({"video:2"})), False),
        (Purge(resources=frozenset({"/media/p/v/1/7.m4s"})), True),
        (Purge(resources=frozenset({"/media/p/v/1/init.mp4"})), True),
        (Purge(resources=frozenset({"/media/p/v/10/7.m4s", "/media/p/v/1"})), False),
    ],
)
def test_a_purge_of_anything_of_it_hides_it(
    tracks: Tracks, shelf: Shelf, purge: Purge, gone: bool, soft: bool
) -> None:
    tracks.show("/media/p/v/1", head(), Track())
    tracks.purge(Purge(purge.tags, purge.resources, soft=soft))
    assert bool(shelf.shown) is not gone


def test_a_purge_of_everything_hides_all(tracks: Tracks, shelf: Shelf) -> None:
    for name in "abc":
        tracks.show(name, head(), Track())
    tracks.purge(EVERYTHING)
    assert not shelf.shown
    assert len(tracks) == 0
