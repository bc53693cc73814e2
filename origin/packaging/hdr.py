"""What the first picture, or its container, says of high dynamic range, as boxes of MP4 hold it."""

import struct
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from core.matroska.dolby_vision import dolby_vision_records

CHROMATICITY = 50_000
LUMINANCE = 10_000
"""Units of 0.00002 and of 0.0001 candela a square metre (ISO/IEC 14496-12 §12.1.7)."""
MATROSKA_HEAD_BYTES = 1 << 19
"""Tracks lie in front of all media, behind what is a few kilobytes."""
MASTERING_DISPLAY = struct.Struct("<20i2i")
"""AVMasteringDisplayMetadata: ten ratios, then whether primaries and luminance are told."""


def mastering_display(picture: VideoFrame) -> bytes:
    """Give the content of `mdcv`; empty where the picture does not tell it all."""
    data = _side_data(picture, "MASTERING_DISPLAY_METADATA")
    if len(data) < MASTERING_DISPLAY.size:
        return b""
    *numbers, has_primaries, has_luminance = MASTERING_DISPLAY.unpack_from(data)
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    if not (has_primaries and has_luminance) or any(below == 0 for _, below in pairs):
        return b""
    ratios = [Fraction(*pair) for pair in pairs]
    red, green, blue, white = (ratios[at : at + 2] for at in (0, 2, 4, 6))
    darkest, brightest = ratios[8:10]
    places = [_number(value * CHROMATICITY, 16) for value in (*green, *blue, *red, *white)]
    lights = [_number(value * LUMINANCE, 32) for value in (brightest, darkest)]
    return struct.pack(">8H2I", *places, *lights)


def light_level(picture: VideoFrame) -> bytes:
    """Give the content of `clli`; empty where the picture does not tell it."""
    data = _side_data(picture, "CONTENT_LIGHT_LEVEL")
    if len(data) < 8:
        return b""
    brightest, mean = struct.unpack_from("<II", data)
    return struct.pack(">HH", min(brightest, 0xFFFF), min(mean, 0xFFFF))


def dolby_vision(container: InputContainer, stream: VideoStream) -> bytes:
    """Give the content of `dvcC` of a track in Matroska, which FFmpeg does not pass on; or none."""
    if not container.format.name.startswith("matroska"):
        return b""
    with Path(container.name).open("rb") as file:
        records = dolby_vision_records(file.read(MATROSKA_HEAD_BYTES))
    tracks = [
        each.index
        for each in container.streams.video
        if not each.disposition & Disposition.attached_pic
    ]
    place = tracks.index(stream.index)
    return records[place] if place < len(records) else b""


def _side_data(picture: VideoFrame, kind: str) -> bytes:
    try:
        return bytes(picture.side_data[kind])  # type: ignore[literal-required]  # unlisted
    except (KeyError, ValueError):  # ValueError: side data of a kind that PyAV has no name for
        return b""


def _number(value: Fraction, bits: int) -> int:
    return max(0, min((1 << bits) - 1, int(value + Fraction(1, 2))))
