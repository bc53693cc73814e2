"""Storyboards as WebVTT and as JSON, for players that know nothing of manifests."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from core.media.storyboard import Storyboard

STORYBOARD_VTT: Final = "storyboard.vtt"
STORYBOARD_JSON: Final = "storyboard.json"
STORYBOARD_FOLDER: Final = "sb"
TILES: Final = "tiles"
"""The folder of tiles that are files of their own."""


class TileDocument(msgspec.Struct, frozen=True):
    """One picture; times are in seconds, `x` and `y` in pixels of the sprite of that number."""

    start: float
    end: float
    sprite: int
    x: int
    y: int


class StoryboardDocument(msgspec.Struct, frozen=True):
    """A storyboard for a script: sizes in pixels, the duration in seconds, relative addresses."""

    tile_width: int
    tile_height: int
    columns: int
    rows: int
    duration: float
    sprites: list[str]
    tiles: list[TileDocument]


def storyboard_folder(board: Storyboard) -> str:
    """Give where a storyboard's files lie, relative to the manifests.

    One without a name, in a folder of files, is the only one there.
    """
    return "/".join(part for part in (STORYBOARD_FOLDER, quote(board.name, safe="")) if part)


def sprite_name(number: int | str) -> str:
    """Give the name of a sprite within its storyboard's folder, counted from 0."""
    return f"{number}.jpg"


def picture_name(board: Storyboard, number: int | str) -> str:
    """Give the name of a sprite, or of a tile where each is a file of its own."""
    return f"{TILES}/{number}.jpg" if board.is_single else sprite_name(number)


def storyboard_vtt(*boards: Storyboard) -> bytes:
    """Give one cue for each tile of boards in a row; every one says where in which sprite it is."""
    cues = [
        f"{_clock(tile.start_ms)} --> {_clock(tile.end_ms)}\n"
        f"{_address(board, tile.sprite)}"
        f"#xywh={tile.x},{tile.y},{board.tile_width},{board.tile_height}\n"
        for board in boards
        for tile in board.tiles()
    ]
    return "\n".join(["WEBVTT\n", *cues]).encode()


def storyboard_json(*boards: Storyboard) -> bytes:
    """Give the same as JSON; the size is that of the first board's tiles."""
    first, last = boards[0], boards[-1]
    sprites: list[str] = []
    tiles: list[TileDocument] = []
    for board in boards:
        shift = len(sprites) - board.first
        tiles += [
            TileDocument(
                tile.start_ms / 1000, tile.end_ms / 1000, tile.sprite + shift, tile.x, tile.y
            )
            for tile in board.tiles()
        ]
        sprites += _addresses(board)
    return msgspec.json.encode(
        StoryboardDocument(
            tile_width=first.tile_width,
            tile_height=first.tile_height,
            columns=first.columns,
            rows=first.rows,
            duration=(last.at_ms + last.duration_ms) / 1000,
            sprites=sprites,
            tiles=tiles,
        )
    )


def _addresses(board: Storyboard) -> Sequence[str]:
    numbers = range(board.first, board.first + board.sprite_count)
    return [_address(board, number) for number in numbers]


def _address(board: Storyboard, number: int) -> str:
    return f"{storyboard_folder(board)}/{picture_name(board, number)}"


def _clock(milliseconds: int) -> str:
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
