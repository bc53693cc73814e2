"""Which bytes of a sample are encrypted: see `native/reference/protection.py` for the clauses."""

from collections.abc import Iterator, Mapping

from native.reference.av1_references import LostReference
from native.reference.av1_units import Av1Samples, BrokenFrames
from native.reference.avc_slice import (
    SLICE,
    SLICE_IDR,
    other_avc_picture_bytes,
    slice_header_bytes,
)
from native.reference.hevc_slice import (
    hevc_slice_header_bytes,
    is_hevc_slice,
    other_hevc_picture_bytes,
)
from native.reference.vp9_frame import vp9_frames, vp9_header_bytes
from native.values import (
    Av1Division,
    AvcDivision,
    AvcSlice,
    Division,
    HevcDivision,
    HevcSlice,
    Vp9Division,
)

BLOCK = 16
LARGEST_CLEAR = 0xFFFF
MOST_INFORMATION = 255
MOST_STRIDE = 128
AVC_SETS = 256
HEVC_SETS = 64
PADDED_PIECES = 8
REFERENCE_SETS = 64
LONG_TERM = 33
LARGEST_FIELD = 32
LARGEST_SIDE = 1 << 16
LARGEST_ORDER_BITS = 8
OPERATING_POINTS = 32
LAYERS = 1 << 12
CHOICES = 3
MOST_REFERENCES = 255

Piece = tuple[int, int]
"""A subsample: so many clear bytes, then so many encrypted ones."""

Unit = tuple[int, int | None]
"""Of a sample: its bytes, and how many of them lead what may be hidden; None where nothing may."""


def check_division(division: Division | None) -> None:
    """Raise `ValueError` for numbers that no parameter set can have."""
    match division:
        case AvcDivision(slices, length_size):
            _check_length_size(length_size)
            _check_numbers(slices, AVC_SETS)
            for avc in slices.values():
                _check_bits(avc.frame_number_bits, avc.order_bits, avc.slice_group_bits)
        case HevcDivision(slices, length_size):
            _check_length_size(length_size)
            _check_numbers(slices, HEVC_SETS)
            for hevc in slices.values():
                _check_bits(hevc.extra_bits, hevc.address_bits, hevc.order_bits)
                _check_sets(hevc)
        case Av1Division():
            _check_av1(division)
        case Vp9Division() | None:
            pass


def _check_av1(known: Av1Division) -> None:
    _check_bits(
        known.presentation_bits, known.removal_bits, known.width_bits, known.height_bits,
        known.frame_id_bits, known.delta_id_bits,
    )  # fmt: skip
    if not 0 <= known.order_bits <= LARGEST_ORDER_BITS:
        raise ValueError(f"a field of {known.order_bits} bits")
    if max(known.width_bits, known.height_bits) > LARGEST_SIDE.bit_length() - 1:
        raise ValueError("sides of pictures have at most 16 bits")
    for side in (known.width, known.height):
        if not 0 < side <= LARGEST_SIDE:
            raise ValueError(f"no side of a picture has {side} samples")
    if len(known.removal_points) > OPERATING_POINTS:
        raise ValueError(f"{len(known.removal_points)} operating points")
    if any(not 0 <= layers < LAYERS for layers in known.removal_points):
        raise ValueError("an operating point has layers that there are not")
    for choice in (known.screen_content_tools, known.integer_vectors):
        if not 0 <= choice < CHOICES:
            raise ValueError(f"a choice of {choice}")


def _check_length_size(length_size: int) -> None:
    if not 1 <= length_size <= 4:
        raise ValueError(f"a length field has 1 to 4 bytes, not {length_size}")


def _check_numbers(slices: Mapping[int, AvcSlice] | Mapping[int, HevcSlice], limit: int) -> None:
    for number in slices:
        if not 0 <= number < limit:
            raise ValueError(f"no picture parameter set has number {number}")


def _check_bits(*fields: int) -> None:
    for bits in fields:
        if not 0 <= bits <= LARGEST_FIELD:
            raise ValueError(f"a field of {bits} bits")


def _check_sets(known: HevcSlice) -> None:
    sets, long_terms = len(known.set_deltas), len(known.long_term_used)
    if sets > REFERENCE_SETS or len(known.set_used) != sets or long_terms > LONG_TERM:
        raise ValueError(f"{sets} reference picture sets and {long_terms} long-term pictures")
    if any(not 0 <= count <= MOST_REFERENCES for count in (*known.set_deltas, *known.set_used)):
        raise ValueError("a reference picture set has more pictures than there can be")


def most_pieces(*, pattern: bool) -> int:
    """Give how many pieces the entry of a sample has room for."""
    return (MOST_INFORMATION - 2 - (0 if pattern else 8)) // 6


