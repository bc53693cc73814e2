"""Storyboards as WebVTT and as JSON, for players that know nothing of manifests."""

from typing import Final
from urllib.parse import quote

import msgspec

from core.media.storyboard import Storyboard

STORYBOARD_VTT: Final = "storyboard.vtt"
STORYBOARD_JSON: Final = "storyboard.json"
STORYBOARD_FOLDER: Final = "sb"


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


def storyboard_vtt(board: Storyboard) -> bytes:
    """Give one cue for each tile; every one says where in which sprite it is."""
    folder, size = storyboard_folder(board), f"{board.tile_width},{board.tile_height}"
    cues = [
        f"{_clock(tile.start_ms)} --> {_clock(tile.end_ms)}\n"
        f"{folder}/{sprite_name(tile.sprite)}#xywh={tile.x},{tile.y},{size}\n"
        for tile in board.tiles()
    ]
    return "\n".join(["WEBVTT\n", *cues]).encode()


def storyboard_json(board: Storyboard) -> bytes:
    """Give the same as JSON."""
    folder = storyboard_folder(board)
    return msgspec.json.encode(
        StoryboardDocument(
            tile_width=board.tile_width,
            tile_height=board.tile_height,
            columns=board.columns,
            rows=board.rows,
            duration=board.duration_ms / 1000,
            sprites=[f"{folder}/{sprite_name(number)}" for number in range(board.sprite_count)],
            tiles=[
                TileDocument(tile.start_ms / 1000, tile.end_ms / 1000, *tile[2:])
                for tile in board.tiles()
            ],
        )
    )


def _clock(milliseconds: int) -> str:
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
