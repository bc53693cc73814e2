"""The parameter sets of HEVC, as far as slice headers depend on them (ITU-T H.265 §7.3.2)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from core.codecs.hevc import (
    PICTURE_PARAMETERS,
    PROFILE_BYTES,
    SEQUENCE_PARAMETERS,
    hevc_configuration,
    skip_sub_layers,
)
from core.codecs.nal import without_emulation
from core.isobmff.bit_reader import BitReader
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from native import HevcDivision, HevcSlice

UNIT_HEADER_BYTES: Final = 2
MOST_REFERENCE_SETS: Final = 64
MOST_PICTURES: Final = 16
MOST_LONG_TERM: Final = 32
MOST_CODING_BLOCK_BITS: Final = 6
WITH_FURTHER_FIELDS: Final = frozenset(range(6, 12))
"""The profiles of several views and layers, and of screen content (annexes A.3.7, F to I)."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture of a short-term reference picture set: its distance, and whether it is used."""

    delta: int
    is_used: bool


ReferenceSet = tuple[_Picture, ...]


@dataclass(frozen=True, slots=True)
class _Sequence:
    """A sequence parameter set, as far as slice headers and picture parameter sets need it."""

    separate_colour_planes: bool
    has_chroma: bool
    order_bits: int
    address_bits: int
    sample_offset: bool
    reference_sets: tuple[ReferenceSet, ...]
    long_term: bool
    long_term_used: tuple[bool, ...]
    temporal_vectors: bool


def hevc_division(hvcc: bytes) -> HevcDivision:
    """Read an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3.1).

    Raises `InvalidDecoderConfiguration` for what makes no sense, and for the extensions for screen
    content and for several layers, whose slice headers have further fields.
    """
    configuration = hevc_configuration(hvcc)
    try:
        sequences = dict(map(_sequence, _readers(configuration.units.get(SEQUENCE_PARAMETERS, ()))))
        pictures = _readers(configuration.units.get(PICTURE_PARAMETERS, ()))
        slices = dict(_picture(bits, sequences) for bits in pictures)
    except EOFError as cause:
        raise InvalidDecoderConfiguration(f"a parameter set is cut off: {cause}") from cause
    return HevcDivision(slices, configuration.length_size)


def _readers(units: Iterable[bytes]) -> Iterator[BitReader]:
    for unit in units:
        if not unit[0] & 1 and not unit[1] >> 3:  # of the base layer
            yield BitReader(without_emulation(unit[UNIT_HEADER_BYTES:]))


def _sequence(bits: BitReader) -> tuple[int, _Sequence]:
    """§7.3.2.2."""
    bits.read(4)
    sub_layers = bits.read(3)
    bits.read(1)
    profile = bits.read(8) & 31
    if profile in WITH_FURTHER_FIELDS:
        raise InvalidDecoderConfiguration(f"HEVC profile {profile} has slice headers of its own")
    bits.read(8 * (PROFILE_BYTES - 1))
    skip_sub_layers(bits, sub_layers)
    number = bits.golomb()
    chroma_format = bits.golomb()
    separate = chroma_format == 3 and bits.read(1) == 1
    width, height = bits.golomb(), bits.golomb()
    if bits.read(1):
        _skip_numbers(bits, 4)
    _skip_numbers(bits, 2)
    order_bits = _at_most(bits.golomb() + 4, 16, "log2_max_pic_order_cnt_lsb")
    _skip_numbers(bits, 3 * (sub_layers + 1 if bits.read(1) else 1))
    block_bits = bits.golomb() + 3 + bits.golomb()
    _at_most(block_bits, MOST_CODING_BLOCK_BITS, "the size of a coding tree block")
    _skip_numbers(bits, 4)
    if bits.read(1) and bits.read(1):
        _skip_scaling_lists(bits)
    bits.read(1)
    offset = bits.read(1) == 1
    if bits.read(1):  # pcm_enabled_flag
        bits.read(8)
        _skip_numbers(bits, 2)
        bits.read(1)
    sets = _reference_sets(bits)
    long_term, used = bits.read(1) == 1, []
    if long_term:
        for _ in range(_at_most(bits.golomb(), MOST_LONG_TERM, "the number of long-term pictures")):
            bits.read(order_bits)
            used.append(bits.read(1) == 1)
    temporal = bits.read(1) == 1
    blocks = -(-width >> block_bits) * -(-height >> block_bits)
    return number, _Sequence(
        separate_colour_planes=separate,
        has_chroma=chroma_format != 0 and not separate,
        order_bits=order_bits,
        address_bits=(blocks - 1).bit_length(),
        sample_offset=offset,
        reference_sets=sets,
        long_term=long_term,
        long_term_used=tuple(used),
        temporal_vectors=temporal,
    )


def _reference_sets(bits: BitReader) -> tuple[ReferenceSet, ...]:
    sets: list[ReferenceSet] = []
    count = _at_most(bits.golomb(), MOST_REFERENCE_SETS, "the number of reference picture sets")
    for _ in range(count):
        if sets and bits.read(1):
            sets.append(_predicted_set(bits, sets[-1]))
        else:
            sets.append(_told_set(bits))
    return tuple(sets)


