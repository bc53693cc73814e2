"""The parameter sets of H.264, as far as slice headers depend on them (ITU-T H.264 §7.3.2)."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.codecs.avc import PICTURE_PARAMETERS, SEQUENCE_PARAMETERS, avc_configuration
from core.codecs.nal import without_emulation
from core.isobmff.bit_reader import BitReader
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from native import AvcDivision, AvcSlice

# Profiles whose sequence parameter sets tell of chroma (§7.3.2.1.1)
HIGH_PROFILES = frozenset((44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244))
MOST_SLICE_GROUPS = 8
MOST_FRAMES_IN_CYCLE = 255


@dataclass(frozen=True, slots=True)
class _Sequence:
    """A sequence parameter set; `map_units` is the number of slice group map units."""

    separate_colour_planes: bool
    has_chroma: bool
    frame_number_bits: int
    order_type: int
    order_bits: int
    delta_is_zero: bool
    frames_only: bool
    map_units: int


def avc_division(avcc: bytes) -> AvcDivision:
    """Read an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1).

    Raises `InvalidDecoderConfiguration` for what makes no sense.
    """
    configuration = avc_configuration(avcc)
    try:
        slices = dict(_slices(configuration.parameter_sets))
    except EOFError as cause:
        raise InvalidDecoderConfiguration(f"a parameter set is cut off: {cause}") from cause
    return AvcDivision(slices, configuration.length_size)


def _slices(units: frozenset[bytes]) -> Iterator[tuple[int, AvcSlice]]:
    sequences = dict(
        _sequence(BitReader(without_emulation(unit[1:])))
        for unit in units
        if unit[0] & 31 == SEQUENCE_PARAMETERS
    )
    for unit in units:
        if unit[0] & 31 == PICTURE_PARAMETERS:
            yield _picture(BitReader(without_emulation(unit[1:])), sequences)


def _sequence(bits: BitReader) -> tuple[int, _Sequence]:
    """Read seq_parameter_set_data up to the size of the picture (§7.3.2.1.1)."""
    profile = bits.read(8)
    bits.read(16)  # constraints and level
    number = bits.golomb()
    chroma_format, separate = 1, False
    if profile in HIGH_PROFILES:
        chroma_format = bits.golomb()
        separate = chroma_format == 3 and bits.read(1) == 1
        bits.golomb()
        bits.golomb()
        bits.read(1)
        if bits.read(1):
            _skip_scaling_lists(bits, 12 if chroma_format == 3 else 8)
    frame_number_bits = _at_most(bits.golomb() + 4, 16, "log2_max_frame_num")
    order_type = bits.golomb()
    order_bits, delta_is_zero = 0, False
    if order_type == 0:
        order_bits = _at_most(bits.golomb() + 4, 16, "log2_max_pic_order_cnt_lsb")
    elif order_type == 1:
        delta_is_zero = bits.read(1) == 1
        bits.golomb()
        bits.golomb()
        for _ in range(_at_most(bits.golomb(), MOST_FRAMES_IN_CYCLE, "the frames of a cycle")):
            bits.golomb()
    bits.golomb()  # max_num_ref_frames
    bits.read(1)
    width, height = bits.golomb() + 1, bits.golomb() + 1
    return number, _Sequence(
        separate_colour_planes=separate,
        has_chroma=chroma_format != 0 and not separate,
        frame_number_bits=frame_number_bits,
        order_type=order_type,
        order_bits=order_bits,
        delta_is_zero=delta_is_zero,
        frames_only=bits.read(1) == 1,
        map_units=width * height,
    )


def _picture(bits: BitReader, sequences: dict[int, _Sequence]) -> tuple[int, AvcSlice]:
    """Read a picture parameter set (§7.3.2.2) on top of the sequence's that it names."""
    number = bits.golomb()
    name = bits.golomb()
    sequence = sequences.get(name)
    if sequence is None:
        raise InvalidDecoderConfiguration(f"no sequence parameter set has number {name}")
    arithmetic = bits.read(1) == 1
    bottom_field_order = bits.read(1) == 1
    groups = _at_most(bits.golomb() + 1, MOST_SLICE_GROUPS, "the number of slice groups")
    group_bits = _slice_groups(bits, groups, sequence) if groups > 1 else 0
    references_0, references_1 = bits.golomb() + 1, bits.golomb() + 1
    weighted = bits.read(1) == 1
    weighted_bipred = bits.read(2)
    bits.golomb()
    bits.golomb()
    bits.golomb()
    deblocking = bits.read(1) == 1
    bits.read(1)
    return number, AvcSlice(
        separate_colour_planes=sequence.separate_colour_planes,
        has_chroma=sequence.has_chroma,
        frames_only=sequence.frames_only,
        frame_number_bits=sequence.frame_number_bits,
        order_type=sequence.order_type,
        order_bits=sequence.order_bits,
        delta_is_zero=sequence.delta_is_zero,
        bottom_field_order=bottom_field_order,
        redundant_pictures=bits.read(1) == 1,
        references_0=_at_most(references_0, 32, "the number of references"),
        references_1=_at_most(references_1, 32, "the number of references"),
        weighted=weighted,
        weighted_bipred=weighted_bipred,
        arithmetic=arithmetic,
        deblocking=deblocking,
        slice_group_bits=group_bits,
    )


def _slice_groups(bits: BitReader, groups: int, sequence: _Sequence) -> int:
    """Pass over the map of slice groups; give the length of slice_group_change_cycle (§7.4.3)."""
    kind = bits.golomb()
    if kind == 0:
        for _ in range(groups):
            bits.golomb()
    elif kind == 2:
        for _ in range(2 * (groups - 1)):
            bits.golomb()
    elif kind in {3, 4, 5}:
        bits.read(1)
        rate = bits.golomb() + 1
        cycles = -(-sequence.map_units // rate) + 1
        return (cycles - 1).bit_length()
    elif kind == 6:
        for _ in range(bits.golomb() + 1):
            bits.read((groups - 1).bit_length())
    return 0


def _skip_scaling_lists(bits: BitReader, count: int) -> None:
    """Pass over scaling lists (§7.3.2.1.1.1)."""
    for each in range(count):
        if not bits.read(1):
            continue
        last = following = 8
        for _ in range(16 if each < 6 else 64):
            if following:
                following = (last + bits.signed_golomb()) % 256
            last = following or last


def _at_most(value: int, limit: int, what: str) -> int:
    if value > limit:
        raise InvalidDecoderConfiguration(f"{what} is {value}, more than {limit}")
    return value
