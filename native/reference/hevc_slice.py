"""How long a slice segment header of HEVC is (ITU-T H.265 §7.3.6.1).

As with H.264, all its fields have to be read; its last byte is filled up (§7.3.2.12), and slice
data begins with the next one.
"""

from collections.abc import Mapping
from typing import Final

from native.reference.avc_slice import UnitReader
from native.values import HevcSlice

UNIT_HEADER_BYTES: Final = 2
B, P, I = 0, 1, 2  # noqa: E741 (their names in the standard)
FIRST_RESERVED: Final = 10
FIRST_RANDOM_ACCESS: Final = 16
LAST_SLICE: Final = 21
LAST_RANDOM_ACCESS: Final = 23
FIRST_PARAMETERS: Final = 32
"""All types before are of coded pictures (table 7-1)."""
ENHANCEMENT: Final = 63
"""The enhancement layer of Dolby Vision, a type that the standard leaves unspecified."""
IDR: Final = frozenset({19, 20})
MOST_REFERENCES: Final = 16
MOST_DELTAS: Final = 16
MOST_LONG_TERM: Final = 33
MOST_ENTRY_POINTS: Final = 440 * 135
MOST_EXTENSION: Final = 256


def is_hevc_slice(unit: memoryview) -> bool:
    """Whether a NAL unit is a slice segment of the base layer."""
    if len(unit) <= UNIT_HEADER_BYTES or unit[0] & 1 or unit[1] >> 3:
        return False
    kind = unit[0] >> 1 & 63
    return kind < FIRST_RESERVED or FIRST_RANDOM_ACCESS <= kind <= LAST_SLICE


def other_hevc_picture_bytes(unit: memoryview) -> int | None:
    """Give the bytes that lead a coded picture which is no slice of the base layer; else None."""
    kind = unit[0] >> 1 & 63
    if len(unit) <= UNIT_HEADER_BYTES or FIRST_PARAMETERS <= kind < ENHANCEMENT:
        return None
    return UNIT_HEADER_BYTES


def hevc_slice_header_bytes(unit: memoryview, slices: Mapping[int, HevcSlice]) -> int | None:
    """Give the bytes of a slice segment's NAL unit that hold its NAL unit header and its own.

    `slices` is by the numbers of picture parameter sets. None where the header cannot be read.
    """
    bits = UnitReader(unit, UNIT_HEADER_BYTES)
    try:
        _read(bits, unit[0] >> 1 & 63, slices)
    except (EOFError, KeyError):
        return None
    return bits.at


def _read(bits: UnitReader, unit_kind: int, slices: Mapping[int, HevcSlice]) -> None:
    is_first = bits.bit()
    if FIRST_RANDOM_ACCESS <= unit_kind <= LAST_RANDOM_ACCESS:
        bits.bit()
    known = slices[bits.golomb()]
    dependent = 0
    if not is_first:
        if known.dependent_slices:
            dependent = bits.bit()
        bits.number(known.address_bits)
    if not dependent:
        _read_independent(bits, known, unit_kind)
    _read_tail(bits, known)


def _read_independent(bits: UnitReader, known: HevcSlice, unit_kind: int) -> None:
    bits.number(known.extra_bits)
    kind = _at_most(bits.golomb(), I)
    if known.output_flag:
        bits.bit()
    if known.separate_colour_planes:
        bits.number(2)
    used, temporal = (0, 0) if unit_kind in IDR else _read_references(bits, known)
    offset = 0
    if known.sample_offset:
        offset = bits.bit()
        if known.has_chroma:
            offset |= bits.bit()
    if kind != I:
        _read_prediction(bits, known, kind, used, temporal)
    _read_filters(bits, known, offset)


def _read_references(bits: UnitReader, known: HevcSlice) -> tuple[int, int]:
    """Give how many other pictures this one uses, and whether it takes vectors from one."""
    bits.number(known.order_bits)
    if not bits.bit():
        used = _read_reference_set(bits, known)
    else:
        place = bits.number(_bits_for(len(known.set_used)))
        used = known.set_used[_at_most(place, len(known.set_used) - 1)]
    if known.long_term:
        used += _read_long_term(bits, known)
    return used, bits.bit() if known.temporal_vectors else 0