class Divider:
    """Divides samples in their order, from one on that depends on none before it."""

    def __init__(self, division: Division, *, pattern: bool, padded: bool) -> None:
        self._division = division
        self._pattern = pattern
        self._padded = padded
        self._av1 = Av1Samples(division) if isinstance(division, Av1Division) else None

    def divide(self, sample: memoryview, number: int) -> list[Piece]:
        """Divide a sample; where its pieces are too many, hide only every other slice, or less.

        Where padded it is refused instead: a slice that a track in one file showed would give away
        the keystream that hides it, and others, in the segments. Raises `ValueError` where it
        cannot be read, `number` being its own in the fragment.
        """
        if self._av1 is not None:
            units = _av1_parts(self._av1, sample, number)
        else:
            units = list(_units(sample, self._division, number))
        least = 1 if self._av1 is not None and self._pattern else BLOCK
        most = PADDED_PIECES if self._padded else most_pieces(pattern=self._pattern)
        # Once only the first slice is hidden, hiding still less changes nothing.
        slices = sum(head is not None for _, head in units)
        strides = 1 if self._padded else min(MOST_STRIDE - 1, max(slices, 1))
        for stride in range(1, strides + 1):
            pieces = list(_pieces(units, stride, pattern=self._pattern, least=least))
            if len(pieces) <= most:
                return pieces
        raise ValueError(f"sample {number} of the fragment has too much that must stay clear")


def _pieces(units: list[Unit], stride: int, *, pattern: bool, least: int) -> Iterator[Piece]:
    clear = slices = 0
    for size, head in units:
        hidden = 0
        if head is not None:
            if slices % stride == 0:
                hidden = _hidden(size - head, pattern=pattern, least=least)
            slices += 1
        clear += size - hidden
        if hidden:
            yield from _split(clear, hidden)
            clear = 0
    if clear:
        yield from _split(clear, 0)


def _hidden(length: int, *, pattern: bool, least: int) -> int:
    """Give how many bytes of a slice are said to be encrypted.

    Under `cbcs` each tile of AV1 has a subsample, though it have no whole block (AV1 in ISOBMFF
    §4.1), and each slice of other codecs that has one.
    """
    if pattern:
        return length if length >= least else 0
    return length - length % BLOCK


def _split(clear: int, hidden: int) -> Iterator[Piece]:
    """Give a piece whose clear bytes may need entries of their own."""
    while clear > LARGEST_CLEAR:
        yield LARGEST_CLEAR, 0
        clear -= LARGEST_CLEAR
    yield clear, hidden


def _av1_parts(samples: Av1Samples, sample: memoryview, number: int) -> list[Unit]:
    try:
        return list(samples.parts(sample))
    except BrokenFrames:
        raise ValueError(f"sample {number} of the fragment is not made of whole frames") from None
    except EOFError:
        raise ValueError(
            f"sample {number} of the fragment has a frame header that makes no sense"
        ) from None
    except LostReference:
        raise ValueError(
            f"sample {number} of the fragment depends on pictures before the fragment"
        ) from None


def _units(sample: memoryview, division: Division, number: int) -> Iterator[Unit]:
    if isinstance(division, Vp9Division):
        yield from _frames(sample, division, number)
        return
    assert not isinstance(division, Av1Division)
    length_size = division.length_size
    for unit in _nal_units(sample, length_size, number):
        is_slice, head = _head(unit, division)
        if is_slice and head is None:
            raise ValueError(
                f"sample {number} of the fragment has a slice header that makes no sense"
            )
        yield length_size + len(unit), None if head is None else length_size + head


def _head(unit: memoryview, division: AvcDivision | HevcDivision) -> tuple[bool, int | None]:
    """Say whether a NAL unit is a slice whose header has to be read, and what leads its data."""
    if isinstance(division, HevcDivision):
        if is_hevc_slice(unit):
            return True, hevc_slice_header_bytes(unit, division.slices)
        return False, other_hevc_picture_bytes(unit)
    if unit[0] & 31 in {SLICE, SLICE_IDR}:
        return True, slice_header_bytes(unit, division.slices)
    return False, other_avc_picture_bytes(unit)


def _nal_units(sample: memoryview, length_size: int, number: int) -> Iterator[memoryview]:
    at = 0
    while at < len(sample):
        length = int.from_bytes(sample[at : at + length_size])
        room = len(sample) - at - length_size
        if not 0 < length <= room:
            raise ValueError(f"sample {number} of the fragment is not made of whole NAL units")
        yield sample[at + length_size : at + length_size + length]
        at += length_size + length


def _frames(sample: memoryview, division: Vp9Division, number: int) -> Iterator[Unit]:
    frames = vp9_frames(sample)
    if frames is None:
        raise ValueError(f"sample {number} of the fragment is not made of whole frames")
    for frame in frames:
        if not frame:
            continue
        head = vp9_header_bytes(frame, division.width)
        if head is None:
            raise ValueError(
                f"sample {number} of the fragment has a frame header that makes no sense"
            )
        yield len(frame), head
    rest = len(sample) - sum(map(len, frames))
    if rest:
        yield rest, None
