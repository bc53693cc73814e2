"""HEVC as stored in MP4 (ISO/IEC 14496-15 §8): its configuration, sample entry and name."""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.codecs.nal import without_emulation
from core.isobmff.bit_reader import BitReader
from core.isobmff.box import box
from core.isobmff.sample_entry import (
    PLAIN,
    InvalidDecoderConfiguration,
    VisualTraits,
    check_length,
    visual_sample_entry,
)

VIDEO_PARAMETERS, SEQUENCE_PARAMETERS, PICTURE_PARAMETERS = 32, 33, 34
PARAMETER_SETS = (VIDEO_PARAMETERS, SEQUENCE_PARAMETERS, PICTURE_PARAMETERS)
FIXED_BYTES = 23
COMPLETE = 0x80
"""array_completeness: no parameter set of this kind is in the samples."""
PROFILE_BYTES = 12
SUB_LAYER_PROFILE_BITS = 88
NAMED_PROFILE = re.compile(r"(?:hvc1|hev1)\.[ABC]?([0-9]+)")


@dataclass(frozen=True, slots=True)
class HevcConfiguration:
    """An `hvcC` record: profile, bytes of a NAL unit's length field, units by their type."""

    profile: int
    length_size: int
    units: Mapping[int, tuple[bytes, ...]]

    @property
    def parameter_sets(self) -> frozenset[bytes]:
        """All that a decoder has to know before it begins."""
        return frozenset(unit for kind in PARAMETER_SETS for unit in self.units.get(kind, ()))

    @property
    def is_complete(self) -> bool:
        """Whether there is a parameter set of each kind."""
        return all(self.units.get(kind) for kind in PARAMETER_SETS)


def hevc_configuration(hvcc: bytes) -> HevcConfiguration:
    """Read an HEVCDecoderConfigurationRecord (§8.3.3.1); raises `InvalidDecoderConfiguration`."""
    check_length("an hvcC", hvcc, FIXED_BYTES)
    if hvcc[0] != 1:
        raise InvalidDecoderConfiguration(f"hvcC version {hvcc[0]}")
    length_size = (hvcc[21] & 3) + 1
    if length_size == 3:
        raise InvalidDecoderConfiguration("hvcC has length fields of 3 bytes")
    units: dict[int, tuple[bytes, ...]] = {}
    at = FIXED_BYTES
    for _ in range(hvcc[22]):
        if at + 3 > len(hvcc):
            raise InvalidDecoderConfiguration(f"hvcC is cut off at byte {at}")
        kind, count = hvcc[at] & 63, int.from_bytes(hvcc[at + 1 : at + 3])
        found, at = _units(hvcc, at + 3, count)
        units[kind] = units.get(kind, ()) + found
    return HevcConfiguration(hvcc[1] & 31, length_size, units)


