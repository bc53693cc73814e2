"""VP9 as stored in MP4 (VP Codec ISO Media File Format Binding 1.0): configuration, entry, name."""

import struct
from dataclasses import dataclass
from fractions import Fraction

from core.isobmff.bit_reader import BitReader
from core.isobmff.box import full_box
from core.isobmff.sample_entry import (
    PLAIN,
    InvalidDecoderConfiguration,
    VisualTraits,
    visual_sample_entry,
)

SYNC_CODE = 0x498342
RGB = 7
UNSPECIFIED = (2, 2, 2)
USUAL_COLOUR = (1, 1, 1)
SPACES = {
    1: (5, 6, 5), 2: (1, 1, 1), 3: (6, 6, 6), 4: (7, 7, 7), 5: (9, 14, 9), RGB: (1, 13, 0),
}  # fmt: skip
"""color_space (VP9 §7.2.2) as primaries, transfer and matrix of ISO/IEC 23091-2."""
COLOCATED_420, SUBSAMPLED_422, UNSAMPLED_444 = 1, 2, 3

LEVELS = (
    (10, 829_440, 36_864),
    (11, 2_764_800, 73_728),
    (20, 4_608_000, 122_880),
    (21, 9_216_000, 245_760),
    (30, 20_736_000, 552_960),
    (31, 36_864_000, 983_040),
    (40, 83_558_400, 2_228_224),
    (41, 160_432_128, 2_228_224),
    (50, 311_951_360, 8_912_896),
    (51, 588_251_136, 8_912_896),
    (52, 1_176_502_272, 8_912_896),
    (60, 1_176_502_272, 35_651_584),
    (61, 2_353_004_544, 35_651_584),
    (62, 4_706_009_088, 35_651_584),
)
"""Level, most luma samples a second, most luma samples a picture (VP9 annex A)."""
USUAL_RATE = Fraction(30)


@dataclass(frozen=True, slots=True)
class Vp9Format:
    """How a key picture is coded; `chroma` is chromaSubsampling of the configuration record."""

    profile: int
    bit_depth: int
    chroma: int
    colour: tuple[int, int, int]
    full_range: bool
    width: int
    height: int


def vp9_format(frame: bytes) -> Vp9Format:
    """Read the uncompressed header of a key picture (VP9 §6.2).

    Raises `InvalidDecoderConfiguration` for what is none.
    """
    try:
        return _format(BitReader(frame[:32]))
    except EOFError as cause:
        raise InvalidDecoderConfiguration(f"a VP9 frame of {len(frame)} bytes") from cause


def _format(bits: BitReader) -> Vp9Format:
    if bits.read(2) != 2:
        raise InvalidDecoderConfiguration("no VP9 frame begins like this")
    profile = bits.read(1) | bits.read(1) << 1
    if profile == 3:
        bits.read(1)
    existing, inter, _shown, _resilient = (bits.read(1) for _ in range(4))
    if existing or inter or bits.read(24) != SYNC_CODE:
        raise InvalidDecoderConfiguration("the VP9 frame is no key picture")
    depth = 8
    if profile >= 2:
        depth = 12 if bits.read(1) else 10
    space = bits.read(3)
    full_range, across, down = True, 0, 0
    if space != RGB:
        full_range = bool(bits.read(1))
        across, down = 1, 1
        if profile & 1:
            across, down = bits.read(1), bits.read(1)
            bits.read(1)
    elif profile & 1:
        bits.read(1)
    chroma = COLOCATED_420 if across and down else SUBSAMPLED_422 if across else UNSAMPLED_444
    width, height = bits.read(16) + 1, bits.read(16) + 1
    colour = SPACES.get(space, UNSPECIFIED)
    return Vp9Format(profile, depth, chroma, colour, full_range, width, height)


def vp9_level(width: int, height: int, rate: Fraction | None) -> int:
    """Give the lowest level for pictures of that size and rate, as the record numbers it."""
    area = width * height
    for level, most_a_second, most_a_picture in LEVELS:
        if area <= most_a_picture and area * (rate or USUAL_RATE) <= most_a_second:
            return level
    return LEVELS[-1][0]


def vpcc_of(
    key: Vp9Format, rate: Fraction | None, colour: tuple[int, int, int] = UNSPECIFIED
) -> bytes:
    """Make the content of a `vpcC` box, version 1; the container's `colour` goes first."""
    told = key.colour if colour == UNSPECIFIED else colour
    traits = key.bit_depth << 4 | key.chroma << 1 | key.full_range
    level = vp9_level(key.width, key.height, rate)
    return struct.pack(">BBBBBBH", key.profile, level, traits, *told, 0)


def check_vpcc(vpcc: bytes) -> None:
    """Raise `InvalidDecoderConfiguration` for what is no content of a `vpcC` box."""
    if len(vpcc) != 8 or vpcc[6:8] != b"\0\0":
        raise InvalidDecoderConfiguration(f"a vpcC of {len(vpcc)} bytes: {vpcc[:16].hex()}")
    if vpcc[0] > 3 or vpcc[2] >> 4 not in (8, 10, 12):
        raise InvalidDecoderConfiguration(f"VP9 profile {vpcc[0]} of {vpcc[2] >> 4} bits")


def vp9_codec_string(vpcc: bytes) -> str:
    """Name profile, level and depth: `vp09.00.41.08`; and the colour, where it is unusual.

    The rest, `.01.09.16.09.00`, is chroma, primaries, transfer, matrix and range.
    """
    check_vpcc(vpcc)
    profile, level, traits, *numbers = vpcc[:6]
    name = f"vp09.{profile:02}.{level:02}.{traits >> 4:02}"
    colour = tuple(numbers)
    if colour == UNSPECIFIED:
        colour = USUAL_COLOUR
    chroma, full_range = traits >> 1 & 7, traits & 1
    if (chroma, colour, full_range) == (COLOCATED_420, USUAL_COLOUR, 0):
        return name
    return ".".join([name, *(f"{number:02}" for number in (chroma, *colour, full_range))])


def vp9_sample_entry(vpcc: bytes, width: int, height: int, traits: VisualTraits = PLAIN) -> bytes:
    """Give the `vp09` box. Raises `InvalidDecoderConfiguration`."""
    check_vpcc(vpcc)
    return visual_sample_entry(b"vp09", width, height, full_box(b"vpcC", 1, 0, vpcc), traits)
