"""Storyboards in HLS, in two forms.

An I-frame playlist of JPEG pictures (`mjpg`): each tile is a fragment of its own, which is what
Apple's players, hls.js and shaka-player take (HLS Authoring Specification, appendix on I-frame
image sequences). And an image playlist of whole sprites (Image Media Playlist 0.4), which Roku and
shaka-player take; whoever does not know its tags passes them over.
"""

from collections.abc import Iterator
from typing import Final

from core.isobmff.image_entry import JPEG_CODEC
from core.manifest.storyboard import STORYBOARD_FOLDER, picture_name, storyboard_folder
from core.manifest.urls import IFRAME_PLAYLIST, INIT_SEGMENT, iframe_segment
from core.media.build import bit_rate
from core.media.storyboard import Storyboard

VERSION: Final = 7
SPRITE_PLAYLIST: Final = "sprites.m3u8"


def image_iframe_playlist(board: Storyboard) -> str:
    """Give the playlist of the tiles one by one; it lies in the storyboard's folder."""
    lines = _head(board.interval_ms)
    lines += ["#EXT-X-I-FRAMES-ONLY", f'#EXT-X-MAP:URI="{INIT_SEGMENT}"']
    for number, tile in enumerate(board.tiles(), board.first):
        lines += [f"#EXTINF:{_seconds(tile.end_ms - tile.start_ms)},", iframe_segment(number)]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def sprite_playlist(board: Storyboard) -> str:
    """Give the playlist of the sprites; it lies in the storyboard's folder."""
    tiles = tiles_tag(board)
    lines = image_head(board.sprite_ms)
    for number in range(board.sprite_count):
        start_ms = max(0, number * board.sprite_ms - board.lead_ms)
        end_ms = min(board.duration_ms, (number + 1) * board.sprite_ms - board.lead_ms)
        name = picture_name(board, board.first + number)
        lines += [f"#EXTINF:{_seconds(end_ms - start_ms)},", tiles, name]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def image_variants(*boards: Storyboard) -> Iterator[str]:
    """Give the tags by which a multivariant playlist names both, of one board or several in a row.

    The playlists of one lie in its folder, those of several above their folders. Several are as
    dear as the dearest of them, and as large as the largest.
    """
    folder = storyboard_folder(boards[0]) if len(boards) == 1 else STORYBOARD_FOLDER
    resolution = _resolution(max(boards, key=lambda each: each.tile_width * each.tile_height))
    lasts_ms = sum(each.duration_ms for each in boards)
    average = sum(each.tile_average_bandwidth * each.duration_ms for each in boards)
    yield (
        f"#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={max(each.tile_bandwidth for each in boards)},"
        f"AVERAGE-BANDWIDTH={-(-average // max(1, lasts_ms))},"
        f'CODECS="{JPEG_CODEC}",RESOLUTION={resolution},'
        f'URI="{folder}/{IFRAME_PLAYLIST}"'
    )
    yield (
        f"#EXT-X-IMAGE-STREAM-INF:BANDWIDTH={max(map(sprite_bandwidth, boards))},"
        f'CODECS="jpeg",RESOLUTION={resolution},'
        f'URI="{folder}/{SPRITE_PLAYLIST}"'
    )


def tiles_tag(board: Storyboard) -> str:
    """Give EXT-X-TILES, which says how the tiles lie on each sprite."""
    return (
        f"#EXT-X-TILES:RESOLUTION={_resolution(board)},LAYOUT={board.columns}x{board.rows},"
        f"DURATION={_seconds(board.interval_ms)}"
    )


def image_head(longest_ms: int) -> list[str]:
    """Give the tags before the first sprite of an image playlist."""
    return [*_head(longest_ms), "#EXT-X-IMAGES-ONLY"]


def sprite_bandwidth(board: Storyboard) -> int:
    """Give the bit rate of the largest sprite over what of the film it shows."""
    if board.is_single:
        return board.tile_bandwidth
    lasts_ms = min(board.sprite_ms, board.duration_ms)
    return bit_rate(board.largest_sprite_bytes, max(1, lasts_ms), 1000)


def _head(longest_ms: int) -> list[str]:
    return [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{max(1, (longest_ms + 500) // 1000)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
    ]


def _resolution(board: Storyboard) -> str:
    return f"{board.tile_width}x{board.tile_height}"


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03}"
