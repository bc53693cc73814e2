"""Storyboards: small pictures of a film at even intervals, tiled into sprites.

One set is made of each video and shown in four ways (`core.manifest.storyboard` and its siblings).
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

LARGEST_TILE: Final = (284, 160)
MOST_ACROSS: Final = 10
LEAST_INTERVAL_MS: Final = 2000
MOST_TILES: Final = 1000


class Tile(NamedTuple):
    """One picture: what it stands for, in ms, and where it is: sprite, and pixels in it."""

    start_ms: int
    end_ms: int
    sprite: int
    x: int
    y: int


class Storyboard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sprite set: `count` pictures of the same size, one for each `interval_ms` of a film.

    `name` tells it from every other one: a digest of all its files; in a folder of files it has
    none. They lie under `prefix` in the store: `0.jpg` and so on, each of `rows` times `columns`
    tiles, and the tiles one by one as a track of JPEG samples. Sizes are in pixels and bytes, bit
    rates in bit/s.

    Of an excerpt it begins with the tile `first`, of which `lead_ms` come before the excerpt, and
    each tile is a file of its own (`is_single`), for a sprite would show more. `at_ms` is where it
    begins in what several were joined to.
    """

    name: str
    prefix: str
    tile_width: int
    tile_height: int
    columns: int
    rows: int
    count: int
    interval_ms: int
    duration_ms: int
    largest_sprite_bytes: int
    sprites_bytes: int
    tile_bandwidth: int
    tile_average_bandwidth: int
    first: int = 0
    lead_ms: int = 0
    at_ms: int = 0
    is_single: bool = False

    @property
    def tiles_each(self) -> int:
        """How many tiles a sprite has room for."""
        return self.columns * self.rows

    @property
    def sprite_count(self) -> int:
        """How many sprites there are; the last may have tiles that stand for nothing."""
        return -(-self.count // self.tiles_each)

    @property
    def sprite_ms(self) -> int:
        """What of the film a full sprite shows."""
        return self.interval_ms * self.tiles_each

    def tiles(self) -> Iterator[Tile]:
        """Give every tile in order; they tile the film, and the last ends with it."""
        for number in range(self.count):
            sprite, place = divmod(number, self.tiles_each)
            row, column = divmod(place, self.columns)
            start_ms = max(0, number * self.interval_ms - self.lead_ms)
            end_ms = (number + 1) * self.interval_ms - self.lead_ms
            if number == self.count - 1:
                end_ms = self.duration_ms
            yield Tile(
                self.at_ms + start_ms,
                self.at_ms + end_ms,
                self.first + sprite,
                column * self.tile_width,
                row * self.tile_height,
            )


class Grid(NamedTuple):
    """How many tiles a film has, for how many ms each, and how a sprite lays them out."""

    tile_count: int
    interval_ms: int
    columns: int
    rows: int


def grid(duration_ms: int) -> Grid:
    """Lay out the tiles of a film. Sprites of a short one are no larger than they need to be."""
    interval_ms = max(LEAST_INTERVAL_MS, -(-duration_ms // MOST_TILES))
    count = max(1, -(-duration_ms // interval_ms))
    columns = min(MOST_ACROSS, count)
    return Grid(count, interval_ms, columns, min(MOST_ACROSS, -(-count // columns)))


def tile_size(width: int, height: int) -> tuple[int, int]:
    """Give the largest size in `LARGEST_TILE` that keeps a shape; even, for halved colour.

    A picture that is smaller is not blown up.
    """
    most_wide, most_high = LARGEST_TILE
    if width * most_high >= height * most_wide:
        across = min(width, most_wide)
        down = round(height * across / width)
    else:
        down = min(height, most_high)
        across = round(width * down / height)
    return max(2, across - across % 2), max(2, down - down % 2)


def choose_pictures(times_ms: Sequence[int], layout: Grid) -> list[int]:
    """Give the picture of each tile, of those that are shown at rising times: its number.

    It is the one nearest to the middle of what the tile stands for. Raises `ValueError` where there
    is none.
    """
    if not times_ms:
        raise ValueError("there is no picture to choose from")
    chosen = []
    for number in range(layout.tile_count):
        middle_ms = number * layout.interval_ms + layout.interval_ms // 2
        after = bisect_right(times_ms, middle_ms)
        near = range(max(0, after - 1), min(len(times_ms), after + 1))
        chosen.append(min(near, key=lambda each: abs(times_ms[each] - middle_ms)))
    return chosen
