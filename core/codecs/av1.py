"""AV1 as stored in MP4 (AV1 in ISOBMFF 1.2): its configuration, sample entry, name, and OBUs."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.isobmff.bit_reader import BitReader
from core.isobmff.box import box
from core.isobmff.sample_entry import (
    PLAIN,
    InvalidDecoderConfiguration,
    VisualTraits,
    check_length,
    visual_sample_entry,
)

MARKER_AND_VERSION = 0x81
SEQUENCE_HEADER = 1
TEMPORAL_DELIMITER = 2
UNSPECIFIED = (2, 2, 2)
USUAL_COLOUR = (1, 1, 1)
SRGB = (1, 13, 0)


@dataclass(frozen=True, slots=True)
class Av1Sequence:
    """What a sequence header says (AV1 §5.5) that concerns us; colour as ISO/IEC 23091-2 has it.

    `chroma` is subsampling across and down, and where the samples lie (AV1 §6.4.2).
    """

    profile: int
    level: int
    tier: int
    bit_depth: int
    monochrome: bool
    chroma: tuple[int, int, int]
    colour: tuple[int, int, int]
    full_range: bool


@dataclass(frozen=True, slots=True)
class Av1Configuration:
    """An `av1C` record, and the sequence header in it: its OBU's payload, and what that says."""

    header: bytes
    sequence: Av1Sequence


@dataclass(frozen=True, slots=True)
class Obu:
    """An open bitstream unit: its type, its payload, and all its bytes."""

    kind: int
    payload: bytes
    whole: bytes


def obus(data: bytes) -> Iterator[Obu]:
    """Give the OBUs of a temporal unit (AV1 §5.3); the last may go without a length.

    Raises `InvalidDecoderConfiguration` where the lengths do not fit.
    """
    at = 0
    while at < len(data):
        head = data[at]
        body = at + 1 + (head >> 2 & 1)
        size = len(data) - body
        if head >> 1 & 1:
            size, body = _leb128(data, body)
        if head >> 7 or size < 0 or body + size > len(data):
            raise InvalidDecoderConfiguration(f"an OBU at byte {at} of {len(data)} makes no sense")
        yield Obu(head >> 3 & 15, data[body : body + size], data[at : body + size])
        at = body + size


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(8):
        if at + place >= len(data):
            break
        value |= (data[at + place] & 0x7F) << 7 * place
        if not data[at + place] & 0x80:
            return value, at + place + 1
    return -1, at


def av1_configuration(av1c: bytes) -> Av1Configuration:
    """Read an AV1CodecConfigurationRecord (§2.3); raises `InvalidDecoderConfiguration`.

    One without a sequence header is refused as well: nothing would tell when that changes.
    """
    check_length("an av1C", av1c, 4)
    if av1c[0] != MARKER_AND_VERSION:
        raise InvalidDecoderConfiguration(f"av1C begins with {av1c[0]:#x}")
    headers = [obu.payload for obu in obus(av1c[4:]) if obu.kind == SEQUENCE_HEADER]
    if len(headers) != 1:
        raise InvalidDecoderConfiguration(f"av1C has {len(headers)} sequence headers")
    return Av1Configuration(headers[0], av1_sequence(headers[0]))


def av1c_of(unit: bytes) -> bytes:
    """Make the record of a stream from a temporal unit that has a sequence header.

    Raises `InvalidDecoderConfiguration`.
    """
    headers = [obu for obu in obus(unit) if obu.kind == SEQUENCE_HEADER]
    if not headers:
        raise InvalidDecoderConfiguration("the AV1 begins without a sequence header")
    sequence = av1_sequence(headers[0].payload)
    across, down, place = sequence.chroma
    depth = (sequence.bit_depth > 8) << 6 | (sequence.bit_depth > 10) << 5
    traits = sequence.tier << 7 | depth | sequence.monochrome << 4
    traits |= across << 3 | down << 2 | place
    head = bytes((MARKER_AND_VERSION, sequence.profile << 5 | sequence.level, traits, 0))
    return head + _sized(headers[0])


def _sized(obu: Obu) -> bytes:
    """Give an OBU with its length in it, as a record wants it."""
    if obu.whole[0] & 2:
        return obu.whole
    length, digits = len(obu.payload), bytearray()
    while length > 0x7F:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    digits.append(length)
    head = bytes((obu.whole[0] | 2,)) + obu.whole[1 : 1 + (obu.whole[0] >> 2 & 1)]
    return head + bytes(digits) + obu.payload


