"""What belongs to a storyboard: playlists, sprites, and its tiles as segments of JPEG."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from core.isobmff.init_segment import track_init
from core.manifest.hls_images import SPRITE_PLAYLIST, image_iframe_playlist, sprite_playlist
from core.manifest.storyboard import TILES, sprite_name
from core.manifest.urls import IFRAME_FOLDER, IFRAME_PLAYLIST, INIT_SEGMENT, iframe_segment
from core.media.storyboard import Storyboard
from origin.stored_track import DamagedTrack, StoredTrack

TILE_FOLDER: Final = "tiles"
# Without leading zeros, so that each has one URL.
SPRITE_NAME: Final = re.compile(r"(0|[1-9][0-9]{0,3})\.jpg")
TILE_NAME: Final = re.compile(rf"{IFRAME_FOLDER}/(0|[1-9][0-9]{{0,3}})\.m4s")
PICTURE_NAME: Final = re.compile(rf"{TILES}/(0|[1-9][0-9]{{0,3}})\.jpg")
PLAYLISTS: Final[dict[str, Callable[[Storyboard], str]]] = {
    IFRAME_PLAYLIST: image_iframe_playlist,
    SPRITE_PLAYLIST: sprite_playlist,
}


def storyboard_file(board: Storyboard, folder: Path, name: str) -> bytes | None:
    """Give a file of the storyboard in `folder`, None where it has none by that name.

    That of an excerpt has no sprites, which would show more. Blocking. Raises `DamagedTrack` for
    what cannot be read.
    """
    if name in PLAYLISTS:
        return PLAYLISTS[name](board).encode()
    sprite, tile = SPRITE_NAME.fullmatch(name), TILE_NAME.fullmatch(name)
    picture = PICTURE_NAME.fullmatch(name)
    if sprite and not board.is_single and int(sprite[1]) < board.sprite_count:
        try:
            return (folder / name).read_bytes()
        except OSError as error:
            raise DamagedTrack(f"a sprite of {board.prefix} cannot be read: {error}") from error
    if name == INIT_SEGMENT:
        return _init(StoredTrack.open(folder / TILE_FOLDER))
    if tile and _has(board, int(tile[1])):
        return _tile(StoredTrack.open(folder / TILE_FOLDER), int(tile[1]))
    if picture and board.is_single and _has(board, int(picture[1])):
        return _picture(StoredTrack.open(folder / TILE_FOLDER), int(picture[1]))
    return None


def storyboard_files(board: Storyboard) -> Iterator[str]:
    """Give the names of all files that a storyboard has."""
    yield from PLAYLISTS
    yield INIT_SEGMENT
    yield from (sprite_name(number) for number in range(board.sprite_count))
    yield from (iframe_segment(number) for number in range(board.count))


def _has(board: Storyboard, number: int) -> bool:
    return 0 <= number - board.first < board.count


def _init(tiles: StoredTrack) -> bytes:
    return track_init(tiles.index, tiles.description)


def _tile(tiles: StoredTrack, number: int) -> bytes:
    _, _, _, duration, *_ = tiles.index.sample(number)
    return tiles.index.picture_header(number, duration, number + 1) + _picture(tiles, number)


def _picture(tiles: StoredTrack, number: int) -> bytes:
    offset, size, *_ = tiles.index.sample(number)
    data = os.pread(tiles.flat, size, offset)
    if len(data) != size:
        raise DamagedTrack(f"a storyboard has no byte {offset + len(data)} any more")
    return data
