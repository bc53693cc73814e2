"""Storyboards: which pictures, how large, where, and that nothing else of the film is read."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from core.media.storyboard import Storyboard
from origin.packaging.copy import copy_tracks
from origin.packaging.faults import SourceFault
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.progress import Unwatched
from origin.packaging.reel import Footage, pictures
from origin.packaging.sprites import sprites
from origin.packaging.track import FLAT_NAME
from origin.stored_track import StoredTrack
from tests.fixtures.media import Picture, make_clip, read_number
from tests.fixtures.sprites import cut, opened

LIMITS = Limits()


def track_of(path: Path, picture: Picture) -> Path:
    """Make a clip and publish its picture; gives the track's folder."""
    path.parent.mkdir(exist_ok=True)
    make_clip(path, picture)
    outcome = copy_tracks(
        path, probe(path, LIMITS), path.with_suffix(""), Unwatched(), limits=LIMITS
    )
    (track,) = outcome.tracks
    return track.directory


def board_of(path: Path, picture: Picture) -> tuple[Storyboard, Path]:
    out = path.with_name("board")
    track = track_of(path, picture)
    return sprites(track, out, Unwatched(), prefix="storyboards/v/a", limits=LIMITS), out


def numbers(board: Storyboard, out: Path) -> Iterator[int | None]:
    """The number that each tile shows."""
    sheets = [opened(out / f"{number}.jpg") for number in range(board.sprite_count)]
    for tile in board.tiles():
        yield read_number(
            cut(sheets[tile.sprite], tile.x, tile.y, board.tile_width, board.tile_height)
        )


def test_each_tile_shows_the_key_picture_nearest_to_its_middle(tmp_path: Path) -> None:
    board, out = board_of(tmp_path / "clip.mp4", Picture(count=250, gop=25))
    assert (board.interval_ms, board.count, board.duration_ms) == (2000, 5, 10_000)
    assert list(numbers(board, out)) == [25, 75, 125, 175, 225]


def test_a_picture_that_comes_seldom_stands_for_several_tiles(tmp_path: Path) -> None:
    board, out = board_of(tmp_path / "clip.mp4", Picture(count=240, gop=200))
    assert list(numbers(board, out)) == [0, 0, 200, 200, 200]


def test_every_tile_lies_by_itself_too_at_its_time(tmp_path: Path) -> None:
    board, out = board_of(tmp_path / "clip.mp4", Picture(count=240, gop=50))
    stored = StoredTrack.open(out / "tiles")
    assert stored.index.timescale == 1000
    durations = [stored.index.sample(number)[3] for number in range(board.count)]
    assert durations == [2000, 2000, 2000, 2000, 1600]
    found = []
    for number in range(board.count):
        offset, size, *_ = stored.index.sample(number)
        (tmp_path / "tile.jpg").write_bytes(
            (out / "tiles" / FLAT_NAME).read_bytes()[offset : offset + size]
        )
        picture = opened(tmp_path / "tile.jpg")
        assert (picture.width, picture.height) == (board.tile_width, board.tile_height)
        found.append(read_number(picture))
    assert found == list(numbers(board, out))


@pytest.mark.parametrize(
    ("picture", "size"),
    [
        (Picture(width=640, height=360, count=2), (284, 160)),
        (Picture(width=640, height=360, rotation=90, count=2), (90, 160)),
        (Picture(width=640, height=480, count=2), (212, 160)),
        (Picture(width=640, height=272, count=2), (284, 120)),
        (Picture(width=640, height=360, pixel_aspect=Fraction(1, 2), count=2), (142, 160)),
        (Picture(width=64, height=48, count=2), (64, 48)),
    ],
    ids=["wide", "turned", "old television", "cinema", "narrow pixels", "tiny"],
)
def test_a_tile_has_the_shape_of_what_is_shown(
    tmp_path: Path, picture: Picture, size: tuple[int, int]
) -> None:
    board, out = board_of(tmp_path / "clip.mp4", picture)
    assert (board.tile_width, board.tile_height) == size
    assert (board.count, board.columns, board.rows) == (1, 1, 1)
    sheet = opened(out / "0.jpg")
    assert (sheet.width, sheet.height) == size


def test_a_turned_picture_stands_upright(tmp_path: Path) -> None:
    board, out = board_of(tmp_path / "clip.mp4", Picture(rotation=180, count=2, first=2741))
    (seen,) = numbers(board, out)
    assert seen != 2741  # the blocks are upside down, so they spell another number
    draw = Picture(rotation=0, count=2, first=2741)
    straight, sheet = board_of(tmp_path / "straight" / "clip.mp4", draw)
    assert list(numbers(straight, sheet)) == [2741]


def test_what_it_says_of_its_sizes_is_so(tmp_path: Path) -> None:
    long = Picture(count=1100, rate=Fraction(5), gop=10)
    board, out = board_of(tmp_path / "clip.mp4", long)
    assert (board.columns, board.rows, board.sprite_count) == (10, 10, 2)
    sizes = [(out / f"{number}.jpg").stat().st_size for number in range(2)]
    assert board.largest_sprite_bytes == max(sizes)
    assert board.sprites_bytes == sum(sizes)
    assert {
        (opened(out / f"{n}.jpg").width, opened(out / f"{n}.jpg").height) for n in range(2)
    } == {(640, 480)}


def test_a_picture_that_cannot_be_decoded_is_replaced_by_the_one_before_it(tmp_path: Path) -> None:
    track = track_of(tmp_path / "clip.mp4", Picture(count=250, gop=50))
    index = StoredTrack.open(track).index
    damaged = [number for number, _ in index.sync_times()][2]
    offset, size, *_ = index.sample(damaged)
    with (track / FLAT_NAME).open("r+b") as flat:
        flat.seek(offset)
        flat.write(b"\0\0\0\1\0" * (size // 5))
    out = tmp_path / "board"
    board = sprites(track, out, Unwatched(), prefix="p", limits=LIMITS)
    assert list(numbers(board, out)) == [0, 50, 50, 150, 200]


def test_a_film_of_which_nothing_can_be_decoded_has_none(tmp_path: Path) -> None:
    track = track_of(tmp_path / "clip.mp4", Picture(count=25))
    flat = track / FLAT_NAME
    flat.write_bytes(bytes(flat.stat().st_size))
    with pytest.raises(SourceFault, match="No picture"):
        sprites(track, tmp_path / "board", Unwatched(), prefix="p", limits=LIMITS)


def test_only_the_chosen_samples_are_read(tmp_path: Path) -> None:
    track = track_of(tmp_path / "clip.mp4", Picture(count=100, gop=25))
    stored = StoredTrack.open(track)
    offset, size, *_ = stored.index.sample(50)
    data = bytearray((track / FLAT_NAME).read_bytes())
    kept = data[offset : offset + size]
    data[:] = bytes(len(data))
    data[offset : offset + size] = kept
    (track / FLAT_NAME).write_bytes(data)
    shown = pictures(Footage.stored(stored), [50], LIMITS)
    found = [(number, read_number(frame)) for number, frame in shown]
    assert found == [(0, 50)]