def _units(hvcc: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    units = []
    for _ in range(count):
        length = int.from_bytes(hvcc[at : at + 2])
        unit = hvcc[at + 2 : at + 2 + length]
        at += 2 + length
        if length < 2 or at > len(hvcc):
            raise InvalidDecoderConfiguration(f"hvcC is cut off in a unit, byte {at}")
        units.append(unit)
    return tuple(units), at


def hevc_codec_string(hvcc: bytes, kind: str = "hvc1") -> str:
    """Name profile, compatibility, tier, level and constraints: `hvc1.2.4.L120.90` (annex E.3)."""
    hevc_configuration(hvcc)
    space = ("", "A", "B", "C")[hvcc[1] >> 6]
    tier = "H" if hvcc[1] & 0x20 else "L"
    flags = int(f"{int.from_bytes(hvcc[2:6]):032b}"[::-1], 2)
    constraints = hvcc[6:12].rstrip(b"\0")
    parts = [f"{space}{hvcc[1] & 31}", f"{flags:X}", f"{tier}{hvcc[12]}"]
    return ".".join([kind, *parts, *(f"{byte:X}" for byte in constraints)])


def named_profile(codec: str) -> int | None:
    """Give the general_profile_idc that such a name tells; None where it tells none."""
    found = NAMED_PROFILE.match(codec)
    return None if found is None else int(found[1])


def hevc_sample_entry(hvcc: bytes, width: int, height: int, traits: VisualTraits = PLAIN) -> bytes:
    """Give the `hvc1` box of a track with its parameter sets out of band (§8.4.1.1).

    The record of an `hev1` track is made one that says so. Raises `InvalidDecoderConfiguration`.
    """
    return visual_sample_entry(b"hvc1", width, height, box(b"hvcC", completed(hvcc)), traits)


def completed(hvcc: bytes) -> bytes:
    """Give the record with every array of parameter sets marked as complete.

    Raises `InvalidDecoderConfiguration` where one is missing, for then they are in the samples.
    """
    configuration = hevc_configuration(hvcc)
    if not configuration.is_complete:
        raise InvalidDecoderConfiguration("the parameter sets are not in the hvcC")
    return hvcc_of(hvcc[:FIXED_BYTES], configuration.units)


def hvcc_of(head: bytes, units: Mapping[int, Sequence[bytes]]) -> bytes:
    """Join the first 23 bytes of a record with arrays of these units, by their type."""
    arrays = [
        struct.pack(">BH", COMPLETE * (kind in PARAMETER_SETS) | kind, len(members))
        + b"".join(len(unit).to_bytes(2) + unit for unit in members)
        for kind, members in sorted(units.items())
        if members
    ]
    return head[: FIXED_BYTES - 1] + bytes((len(arrays),)) + b"".join(arrays)


def hvcc_from_units(units: Mapping[int, Sequence[bytes]]) -> bytes:
    """Make the record of a stream whose parameter sets came in band, with lengths of four bytes.

    Raises `InvalidDecoderConfiguration` when one of them is missing or makes no sense.
    """
    if not all(units.get(kind) for kind in PARAMETER_SETS):
        raise InvalidDecoderConfiguration("a video, sequence or picture parameter set is missing")
    return hvcc_of(_head(units[SEQUENCE_PARAMETERS][0]), units)


def _head(sequence_set: bytes) -> bytes:
    """Give the fixed part, from a sequence parameter set (ISO/IEC 23008-2 §7.3.2.2)."""
    plain = without_emulation(sequence_set)
    profile = plain[3 : 3 + PROFILE_BYTES]
    try:
        layers, nested, chroma, luma_depth, chroma_depth = _sequence(BitReader(plain[2:256]))
    except EOFError as cause:
        raise InvalidDecoderConfiguration("a sequence parameter set is cut off") from cause
    if chroma > 3 or max(luma_depth, chroma_depth) > 8:
        raise InvalidDecoderConfiguration(
            f"chroma format {chroma}, {luma_depth + 8} and {chroma_depth + 8} bits"
        )
    # No spatial segmentation, parallelism or frame rate is told: all zero.
    rest = struct.pack(">HBBBBH", 0xF000, 0xFC, 0xFC | chroma, 0xF8 | luma_depth,
                       0xF8 | chroma_depth, 0)  # fmt: skip
    return b"\x01" + profile + rest + bytes((layers << 3 | nested << 2 | 3, 0))


def _sequence(bits: BitReader) -> tuple[int, int, int, int, int]:
    """Give temporal layers, whether they nest, chroma format, depths of luma and chroma less 8."""
    bits.read(4)  # sps_video_parameter_set_id
    further = bits.read(3)
    nested = bits.read(1)
    bits.read(8 * PROFILE_BYTES)
    skip_sub_layers(bits, further)
    bits.golomb()  # sps_seq_parameter_set_id
    chroma = bits.golomb()
    if chroma == 3:
        bits.read(1)  # separate_colour_plane_flag
    for _ in range(2):
        bits.golomb()  # the size
    if bits.read(1):  # conformance_window_flag
        for _ in range(4):
            bits.golomb()
    return further + 1, nested, chroma, bits.golomb(), bits.golomb()


def skip_sub_layers(bits: BitReader, count: int) -> None:
    """Pass over what a sequence says of profiles and levels of sub-layers (§7.3.3)."""
    present = [(bits.read(1), bits.read(1)) for _ in range(count)]
    if count:
        bits.read(2 * (8 - count))
    for profile, level in present:
        bits.read(SUB_LAYER_PROFILE_BITS * profile + 8 * level)
