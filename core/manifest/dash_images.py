"""Storyboards in DASH: an AdaptationSet of tiled pictures (DASH-IF IOP, tiles of thumbnails)."""

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from core.manifest.hls_images import sprite_bandwidth
from core.manifest.storyboard import picture_name, storyboard_folder
from core.media.storyboard import Storyboard

THUMBNAIL_TILE: Final = "http://dashif.org/guidelines/thumbnail_tile"


def thumbnail_set(board: Storyboard, *, profile: str = "") -> Element:
    """Give the AdaptationSet of a storyboard; a segment is a sprite.

    `profile` is what it conforms to where that is not all that the MPD does.
    """
    adaptation_set = Element(
        "AdaptationSet", {"id": "", "contentType": "image", "mimeType": "image/jpeg"}
    )
    if profile:
        adaptation_set.set("profiles", profile)
    SubElement(
        adaptation_set,
        "SegmentTemplate",
        {
            "timescale": "1000",
            "duration": str(board.sprite_ms),
            "startNumber": str(board.first),
            "media": f"{storyboard_folder(board)}/{picture_name(board, '$Number$')}",
            **({"presentationTimeOffset": str(board.lead_ms)} if board.lead_ms else {}),
        },
    )
    representation = SubElement(
        adaptation_set,
        "Representation",
        {
            "id": "thumbnails",
            "bandwidth": str(sprite_bandwidth(board)),
            "width": str(board.columns * board.tile_width),
            "height": str(board.rows * board.tile_height),
        },
    )
    layout = f"{board.columns}x{board.rows}"
    SubElement(representation, "EssentialProperty", schemeIdUri=THUMBNAIL_TILE, value=layout)
    return adaptation_set
