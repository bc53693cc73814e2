"""Thumbnails: the picture of a moment, `thumb/{ms}-w{width}.{format}`, and nothing else.

Widths are those of a short list: whoever may watch may ask for any moment, and every other size of
it would be decoded and kept once more.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol, TypeVar

WIDTHS: Final = (160, 320, 480, 640, 960, 1280, 1920)
FOLDER: Final = "thumb"
# Without leading zeros, so that each has one URL; ten digits are a hundred days.
_NAME: Final = re.compile(r"(0|[1-9][0-9]{0,9})-w([1-9][0-9]{0,4})\.(jpg|webp)")


class ImageFormat(StrEnum):
    """How a thumbnail is encoded; the value is the suffix of its name."""

    JPEG = "jpg"
    WEBP = "webp"


class UnknownThumbnail(ValueError):
    """No thumbnail is called that; the message says why."""


class ThumbnailName(NamedTuple):
    """A moment of the title, in ms, the width that is wanted, in pixels, and a format."""

    at_ms: int
    width: int
    format: ImageFormat


class Picture(Protocol):
    """What is asked of a track to choose one by: its width as shown, None where unknown."""

    @property
    def width(self) -> int | None:
        """The width in pixels."""


Track = TypeVar("Track", bound=Picture)


def read_thumbnail_name(name: str) -> ThumbnailName:
    """Read the name of a thumbnail. Raises `UnknownThumbnail`.

    >>> read_thumbnail_name("61000-w640.webp").at_ms
    61000
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise UnknownThumbnail(
            f"{name[:80]!r} is no thumbnail's name, such as 61000-w640.webp or 61000-w640.jpg"
        )
    width = int(found[2])
    if width not in WIDTHS:
        raise UnknownThumbnail(f"a width of {width} is none of {', '.join(map(str, WIDTHS))}")
    return ThumbnailName(int(found[1]), width, ImageFormat(found[3]))


def choose_track(tracks: Sequence[Track], width: int) -> Track:
    """Give the smallest picture that has the width, or else the largest: the cheapest to decode.

    Raises `ValueError` where there is none.
    """
    if not tracks:
        raise ValueError("there is no picture to choose from")
    ordered = sorted(tracks, key=lambda track: track.width or 0)
    return next((track for track in ordered if (track.width or 0) >= width), ordered[-1])


def thumbnail_size(width: int, shown: tuple[int, int]) -> tuple[int, int]:
    """Give the size of a thumbnail of a picture that is shown at a size; it is never blown up."""
    shown_width, shown_height = shown
    across = min(width, shown_width)
    return across, max(1, round(shown_height * across / shown_width))
