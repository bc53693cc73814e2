"""Storyboards of several presentations in a row in HLS, in the two forms of `hls_images`.

Of each part those pictures alone are there that stand for what is played of it, each a file of its
own. The parts' pictures may differ in size.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from core.manifest.hls_iframes import iframe_head
from core.manifest.hls_images import SPRITE_PLAYLIST, image_head, tiles_tag
from core.manifest.joined_hls import Stretch, fitted, hole_of, in_a_row, lasting
from core.manifest.storyboard import picture_name
from core.manifest.urls import IFRAME_PLAYLIST, INIT_SEGMENT, iframe_segment
from core.media.presentation import Presentation
from core.media.storyboard import Storyboard


def joined_image_iframes(parts: Sequence[Presentation]) -> str:
    """Give the playlist of all parts' tiles as I-frames; it lies above the storyboards' folders."""
    stretches = [_stretch(part, _fragment, INIT_SEGMENT) for part in parts]
    return in_a_row(iframe_head(lasting(stretches)), stretches)


def joined_sprites(parts: Sequence[Presentation]) -> str:
    """Give the image playlist of all parts' tiles; it lies beside the other one."""
    stretches = [_stretch(part, _picture, "") for part in parts]
    return in_a_row(image_head(max(lasting(stretches)) // 1000), stretches)


JOINED_BOARDS: Final[Mapping[str, Callable[[Sequence[Presentation]], str]]] = {
    IFRAME_PLAYLIST: joined_image_iframes,
    SPRITE_PLAYLIST: joined_sprites,
}


def _stretch(
    part: Presentation, segment: Callable[[Storyboard, int], Sequence[str]], init: str
) -> Stretch:
    board = part.storyboard
    if board is None:
        return hole_of(part)
    durations = [1000 * (tile.end_ms - tile.start_ms) for tile in board.tiles()]
    numbers = range(board.first, board.first + board.count)
    return Stretch(
        f"{board.name}/{init}" if init else "",
        [segment(board, number) for number in numbers],
        fitted(durations, part.length_us),
    )


def _fragment(board: Storyboard, number: int) -> Sequence[str]:
    return (f"{board.name}/{iframe_segment(number)}",)


def _picture(board: Storyboard, number: int) -> Sequence[str]:
    return tiles_tag(board), f"{board.name}/{picture_name(board, number)}"
