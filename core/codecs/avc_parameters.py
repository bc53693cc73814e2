"""What a sequence parameter set of H.264 says of the picture (ISO/IEC 14496-10 §7.3.2.1.1, §E.1.1).

Read as far as the description of colour; what lies behind matters to decoders alone.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from core.isobmff.bit_reader import BitReader

PROFILES_WITH_FORMAT: Final = frozenset(
    {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
)
PLAIN_FORMAT: Final = (1, 8, 8)
CHROMA_444: Final = 3
MACROBLOCK: Final = 16
LARGEST_SET_BYTES: Final = 4096
LONGEST_PREFIX: Final = 32
MOST_REFERENCES: Final = 255
EXPLICIT_ASPECT: Final = 255
# Table E-1, by aspect_ratio_idc from 1.
ASPECTS: Final = (
    (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11),
    (80, 33), (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AvcPicture:
    """A coded picture: its size without cropping, in pixels, and how its samples are meant.

    `chroma_format` is 1 for 4:2:0; depths are in bits. `aspect` is that of a pixel, None where
    nothing is said. `colour` holds primaries, transfer and matrix as ISO/IEC 23091-2 numbers them.
    """

    profile: int
    constraints: int
    width: int
    height: int
    chroma_format: int
    luma_depth: int
    chroma_depth: int
    frames_only: bool
    aspect: Fraction | None = None
    full_range: bool = False
    colour: tuple[int, int, int] | None = None


class _Bits(BitReader):
    def unsigned(self) -> int:
        """Read `ue(v)` (§9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > LONGEST_PREFIX:
                raise ValueError("a number of a sequence parameter set has no end")
        return (1 << zeros | self.read(zeros)) - 1 if zeros else 0

    def signed(self) -> int:
        """Read `se(v)` (§9.1.1)."""
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def avc_picture(unit: bytes) -> AvcPicture:
    """Read a sequence parameter set with its NAL header. Raises `ValueError` where it is none."""
    if not 5 <= len(unit) <= LARGEST_SET_BYTES or unit[0] & 31 != 7:
        raise ValueError("no sequence parameter set")
    try:
        return _picture(_Bits(unit[1:].replace(b"\0\0\3", b"\0\0")))
    except EOFError as cause:
        raise ValueError("a sequence parameter set is cut off") from cause


def _picture(bits: _Bits) -> AvcPicture:
    profile, constraints = bits.read(8), bits.read(8)
    bits.read(8)  # level_idc
    bits.unsigned()  # seq_parameter_set_id
    chroma_format, luma_depth, chroma_depth = (
        _format(bits) if profile in PROFILES_WITH_FORMAT else PLAIN_FORMAT
    )
    _skip_order(bits)
    across, down = bits.unsigned() + 1, bits.unsigned() + 1
    frames_only = bits.read(1) == 1
    if not frames_only:
        bits.read(1)  # mb_adaptive_frame_field_flag
        down *= 2
    bits.read(1)  # direct_8x8_inference_flag
    left = right = top = bottom = 0
    if bits.read(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
    step_x = 2 if chroma_format in (1, 2) else 1
    step_y = (2 if chroma_format == 1 else 1) * (1 if frames_only else 2)
    width = across * MACROBLOCK - step_x * (left + right)
    height = down * MACROBLOCK - step_y * (top + bottom)
    if min(width, height) < 1:
        raise ValueError(f"a sequence parameter set speaks of {width}x{height} pixels")
    aspect, full_range, colour = _usability(bits) if bits.read(1) else (None, False, None)
    return AvcPicture(
        profile, constraints, width, height, chroma_format, luma_depth, chroma_depth, frames_only,
        aspect, full_range, colour,
    )  # fmt: skip


def _format(bits: _Bits) -> tuple[int, int, int]:
    chroma_format = bits.unsigned()
    if chroma_format == CHROMA_444:
        bits.read(1)  # separate_colour_plane_flag
    depths = bits.unsigned() + 8, bits.unsigned() + 8
    bits.read(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.read(1):
        for number in range(12 if chroma_format == CHROMA_444 else 8):
            if bits.read(1):
                _skip_scaling_list(bits, 16 if number < 6 else 64)
    return chroma_format, *depths


def _skip_scaling_list(bits: _Bits, count: int) -> None:
    """§7.3.2.1.1.1."""
    last = following = 8
    for _ in range(count):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_order(bits: _Bits) -> None:
    """Skip what orders pictures, from log2_max_frame_num on."""
    bits.unsigned()
    kind = bits.unsigned()
    if kind == 0:
        bits.unsigned()
    elif kind == 1:
        bits.read(1)
        for _ in range(2):
            bits.signed()
        count = bits.unsigned()
        if count > MOST_REFERENCES:
            raise ValueError(f"a sequence parameter set has {count} reference frames in a cycle")
        for _ in range(count):
            bits.signed()
    bits.unsigned()  # max_num_ref_frames
    bits.read(1)  # gaps_in_frame_num_value_allowed_flag


def _usability(bits: _Bits) -> tuple[Fraction | None, bool, tuple[int, int, int] | None]:
    """Read the pixel's aspect, the range and the colour (§E.1.1)."""
    aspect, full_range, colour = None, False, None
    if bits.read(1):
        number = bits.read(8)
        pair = (bits.read(16), bits.read(16)) if number == EXPLICIT_ASPECT else (0, 0)
        if 1 <= number <= len(ASPECTS):
            pair = ASPECTS[number - 1]
        aspect = Fraction(*pair) if min(pair) > 0 else None
    if bits.read(1):
        bits.read(1)  # overscan_appropriate_flag
    if bits.read(1):
        bits.read(3)  # video_format
        full_range = bits.read(1) == 1
        if bits.read(1):
            colour = bits.read(8), bits.read(8), bits.read(8)
    return aspect, full_range, colour
