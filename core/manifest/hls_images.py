"""Storyboards in HLS, in two forms.

An I-frame playlist of JPEG pictures (`mjpg`): each tile is a fragment of its own, which is what
Apple's players, hls.js and shaka-player take (HLS Authoring Specification, appendix on I-frame
image sequences). And an image playlist of whole sprites (Image Media Playlist 0.4), which Roku and
shaka-player take; whoever does not know its tags passes them over.
"""

from collections.abc import Iterator
from typing import Final

from core.isobmff.image_entry import JPEG_CODEC
from core.manifest.storyboard import picture_name, storyboard_folder
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
    tiles = (
        f"#EXT-X-TILES:RESOLUTION={_resolution(board)},LAYOUT={board.columns}x{board.rows},"
        f"DURATION={_seconds(board.interval_ms)}"
    )
    lines = [*_head(board.sprite_ms), "#EXT-X-IMAGES-ONLY"]
    for number in range(board.sprite_count):
        start_ms = max(0, number * board.sprite_ms - board.lead_ms)
        end_ms = min(board.duration_ms, (number + 1) * board.sprite_ms - board.lead_ms)
        name = picture_name(board, board.first + number)
        lines += [f"#EXTINF:{_seconds(end_ms - start_ms)},", tiles, name]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def image_variants(board: Storyboard) -> Iterator[str]:
    """Give the tags by which a multivariant playlist names both."""
    folder = storyboard_folder(board)
    yield (
        f"#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={board.tile_bandwidth},"
        f"AVERAGE-BANDWIDTH={board.tile_average_bandwidth},"
        f'CODECS="{JPEG_CODEC}",RESOLUTION={_resolution(board)},'
        f'URI="{folder}/{IFRAME_PLAYLIST}"'
    )
    yield (
        f"#EXT-X-IMAGE-STREAM-INF:BANDWIDTH={sprite_bandwidth(board)},"
        f'CODECS="jpeg",RESOLUTION={_resolution(board)},'
        f'URI="{folder}/{SPRITE_PLAYLIST}"'
    )


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
