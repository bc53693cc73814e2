"""Into how many tiles a frame of AV1 is cut (AV1 §5.9.15)."""

from typing import Final, NamedTuple

from native.reference.vp9_frame import FrameReader

MOST_ACROSS: Final = 64
"""MAX_TILE_COLS, which MAX_TILE_ROWS is as well."""
WIDEST: Final = 4096
LARGEST: Final = 4096 * 2304


class Tiles(NamedTuple):
    """The tiles of a frame: how many, the bits of their numbers, and the bytes of their sizes."""

    total: int
    number_bits: int
    size_bytes: int


def read_tiles(bits: FrameReader, width: int, height: int, *, large: bool) -> Tiles:
    """Read tile_info of a frame of that size, in large superblocks of 128 samples or small of 64.

    Raises `EOFError` for more tiles than there may be.
    """
    shift = 7 if large else 6
    across, down = _superblocks(width, shift), _superblocks(height, shift)
    widest = WIDEST >> shift
    least_across = _log2(widest, across)
    least = max(least_across, _log2(LARGEST >> 2 * shift, across * down))
    if bits.take(1):
        columns_log2 = _read_log2(bits, least_across, min(across, MOST_ACROSS))
        rows_log2 = _read_log2(bits, max(least - columns_log2, 0), min(down, MOST_ACROSS))
        columns = _even_parts(across, columns_log2)
        rows = _even_parts(down, rows_log2)
    else:
        columns, widest_told = _read_parts(bits, across, widest)
        area = across * down >> (least + 1 if least else 0)
        rows, _ = _read_parts(bits, down, max(area // widest_told, 1))
        columns_log2, rows_log2 = _log2(1, columns), _log2(1, rows)
    number_bits = columns_log2 + rows_log2
    bits.take(number_bits)  # context_update_tile_id
    return Tiles(columns * rows, number_bits, bits.take(2) + 1 if number_bits else 0)


def _superblocks(length: int, shift: int) -> int:
    """Give the superblocks of so many samples, which are counted in pairs of blocks of four."""
    return (length + 7 >> 3 << 3) + (1 << shift) - 1 >> shift


def _log2(part: int, target: int) -> int:
    """Give tile_log2 (§5.9.16)."""
    bits = 0
    while part << bits < target:
        bits += 1
    return bits


def _read_log2(bits: FrameReader, least: int, most_parts: int) -> int:
    most = _log2(1, most_parts)
    while least < most and bits.take(1):
        least += 1
    return least


def _even_parts(length: int, parts_log2: int) -> int:
    part = length + (1 << parts_log2) - 1 >> parts_log2
    return -(-length // part)


def _read_parts(bits: FrameReader, length: int, most: int) -> tuple[int, int]:
    """Read how long each part is; give how many there are, and the longest."""
    count = longest = 0
    while length > 0:
        if count == MOST_ACROSS:
            raise EOFError("no picture has that many tiles")
        part = bits.take_below(min(length, most)) + 1
        longest = max(longest, part)
        length -= part
        count += 1
    return count, longest