def _predicted_set(bits: BitReader, before: ReferenceSet) -> ReferenceSet:
    """Read a set that is made of the one before it (§7.4.8)."""
    sign = bits.read(1)
    shift = (1 - 2 * sign) * (bits.golomb() + 1)
    made = []
    for base in (*(picture.delta for picture in before), 0):
        is_used = bits.read(1) == 1
        is_kept = is_used or bits.read(1) == 1
        if is_kept and base + shift:
            made.append(_Picture(base + shift, is_used))
    if len(made) > MOST_PICTURES:
        raise InvalidDecoderConfiguration(f"a reference picture set of {len(made)} pictures")
    return tuple(sorted(made, key=lambda picture: (picture.delta > 0, abs(picture.delta))))


def _told_set(bits: BitReader) -> ReferenceSet:
    before = _at_most(bits.golomb(), MOST_PICTURES, "the number of earlier pictures")
    after = _at_most(bits.golomb(), MOST_PICTURES, "the number of later pictures")
    made = []
    for sign, count in ((-1, before), (1, after)):
        delta = 0
        for _ in range(count):
            delta += sign * (bits.golomb() + 1)
            made.append(_Picture(delta, bits.read(1) == 1))
    return tuple(made)


def _picture(bits: BitReader, sequences: dict[int, _Sequence]) -> tuple[int, HevcSlice]:
    """Read a picture parameter set (§7.3.2.3) on top of the sequence's that it names."""
    number = bits.golomb()
    name = bits.golomb()
    sequence = sequences.get(name)
    if sequence is None:
        raise InvalidDecoderConfiguration(f"no sequence parameter set has number {name}")
    dependent, output_flag = bits.read(1) == 1, bits.read(1) == 1
    extra_bits = bits.read(3)
    bits.read(1)
    cabac_init = bits.read(1) == 1
    references_0, references_1 = bits.golomb() + 1, bits.golomb() + 1
    bits.golomb()
    bits.read(1)
    transform_skip = bits.read(1)
    if bits.read(1):
        bits.golomb()
    _skip_numbers(bits, 2)
    chroma_qp_offsets, weighted, weighted_bipred = (bits.read(1) == 1 for _ in range(3))
    bits.read(1)
    entry_points = _tiles(bits)
    filter_across = bits.read(1) == 1
    override, disabled = _deblocking(bits)
    if bits.read(1):
        _skip_scaling_lists(bits)
    list_modification = bits.read(1) == 1
    bits.golomb()
    header_extension = bits.read(1) == 1
    return number, HevcSlice(
        dependent_slices=dependent,
        output_flag=output_flag,
        extra_bits=extra_bits,
        address_bits=sequence.address_bits,
        separate_colour_planes=sequence.separate_colour_planes,
        has_chroma=sequence.has_chroma,
        order_bits=sequence.order_bits,
        set_deltas=tuple(len(each) for each in sequence.reference_sets),
        set_used=tuple(
            sum(picture.is_used for picture in each) for each in sequence.reference_sets
        ),
        long_term=sequence.long_term,
        long_term_used=sequence.long_term_used,
        temporal_vectors=sequence.temporal_vectors,
        sample_offset=sequence.sample_offset,
        references_0=_at_most(references_0, MOST_PICTURES, "the number of references"),
        references_1=_at_most(references_1, MOST_PICTURES, "the number of references"),
        list_modification=list_modification,
        cabac_init=cabac_init,
        weighted=weighted,
        weighted_bipred=weighted_bipred,
        chroma_qp_offsets=chroma_qp_offsets,
        chroma_qp_lists=_chroma_qp_lists(bits, transform_skip),
        deblocking_override=override,
        deblocking_disabled=disabled,
        filter_across=filter_across,
        entry_points=entry_points,
        header_extension=header_extension,
    )


def _tiles(bits: BitReader) -> bool:
    """Read how a picture is parted; say whether its slices list entry points."""
    tiles, wavefronts = bits.read(1), bits.read(1)
    if tiles:
        columns, rows = bits.golomb(), bits.golomb()
        if not bits.read(1):
            _skip_numbers(bits, columns + rows)
        bits.read(1)
    return bool(tiles or wavefronts)


def _deblocking(bits: BitReader) -> tuple[bool, bool]:
    """Say whether slices may overrule deblocking, and whether it is off."""
    if not bits.read(1):
        return False, False
    override, disabled = bits.read(1) == 1, bits.read(1) == 1
    if not disabled:
        _skip_numbers(bits, 2)
    return override, disabled


def _chroma_qp_lists(bits: BitReader, transform_skip: int) -> bool:
    """Read the range extension (§7.3.2.3.2), if there is one."""
    if not bits.read(1):
        return False
    of_range, *others = (bits.read(1) for _ in range(4))
    bits.read(4)
    if any(others):
        raise InvalidDecoderConfiguration("a picture parameter set has an extension for layers")
    if not of_range:
        return False
    if transform_skip:
        bits.golomb()
    bits.read(1)
    return bits.read(1) == 1


def _skip_scaling_lists(bits: BitReader) -> None:
    """Pass over scaling lists (§7.3.4)."""
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not bits.read(1):
                bits.golomb()
            else:
                _skip_numbers(bits, (size > 1) + min(64, 1 << 4 + 2 * size))


def _skip_numbers(bits: BitReader, count: int) -> None:
    for _ in range(count):
        bits.golomb()


def _at_most(value: int, limit: int, what: str) -> int:
    if value > limit:
        raise InvalidDecoderConfiguration(f"{what} is {value}, more than {limit}")
    return value
