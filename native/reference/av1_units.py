"""The tiles of AV1 samples: which bytes are hidden (AV1 §5.3, §5.11; AV1 in ISOBMFF §4.1).

What stays readable is every OBU but those with tiles, and of these the header of the OBU, of the
frame and of the tile group, and the sizes of the tiles. A tile list is refused: it has picture data
outside of any frame, and samples may have none (AV1 in ISOBMFF §1).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from native.reference.av1_frame import FrameHeader, read_frame_header
from native.reference.av1_references import NOTHING
from native.reference.vp9_frame import FrameReader
from native.values import Av1Division

if TYPE_CHECKING:
    from native.reference.av1_tiles import Tiles

FRAME_HEADER, TILE_GROUP, FRAME, REDUNDANT_HEADER, TILE_LIST = 3, 4, 6, 7, 8
FORBIDDEN, EXTENDED, SIZED = 0x80, 4, 2
MOST_SIZE_BYTES: Final = 8
LONGEST_HEADER: Final = 1024
"""More than the longest frame header has, as each of its lists is bounded."""

Part = tuple[int, int | None]
"""Bytes of a sample, and 0 where they are a tile, None where they stay readable."""


class BrokenFrames(Exception):
    """A sample is not made of whole OBUs, or not of whole frames."""


class _Obu(NamedTuple):
    """An OBU: its type, the layers of its extension, the bytes of its header, and its payload."""

    kind: int
    layers: int
    head: int
    payload: memoryview


class Av1Samples:
    """Goes through samples in their order, and keeps what later headers depend on."""

    def __init__(self, known: Av1Division) -> None:
        self._known = known
        self._slots = NOTHING
        self._tiles: Tiles | None = None
        self._next = 0

    def parts(self, sample: memoryview) -> Iterator[Part]:
        """Give the parts of the next sample.

        Raises `BrokenFrames`, `EOFError` for a header that makes no sense, and `LostReference` for
        one that depends on pictures before the first sample.
        """
        for obu in _obus(sample):
            yield obu.head, None
            if obu.kind in {FRAME, FRAME_HEADER}:
                yield from self._frame(obu)
            elif obu.kind == TILE_GROUP:
                yield from self._group(obu.payload)
            elif obu.kind == TILE_LIST or (obu.kind == REDUNDANT_HEADER and self._tiles is None):
                raise EOFError("it stands for a frame that there is not")
            else:
                yield len(obu.payload), None
        if self._tiles is not None:
            raise BrokenFrames

    def _frame(self, obu: _Obu) -> Iterator[Part]:
        """Read a header, and the tiles behind it where they are in the same OBU (§5.9.1, §5.10)."""
        whole = obu.kind == FRAME
        if self._tiles is not None:
            if whole:
                raise BrokenFrames
            yield len(obu.payload), None  # frame_header_copy
            return
        data = obu.payload[:LONGEST_HEADER]
        header = read_frame_header(data, self._known, self._slots, obu.layers)
        length = _padded(data, header, whole=whole)
        self._slots, self._tiles, self._next = header.slots, header.tiles, 0
        if whole:
            yield length, None
            yield from self._group(obu.payload[length:])
        else:
            yield len(obu.payload), None

    def _group(self, payload: memoryview) -> Iterator[Part]:
        """Read tile_group_obu (§5.11.1)."""
        tiles = self._tiles
        if tiles is None:
            raise BrokenFrames
        head, first, last = 0, 0, tiles.total - 1
        if tiles.total > 1:
            bits = FrameReader(payload)
            if bits.take(1):
                first, last = bits.take(tiles.number_bits), bits.take(tiles.number_bits)
            head = -(-bits.at // 8)
        if first != self._next or not first <= last < tiles.total:
            raise BrokenFrames
        yield head, None
        left = payload[head:]
        for _ in range(first, last):
            told = left[: tiles.size_bytes]
            size = int.from_bytes(told, "little") + 1
            left = left[tiles.size_bytes :]
            if len(told) < tiles.size_bytes or size >= len(left):
                raise BrokenFrames
            yield tiles.size_bytes, None
            yield size, 0
            left = left[size:]
        if not left:
            raise BrokenFrames
        yield len(left), 0
        self._next = last + 1
        if self._next == tiles.total:
            self._tiles = None


def _padded(data: memoryview, header: FrameHeader, *, whole: bool) -> int:
    """Give the bytes of a header with the bits that end it, which show that it was read rightly.

    Before tiles there are zeros (byte_alignment, §5.3.5), elsewhere a one first (§5.3.4). Raises
    `EOFError` where it is otherwise.
    """
    bits = FrameReader(data)
    bits.at = header.bits
    if whole and header.tiles is None:
        raise EOFError("a frame that only shows another one has no tiles")
    if not whole and not bits.take(1):
        raise EOFError("no header goes on like this")
    if bits.take(-bits.at % 8):
        raise EOFError("no header ends like this")
    return bits.at // 8


def _obus(sample: memoryview) -> Iterator[_Obu]:
    """Give the OBUs of a sample (§5.3.2); the last one may go without a size."""
    at = 0
    while at < len(sample):
        head, layers = sample[at], 0
        body = at + 1
        if head & EXTENDED:
            if body == len(sample):
                raise BrokenFrames
            layers = sample[body]
            body += 1
        size = len(sample) - body
        if head & SIZED:
            size, body = _leb128(sample, body)
        if head & FORBIDDEN or size > len(sample) - body:
            raise BrokenFrames
        yield _Obu(head >> 3 & 15, layers, body - at, sample[body : body + size])
        at = body + size


def _leb128(data: memoryview, at: int) -> tuple[int, int]:
    """Give a number (§4.10.5), and where it ends; raises `BrokenFrames`."""
    value = 0
    for place, byte in enumerate(data[at : at + MOST_SIZE_BYTES]):
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, at + place + 1
    raise BrokenFrames