def _read_reference_set(bits: UnitReader, known: HevcSlice) -> int:
    """Read st_ref_pic_set (§7.3.7); give how many of it the picture uses."""
    sets = known.set_deltas
    used = 0
    if sets and bits.bit():
        back = _at_most(bits.golomb() + 1, len(sets))
        bits.bit()
        bits.golomb()
        for _ in range(sets[-back] + 1):
            if bits.bit():
                used += 1
            else:
                bits.bit()
        return used
    before, after = bits.golomb(), bits.golomb()
    for _ in range(_at_most(before, MOST_DELTAS) + _at_most(after, MOST_DELTAS)):
        bits.golomb()
        used += bits.bit()
    return used


def _read_long_term(bits: UnitReader, known: HevcSlice) -> int:
    listed = _at_most(bits.golomb(), MOST_LONG_TERM) if known.long_term_used else 0
    own = _at_most(bits.golomb(), MOST_LONG_TERM)
    used = 0
    for each in range(listed + own):
        if each < listed:
            place = bits.number(_bits_for(len(known.long_term_used)))
            used += place < len(known.long_term_used) and known.long_term_used[place]
        else:
            bits.number(known.order_bits)
            used += bits.bit()
        if bits.bit():
            bits.golomb()
    return used


def _read_prediction(
    bits: UnitReader, known: HevcSlice, kind: int, used: int, temporal: int
) -> None:
    references = _read_counts(bits, known, kind)
    if known.list_modification and used > 1:
        _read_modification(bits, references, used)
    if kind == B:
        bits.bit()
    if known.cabac_init:
        bits.bit()
    if temporal:
        from_first = bits.bit() if kind == B else 1
        if references[0 if from_first else 1] > 1:
            bits.golomb()
    if known.weighted if kind == P else known.weighted_bipred:
        bits.golomb()
        if known.has_chroma:
            bits.golomb()
        for count in references:
            _read_weights(bits, count, has_chroma=known.has_chroma)
    bits.golomb()


def _read_counts(bits: UnitReader, known: HevcSlice, kind: int) -> list[int]:
    """Give the number of references in each list."""
    references = [known.references_0, known.references_1][: 2 if kind == B else 1]
    if bits.bit():
        references = [bits.golomb() + 1 for _ in references]
    return [_at_most(count, MOST_REFERENCES) for count in references]


def _read_modification(bits: UnitReader, references: list[int], used: int) -> None:
    for count in references:
        if bits.bit():
            for _ in range(count):
                bits.number(_bits_for(used))


def _read_weights(bits: UnitReader, count: int, *, has_chroma: bool) -> None:
    """Read the weights of one list (§7.3.6.3): all flags of luma, then of chroma, then weights."""
    luma = [bits.bit() for _ in range(count)]
    chroma = [bits.bit() if has_chroma else 0 for _ in range(count)]
    for of_luma, of_chroma in zip(luma, chroma, strict=True):
        for _ in range(2 * of_luma + 4 * of_chroma):
            bits.golomb()


def _read_filters(bits: UnitReader, known: HevcSlice, offset: int) -> None:
    disabled = int(known.deblocking_disabled)
    bits.golomb()
    if known.chroma_qp_offsets:
        bits.golomb()
        bits.golomb()
    if known.chroma_qp_lists:
        bits.bit()
    if known.deblocking_override and bits.bit():
        disabled = bits.bit()
        if not disabled:
            bits.golomb()
            bits.golomb()
    if known.filter_across and (offset or not disabled):
        bits.bit()


def _read_tail(bits: UnitReader, known: HevcSlice) -> None:
    if known.entry_points:
        count = bits.golomb()
        if count:
            length = _at_most(bits.golomb() + 1, 32)
            for _ in range(_at_most(count, MOST_ENTRY_POINTS)):
                bits.number(length)
    if known.header_extension:
        for _ in range(_at_most(bits.golomb(), MOST_EXTENSION)):
            bits.number(8)
    bits.bit()


def _bits_for(count: int) -> int:
    """Give the bits of a number below `count`."""
    return (count - 1).bit_length() if count else 0


def _at_most(value: int, limit: int) -> int:
    if value > limit:
        raise EOFError(f"{value} where at most {limit} makes sense")
    return value