def av1_codec_string(av1c: bytes) -> str:
    """Name profile, level, tier and depth: `av01.0.08M.10`; and the colour, where it is unusual.

    The rest, `.0.110.09.16.09.0`, is monochrome, chroma, primaries, transfer, matrix, range (§5).
    """
    sequence = av1_configuration(av1c).sequence
    tier = "H" if sequence.tier else "M"
    name = f"av01.{sequence.profile}.{sequence.level:02}{tier}.{sequence.bit_depth:02}"
    colour = USUAL_COLOUR if sequence.colour == UNSPECIFIED else sequence.colour
    told = (sequence.monochrome, sequence.chroma, colour, sequence.full_range)
    if told == (False, (1, 1, 0), USUAL_COLOUR, False):
        return name
    chroma = "".join(map(str, sequence.chroma))
    numbers = ".".join(f"{number:02}" for number in colour)
    return f"{name}.{sequence.monochrome:d}.{chroma}.{numbers}.{sequence.full_range:d}"


def av1_sample_entry(av1c: bytes, width: int, height: int, traits: VisualTraits = PLAIN) -> bytes:
    """Give the `av01` box (§2.2). Raises `InvalidDecoderConfiguration`."""
    av1_configuration(av1c)
    return visual_sample_entry(b"av01", width, height, box(b"av1C", av1c), traits)


def av1_sequence(header: bytes) -> Av1Sequence:
    """Read a sequence header OBU's payload (AV1 §5.5.1); raises `InvalidDecoderConfiguration`."""
    try:
        return _sequence(BitReader(header[:128]))
    except EOFError as cause:
        raise InvalidDecoderConfiguration("an AV1 sequence header is cut off") from cause


def _sequence(bits: BitReader) -> Av1Sequence:
    profile = bits.read(3)
    if profile > 2:
        raise InvalidDecoderConfiguration(f"AV1 profile {profile}")
    bits.read(1)  # still_picture
    reduced = bool(bits.read(1))
    level, tier = (bits.read(5), 0) if reduced else _operating_points(bits)
    across, down = bits.read(4) + 1, bits.read(4) + 1
    bits.read(across + down)  # the largest picture
    if not reduced and bits.read(1):  # frame_id_numbers_present_flag
        bits.read(7)
    bits.read(3)  # superblocks of 128, filter intra, intra edge filter
    if not reduced:
        _skip_tools(bits)
    bits.read(3)  # super-resolution, CDEF, restoration
    return colour_config(bits, profile, level, tier)


def _operating_points(bits: BitReader) -> tuple[int, int]:
    """Give level and tier of the first operating point, which is all of the stream."""
    delay_bits = 0
    if bits.read(1):  # timing_info_present_flag
        bits.read(64)
        if bits.read(1):  # equal_picture_interval
            bits.golomb()  # uvlc() is written as ue(v) is
        if bits.read(1):  # decoder_model_info_present_flag
            delay_bits = bits.read(5) + 1
            bits.read(42)
    display_delay = bits.read(1)
    points: list[tuple[int, int]] = []
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        level = bits.read(5)
        points.append((level, bits.read(1) if level > 7 else 0))
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if display_delay and bits.read(1):
            bits.read(4)
    return points[0]


def _skip_tools(bits: BitReader) -> None:
    bits.read(4)  # compound and motion tools
    ordered = bits.read(1)
    if ordered:
        bits.read(2)
    forced = 2 if bits.read(1) else bits.read(1)  # screen content tools
    if forced and not bits.read(1):
        bits.read(1)  # seq_force_integer_mv
    if ordered:
        bits.read(3)


def colour_config(bits: BitReader, profile: int, level: int, tier: int) -> Av1Sequence:
    """Read color_config (§5.5.2) as far as its chroma; profile, level and tier are told."""
    depth = 10 if bits.read(1) else 8
    if profile == 2 and depth == 10 and bits.read(1):
        depth = 12
    mono = profile != 1 and bool(bits.read(1))
    colour = (bits.read(8), bits.read(8), bits.read(8)) if bits.read(1) else UNSPECIFIED
    if not mono and colour == SRGB:
        return Av1Sequence(profile, level, tier, depth, mono, (0, 0, 0), colour, full_range=True)
    full_range = bool(bits.read(1))
    across, down = 1, 1
    if not mono and profile == 1:
        across, down = 0, 0
    elif not mono and profile == 2:
        across, down = 1, 0
        if depth == 12:
            across = bits.read(1)
            down = bits.read(1) if across else 0
    place = bits.read(2) if not mono and across and down else 0
    chroma = across, down, place
    return Av1Sequence(profile, level, tier, depth, mono, chroma, colour, full_range)
