"""Names of thumbnails, the track that one is made of, and its size."""

from dataclasses import dataclass

import pytest

from core.media.thumbnail import (
    ImageFormat,
    UnknownThumbnail,
    choose_track,
    read_thumbnail_name,
    thumbnail_size,
)


@dataclass(frozen=True)
class Track:
    width: int | None


def test_a_name_says_when_how_wide_and_in_which_format() -> None:
    assert read_thumbnail_name("0-w160.jpg") == (0, 160, ImageFormat.JPEG)
    assert read_thumbnail_name("61000-w640.webp") == (61_000, 640, ImageFormat.WEBP)


@pytest.mark.parametrize(
    "name",
    [
        "", "61000.webp", "061000-w640.webp", "61000-w0640.webp", "61000-w640.png", "-1-w640.jpg",
        "61000-w640.jpg/", "1e3-w640.jpg", "61000-w640.JPG", "99999999999-w640.jpg", "٣-w640.jpg",
        "61000-w641.webp", "61000-w0.webp", "61000-w99999.webp",
    ],
)  # fmt: skip
def test_each_picture_has_one_name_and_nothing_else_is_one(name: str) -> None:
    with pytest.raises(UnknownThumbnail):
        read_thumbnail_name(name)


def test_an_unknown_width_is_told_which_there_are() -> None:
    with pytest.raises(UnknownThumbnail, match="641 is none of 160, 320, 480, 640"):
        read_thumbnail_name("61000-w641.webp")


@pytest.mark.parametrize(("width", "chosen"), [(160, 426), (426, 426), (640, 854), (1920, 1280)])
def test_it_is_made_of_the_smallest_picture_that_is_large_enough(width: int, chosen: int) -> None:
    tracks = [Track(1280), Track(None), Track(426), Track(854)]
    assert choose_track(tracks, width).width == chosen


def test_its_shape_is_that_of_the_film_and_it_is_never_larger() -> None:
    assert thumbnail_size(640, (1920, 1080)) == (640, 360)
    assert thumbnail_size(640, (426, 240)) == (426, 240)
    assert thumbnail_size(160, (4000, 10)) == (160, 1)
