"""Sample entries, which set up a decoder (ISO/IEC 14496-12 §8.5.2): what all have in common.

What each codec puts into its entry is in `core.codecs`.
"""

import struct
from dataclasses import dataclass

from core.errors import InputFault
from core.isobmff.box import box

LARGEST_CONFIGURATION_BYTES = 65_536
"""More than any decoder configuration holds: parameter sets are a few hundred bytes."""
LARGEST_DOLBY_VISION_PROFILE_OF_DVCC = 7
LARGEST_DOLBY_VISION_PROFILE_OF_DVVC = 10

Colour = tuple[int, int, int, bool]
"""Primaries, transfer and matrix as ISO/IEC 23091-2 numbers them, and whether the range is full."""


class InvalidDecoderConfiguration(InputFault):
    """A track's decoder configuration is not one that the codec's specification allows."""

    code = "media.decoder_configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisualTraits:
    """What an entry says of a picture beside the decoder's configuration; absent is None or empty.

    `pasp` is the pixel's aspect (§12.1.4), `colr` the colour (§12.1.5, `nclx`). `mdcv` is the
    mastering display (§12.1.7, 24 bytes), `clli` the light level (§12.1.6, 4 bytes), `dovi` a Dolby
    Vision configuration record (24 bytes), as their boxes hold them.
    """

    pasp: tuple[int, int] | None = None
    colr: Colour | None = None
    mdcv: bytes = b""
    clli: bytes = b""
    dovi: bytes = b""


PLAIN = VisualTraits()


def check_length(name: str, record: bytes, least: int) -> None:
    """Raise `InvalidDecoderConfiguration` for a record too short, or longer than any is."""
    if not least <= len(record) <= LARGEST_CONFIGURATION_BYTES:
        raise InvalidDecoderConfiguration(f"{name} of {len(record)} bytes")


def visual_sample_entry(
    kind: bytes, width: int, height: int, configuration: bytes, traits: VisualTraits = PLAIN
) -> bytes:
    """Give a VisualSampleEntry (§12.1.3); `width` and `height` are the coded size in pixels."""
    if not (1 <= width <= 0xFFFF and 1 <= height <= 0xFFFF):
        raise InvalidDecoderConfiguration(
            f"a picture of {width}x{height} does not fit {kind.decode()}"
        )
    visual = struct.pack(
        ">6xH16xHHIIIH32xHh", 1, width, height, 0x480000, 0x480000, 0, 1, 0x18, -1
    )  # 72 dpi, one frame a sample, no compressor name, colour without alpha
    return box(kind, visual, configuration, *_extensions(traits))


def _extensions(traits: VisualTraits) -> list[bytes]:
    boxes = []
    if traits.colr is not None:
        primaries, transfer, matrix, full_range = traits.colr
        numbers = struct.pack(">HHHB", primaries, transfer, matrix, 0x80 if full_range else 0)
        boxes.append(box(b"colr", b"nclx", numbers))
    if traits.pasp is not None:
        boxes.append(box(b"pasp", struct.pack(">II", *traits.pasp)))
    boxes += [
        box(name, payload)
        for name, payload in ((b"mdcv", traits.mdcv), (b"clli", traits.clli))
        if payload
    ]
    if traits.dovi:
        boxes.append(box(_dolby_vision_box(traits.dovi), traits.dovi))
    return boxes


def _dolby_vision_box(record: bytes) -> bytes:
    """Name the box by the profile (Dolby Vision Streams within the ISOBMFF, §3.2)."""
    profile = record[2] >> 1 if len(record) > 2 else 0
    if profile <= LARGEST_DOLBY_VISION_PROFILE_OF_DVCC:
        return b"dvcC"
    return b"dvvC" if profile <= LARGEST_DOLBY_VISION_PROFILE_OF_DVVC else b"dvwC"


def audio_sample_entry(
    kind: bytes, channels: int, sample_rate: int, configuration: bytes, *, sample_bits: int = 16
) -> bytes:
    """Give an AudioSampleEntry (§12.2.3).

    A rate above 65535 Hz does not fit the box and is written as 0; the configuration has it.
    """
    if not 1 <= channels <= 0xFFFF:
        raise InvalidDecoderConfiguration(f"{channels} channels do not fit {kind.decode()}")
    rate = sample_rate << 16 if 0 < sample_rate <= 0xFFFF else 0
    audio = struct.pack(">6xH8xHH4xI", 1, channels, sample_bits, rate)
    return box(kind, audio, configuration)
