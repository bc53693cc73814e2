"""The frames of a VP9 sample, and how long their uncompressed headers are (VP9 §6.2, annex B)."""

from typing import Final

SYNC_CODE: Final = 0x498342
RGB: Final = 7
LEAST_TILE: Final = 4
MOST_TILE: Final = 64
"""Least and most width of a tile, in superblocks of 64 samples."""


class FrameReader:
    """Reads the bits of a frame; past the end it raises `EOFError`."""

    def __init__(self, frame: memoryview) -> None:
        self._frame = frame
        self.at = 0

    def take(self, count: int) -> int:
        """Read f(n)."""
        value = 0
        for _ in range(count):
            if self.at >= 8 * len(self._frame):
                raise EOFError("the frame ends")
            value = value << 1 | self._frame[self.at >> 3] >> 7 - (self.at & 7) & 1
            self.at += 1
        return value

    def take_below(self, limit: int) -> int:
        """Read ns(n) of AV1 (§4.10.7), a number below a limit that is no power of two."""
        width = limit.bit_length()
        short = (1 << width) - limit
        value = self.take(width - 1)
        return value if value < short else (value << 1) - short + self.take(1)


def vp9_frames(sample: memoryview) -> list[memoryview] | None:
    """Give the frames of a sample, more than one of a superframe; None where their lengths lie."""
    if not sample:
        return []
    marker = sample[-1]
    count, digits = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index = 2 + digits * count
    if marker & 0xE0 != 0xC0 or index > len(sample) or sample[-index] != marker:
        return [sample]
    frames, at, told = [], 0, len(sample) - index + 1
    for _ in range(count):
        length = int.from_bytes(sample[told : told + digits], "little")
        frames.append(sample[at : at + length])
        at += length
        told += digits
    return frames if at + index <= len(sample) else None


def vp9_header_bytes(frame: memoryview, width: int) -> int | None:
    """Give the bytes of a frame's uncompressed header; all of a frame that only shows another.

    `width` is that of pictures that do not say it, because they are as wide as another; where
    another has been scaled, the header may come out a byte too short or too long. None where the
    header cannot be read.
    """
    bits = FrameReader(frame)
    try:
        return _read(bits, len(frame), width)
    except EOFError:
        return None


def _read(bits: FrameReader, length: int, width: int) -> int | None:
    if bits.take(2) != 2:
        return None
    profile = bits.take(1) | bits.take(1) << 1
    if profile == 3:
        bits.take(1)
    if bits.take(1):
        return length
    is_inter, shown, resilient = bits.take(1), bits.take(1), bits.take(1)
    alone = bits.take(1) if is_inter and not shown else 0
    if is_inter and not resilient:
        bits.take(2)
    if is_inter and not alone:
        width = _read_inter(bits, width)
    else:
        width = _read_alone(bits, profile, is_inter)
    if not resilient:
        bits.take(2)
    bits.take(2)
    _read_filter(bits)
    _read_segmentation(bits)
    _read_tiles(bits, width)
    bits.take(16)
    return -(-bits.at // 8)


def _read_alone(bits: FrameReader, profile: int, is_inter: int) -> int:
    """Read what a picture says that predicts from no other; give its width."""
    if bits.take(24) != SYNC_CODE:
        raise EOFError("no picture goes on like this")
    if not is_inter or profile:
        _read_colour(bits, profile)
    if is_inter:
        bits.take(8)
    width = _read_size(bits)
    _read_render_size(bits)
    return width


def _read_colour(bits: FrameReader, profile: int) -> None:
    if profile >= 2:
        bits.take(1)
    if bits.take(3) != RGB:
        bits.take(1)
        if profile & 1:
            bits.take(3)
    elif profile & 1:
        bits.take(1)


def _read_size(bits: FrameReader) -> int:
    width = bits.take(16) + 1
    bits.take(16)
    return width


def _read_render_size(bits: FrameReader) -> None:
    if bits.take(1):
        bits.take(32)


def _read_inter(bits: FrameReader, width: int) -> int:
    bits.take(8 + 3 * 4)
    if not any(bits.take(1) for _ in range(3)):
        width = _read_size(bits)
    _read_render_size(bits)
    bits.take(1)
    if not bits.take(1):
        bits.take(2)
    return width


def _read_filter(bits: FrameReader) -> None:
    """Read loop_filter_params and quantization_params."""
    bits.take(9)
    if bits.take(1) and bits.take(1):
        for _ in range(6):
            if bits.take(1):
                bits.take(7)
    bits.take(8)
    for _ in range(3):
        if bits.take(1):
            bits.take(5)


def _read_segmentation(bits: FrameReader) -> None:
    if not bits.take(1):
        return
    if bits.take(1):
        _read_probabilities(bits, 7)
        if bits.take(1):
            _read_probabilities(bits, 3)
    if bits.take(1):
        bits.take(1)
        for _ in range(8):
            for feature_bits in (9, 7, 2, 0):  # a value and, of the first two, its sign
                if bits.take(1):
                    bits.take(feature_bits)


def _read_probabilities(bits: FrameReader, count: int) -> None:
    for _ in range(count):
        if bits.take(1):
            bits.take(8)


def _read_tiles(bits: FrameReader, width: int) -> None:
    blocks = -(-width // 64)
    least, most = 0, 1
    while MOST_TILE << least < blocks:
        least += 1
    while blocks >> most >= LEAST_TILE:
        most += 1
    while least < most - 1 and bits.take(1):
        least += 1
    if bits.take(1):
        bits.take(1)
