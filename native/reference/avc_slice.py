"""How long a slice header of H.264 is (ITU-T H.264 §7.3.3).

Common Encryption leaves slice headers readable, and they have no length of their own: all their
fields have to be read. What decides which fields there are stands in the parameter sets.
"""

from collections.abc import Mapping
from enum import IntEnum

from native.values import AvcSlice

SLICE = 1
SLICE_IDR = 5
PARTITIONS_AND_AUXILIARY = frozenset({2, 3, 4, 19})
EXTENSIONS = frozenset({20, 21})
"""Slices of further views and layers, whose NAL unit header is longer (§7.3.1)."""
EXTENSION_HEADER_BYTES = 4
MOST_REFERENCES = 32
MOST_COMMANDS = 256
"""Of reordering or marking; no sound header has nearly as many."""


class SliceType(IntEnum):
    """`slice_type` modulo 5 (table 7-6)."""

    P = 0
    B = 1
    I = 2  # noqa: E741 (its name in the standard)
    SP = 3
    SI = 4


class UnitReader:
    """Reads the bits of a NAL unit from byte `start` on, without emulation prevention (§7.4.1).

    Past the end it raises `EOFError`. `at` is the byte of the unit that is read next.
    """

    def __init__(self, unit: memoryview, start: int = 1) -> None:
        self._unit = unit
        self._zeros = 0
        self._byte = 0
        self._left = 0
        self.at = start

    def bit(self) -> int:
        """Read one bit."""
        if self._left == 0:
            self._next_byte()
        self._left -= 1
        return self._byte >> self._left & 1

    def number(self, count: int) -> int:
        """Read u(n)."""
        value = 0
        for _ in range(count):
            value = value << 1 | self.bit()
        return value

    def golomb(self) -> int:
        """Read ue(v) (§9.1), or se(v) where only its length counts."""
        zeros = 0
        while self.bit() == 0:
            zeros += 1
            if zeros > 31:
                raise EOFError("a number of more than 32 bits")
        return (1 << zeros) - 1 + self.number(zeros)

    def _next_byte(self) -> None:
        unit = self._unit
        if self.at < len(unit) and self._zeros >= 2 and unit[self.at] == 3:
            self.at += 1
            self._zeros = 0
        if self.at >= len(unit):
            raise EOFError("the unit ends")
        self._byte = unit[self.at]
        self._zeros = self._zeros + 1 if self._byte == 0 else 0
        self.at += 1
        self._left = 8


def other_avc_picture_bytes(unit: memoryview) -> int | None:
    """Give the bytes that lead a coded picture whose slices are not read here; else None."""
    kind = unit[0] & 31
    if kind in EXTENSIONS:
        return EXTENSION_HEADER_BYTES if len(unit) > EXTENSION_HEADER_BYTES else None
    return 1 if kind in PARTITIONS_AND_AUXILIARY and len(unit) > 1 else None


def slice_header_bytes(unit: memoryview, slices: Mapping[int, AvcSlice]) -> int | None:
    """Give the bytes of a slice's NAL unit that hold its NAL unit header and slice header.

    `slices` is by the numbers of picture parameter sets. None where the header cannot be read.
    """
    reader = UnitReader(unit)
    try:
        return reader.at if _read(reader, unit[0], slices) else None
    except EOFError:
        return None


def _read(reader: UnitReader, first: int, slices: Mapping[int, AvcSlice]) -> bool:
    is_idr = first & 31 == SLICE_IDR
    reader.golomb()  # first_mb_in_slice
    kind = SliceType(reader.golomb() % 5)
    known = slices.get(reader.golomb())
    if known is None:
        return False
    _read_picture(reader, known, is_idr)
    if not _read_prediction(reader, known, kind):
        return False
    if first >> 5 & 3:
        _read_marking(reader, is_idr)
    if known.arithmetic and kind not in {SliceType.I, SliceType.SI}:
        reader.golomb()  # cabac_init_idc
    reader.golomb()  # slice_qp_delta
    if kind is SliceType.SP:
        reader.bit()
    if kind in {SliceType.SP, SliceType.SI}:
        reader.golomb()
    if known.deblocking and reader.golomb() != 1:
        reader.golomb()
        reader.golomb()
    reader.number(known.slice_group_bits)
    return True


def _read_picture(reader: UnitReader, known: AvcSlice, is_idr: bool) -> None:
    """Read which picture it is, and its place in the order of output."""
    if known.separate_colour_planes:
        reader.number(2)
    reader.number(known.frame_number_bits)
    field = not known.frames_only and reader.bit() == 1
    if field:
        reader.bit()
    if is_idr:
        reader.golomb()
    if known.order_type == 0:
        reader.number(known.order_bits)
    if known.order_type == 1 and not known.delta_is_zero:
        reader.golomb()
    says_delta = known.order_type == 0 or (known.order_type == 1 and not known.delta_is_zero)
    if says_delta and known.bottom_field_order and not field:
        reader.golomb()
    if known.redundant_pictures:
        reader.golomb()


def _read_prediction(reader: UnitReader, known: AvcSlice, kind: SliceType) -> bool:
    """Read what it is predicted from, and how; False where that makes no sense."""
    references_0, references_1 = known.references_0, known.references_1
    if kind is SliceType.B:
        reader.bit()  # direct_spatial_mv_pred_flag
    if kind in {SliceType.P, SliceType.SP, SliceType.B} and reader.bit():
        references_0 = reader.golomb() + 1
        if kind is SliceType.B:
            references_1 = reader.golomb() + 1
    if max(references_0, references_1) > MOST_REFERENCES:
        return False
    if kind not in {SliceType.I, SliceType.SI}:
        _read_reordering(reader)
    if kind is SliceType.B:
        _read_reordering(reader)
    is_predicted = kind in {SliceType.P, SliceType.SP}
    if (known.weighted and is_predicted) or (known.weighted_bipred == 1 and kind is SliceType.B):
        reader.golomb()
        if known.has_chroma:
            reader.golomb()
        _read_weights(reader, references_0, known.has_chroma)
        if kind is SliceType.B:
            _read_weights(reader, references_1, known.has_chroma)
    return True


def _read_reordering(reader: UnitReader) -> None:
    """Read ref_pic_list_modification for one list (§7.3.3.1)."""
    if not reader.bit():
        return
    for _ in range(MOST_COMMANDS):
        if reader.golomb() == 3:
            return
        reader.golomb()
    raise EOFError("reordering without an end")


def _read_weights(reader: UnitReader, count: int, has_chroma: bool) -> None:
    """Read the weights of one list (§7.3.3.2)."""
    for _ in range(count):
        if reader.bit():
            reader.golomb()
            reader.golomb()
        if has_chroma and reader.bit():
            for _ in range(4):
                reader.golomb()


def _read_marking(reader: UnitReader, is_idr: bool) -> None:
    """Read dec_ref_pic_marking (§7.3.3.3)."""
    if is_idr:
        reader.number(2)
        return
    if not reader.bit():
        return
    for _ in range(MOST_COMMANDS):
        command = reader.golomb()
        if command == 0:
            return
        if command in {1, 2, 3, 4, 6}:
            reader.golomb()
        if command == 3:
            reader.golomb()
    raise EOFError("marking without an end")
