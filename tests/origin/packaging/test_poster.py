"""The poster: one picture, upright, of a bright moment."""

from fractions import Fraction
from pathlib import Path

import pytest
from av.video.frame import VideoFrame

from core.media.description import IDENTITY_MATRIX
from origin.packaging.faults import SourceFault
from origin.packaging.limits import Limits
from origin.packaging.picture import orientation_steps
from origin.packaging.poster import poster
from origin.packaging.probe import probe
from tests.fixtures.media import (
    COLUMNS,
    ROWS,
    Picture,
    Sound,
    draw,
    first_picture,
    make_clip,
    read_number,
)

TURNS = {
    0: lambda row, column: (row, column),
    90: lambda row, column: (column, COLUMNS - 1 - row),
    180: lambda row, column: (ROWS - 1 - row, COLUMNS - 1 - column),
    -90: lambda row, column: (ROWS - 1 - column, row),
}
"""By counter-clockwise degrees: where the block shown at a place is in the coded picture."""


def poster_of(path: Path) -> VideoFrame:
    out = path.with_suffix(".poster.jpg")
    poster(path, probe(path, Limits()), out)
    return first_picture(out)


def blocks(picture: VideoFrame) -> list[list[bool]]:
    plane = picture.planes[0]
    data = memoryview(plane)
    return [
        [
            data[
                (2 * row + 1) * picture.height // (2 * ROWS) * plane.line_size
                + (2 * column + 1) * picture.width // (2 * COLUMNS)
            ]
            > 125
            for column in range(COLUMNS)
        ]
        for row in range(ROWS)
    ]


def test_the_poster_is_a_picture_of_the_clip(tmp_path: Path) -> None:
    picture = poster_of(make_clip(tmp_path / "clip.mp4", Picture(), Sound()))
    assert (picture.width, picture.height) == (64, 48)
    assert picture.format.name == "yuvj420p"
    number = read_number(picture)
    assert number is not None
    assert 0 <= number < 50


@pytest.mark.parametrize("degrees", TURNS)
def test_the_poster_stands_upright(tmp_path: Path, degrees: int) -> None:
    still = Picture(rotation=degrees, count=1, first=2741)
    picture = poster_of(make_clip(tmp_path / "turned.mp4", still))
    assert (picture.width, picture.height) == ((64, 48) if degrees % 180 == 0 else (48, 64))
    coded, shown = blocks(draw(2741, 64, 48)), blocks(picture)
    for row in range(ROWS):
        for column in range(COLUMNS):
            there, across = TURNS[degrees](row, column)
            assert shown[row][column] == coded[there][across]


def test_the_poster_is_at_most_1280_pixels_wide(tmp_path: Path) -> None:
    picture = poster_of(make_clip(tmp_path / "wide.mp4", Picture(width=1600, height=200, count=2)))
    assert (picture.width, picture.height) == (1280, 160)


def test_the_poster_shows_square_pixels(tmp_path: Path) -> None:
    squeezed = Picture(pixel_aspect=Fraction(2), count=2)
    picture = poster_of(make_clip(tmp_path / "squeezed.mp4", squeezed))
    assert (picture.width, picture.height) == (128, 48)


@pytest.mark.parametrize("name", ["clip.mkv", "clip.ts", "clip.avi"])
def test_any_container_has_a_poster(tmp_path: Path, name: str) -> None:
    assert read_number(poster_of(make_clip(tmp_path / name, Picture(codec="mpeg4")))) is not None


def test_a_dark_place_is_passed_over(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(count=100, gop=5, dark=range(45)))
    number = read_number(poster_of(path))
    assert number is not None
    assert number >= 45


def test_a_clip_without_a_readable_picture_has_no_poster(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", Picture(count=5))
    report = probe(path, Limits())
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + 4
    data[at : at + 1000] = bytes(1000)
    path.write_bytes(data)
    with pytest.raises(SourceFault):
        poster(path, report, tmp_path / "poster.jpg")
    assert not (tmp_path / "poster.jpg").exists()


@pytest.mark.parametrize(
    ("cells", "steps"),
    [
        ((1, 0, 0, 1), ()),
        ((0, 1, -1, 0), ("clock",)),
        ((0, -1, 1, 0), ("cclock",)),
        ((-1, 0, 0, -1), ("hflip", "vflip")),
        ((-1, 0, 0, 1), ("hflip",)),
        ((1, 0, 0, -1), ("vflip",)),
        ((0, 1, 1, 0), ("cclock_flip",)),
        ((0, -1, -1, 0), ("clock_flip",)),
    ],
)
def test_every_quarter_turn_and_flip_has_its_filters(
    cells: tuple[int, int, int, int], steps: tuple[str, ...]
) -> None:
    a, b, c, d = (cell * 0x10000 for cell in cells)
    matrix = (a, b, 0, c, d, 0, 0, 0, IDENTITY_MATRIX[8])
    assert tuple(arguments or name for name, arguments in orientation_steps(matrix)) == steps
