"""H.264 as stored in MP4 (ISO/IEC 14496-15 §5): its configuration, sample entry and name."""

from collections.abc import Sequence
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

SEQUENCE_PARAMETERS = 7
PICTURE_PARAMETERS = 8
PARAMETER_SETS = frozenset((SEQUENCE_PARAMETERS, PICTURE_PARAMETERS))
MOST_SEQUENCE_SETS = 31
MOST_PICTURE_SETS = 255
PROFILES_WITH_EXTENSION = frozenset((100, 110, 122, 144))
"""Profiles for which `avcC` repeats them (ISO/IEC 14496-15 §5.3.3.1.2)."""


@dataclass(frozen=True, slots=True)
class AvcConfiguration:
    """An `avcC` record: the bytes of a NAL unit's length field, and the parameter sets."""

    length_size: int
    parameter_sets: frozenset[bytes]


def avc_configuration(avcc: bytes) -> AvcConfiguration:
    """Read an AVCDecoderConfigurationRecord (§5.3.3.1); raises `InvalidDecoderConfiguration`."""
    check_length("an avcC", avcc, 7)
    if avcc[0] != 1:
        raise InvalidDecoderConfiguration(f"avcC version {avcc[0]}")
    sequence_sets, at = _sets(avcc, 6, avcc[5] & 0x1F)
    if at >= len(avcc):
        raise InvalidDecoderConfiguration(f"avcC is cut off at byte {at}")
    picture_sets, _ = _sets(avcc, at + 1, avcc[at])
    return AvcConfiguration((avcc[4] & 3) + 1, frozenset(sequence_sets + picture_sets))


def _sets(avcc: bytes, at: int, count: int) -> tuple[list[bytes], int]:
    if count == 0:
        raise InvalidDecoderConfiguration("avcC has no sequence or no picture parameter set")
    sets = []
    for _ in range(count):
        length = int.from_bytes(avcc[at : at + 2])
        unit = avcc[at + 2 : at + 2 + length]
        at += 2 + length
        if length == 0 or at > len(avcc):
            raise InvalidDecoderConfiguration(f"avcC is cut off in a parameter set, byte {at}")
        sets.append(unit)
    return sets, at


def avc_codec_string(avcc: bytes) -> str:
    """Give profile, constraints and level as RFC 6381 §3.3 writes them: `avc1.64001f`."""
    avc_configuration(avcc)
    return f"avc1.{avcc[1:4].hex()}"


def avc_sample_entry(avcc: bytes, width: int, height: int, traits: VisualTraits = PLAIN) -> bytes:
    """Give the `avc1` box of a track with its parameter sets out of band (§5.4.2)."""
    avc_configuration(avcc)
    return visual_sample_entry(b"avc1", width, height, box(b"avcC", avcc), traits)


def avcc_of(sequence_sets: Sequence[bytes], picture_sets: Sequence[bytes]) -> bytes:
    """Make the record of a stream whose parameter sets came in band.

    Raises `InvalidDecoderConfiguration` when there are none, too many, or none that makes sense.
    """
    if not 1 <= len(sequence_sets) <= MOST_SEQUENCE_SETS:
        raise InvalidDecoderConfiguration(f"{len(sequence_sets)} sequence parameter sets")
    if not 1 <= len(picture_sets) <= MOST_PICTURE_SETS:
        raise InvalidDecoderConfiguration(f"{len(picture_sets)} picture parameter sets")
    first = sequence_sets[0]
    if len(first) < 4:
        raise InvalidDecoderConfiguration(f"a sequence parameter set of {len(first)} bytes")
    record = bytes((1, *first[1:4], 0xFF, 0xE0 | len(sequence_sets)))
    record += b"".join(len(each).to_bytes(2) + each for each in sequence_sets)
    record += bytes((len(picture_sets),))
    record += b"".join(len(each).to_bytes(2) + each for each in picture_sets)
    if first[1] in PROFILES_WITH_EXTENSION:
        record += bytes((*_format(first), 0))
    return record


def _format(sequence_set: bytes) -> tuple[int, int, int]:
    """Give the record's three bytes of chroma format and depth, reserved bits set."""
    bits = BitReader(without_emulation(sequence_set[4:64]))
    try:
        bits.golomb()  # seq_parameter_set_id
        chroma = bits.golomb()
        if chroma == 3:
            bits.read(1)
        luma_depth, chroma_depth = bits.golomb(), bits.golomb()
    except EOFError as cause:
        raise InvalidDecoderConfiguration("a sequence parameter set is cut off") from cause
    if chroma > 3 or max(luma_depth, chroma_depth) > 6:
        raise InvalidDecoderConfiguration(
            f"chroma format {chroma}, {luma_depth + 8} and {chroma_depth + 8} bits"
        )
    return 0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth
