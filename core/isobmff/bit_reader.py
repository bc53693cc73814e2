"""Bits of a short byte string, most significant first, as decoder configurations use them."""


class BitReader:
    """Read numbers of a few bits; past the end it raises `EOFError`."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = 8 * len(data)

    @property
    def left(self) -> int:
        """How many bits are not read yet."""
        return self._left

    def read(self, bits: int) -> int:
        """Give the next `bits` bits as an unsigned number."""
        if bits > self._left:
            raise EOFError(f"{bits} bits asked, {self._left} left")
        self._left -= bits
        return self._value >> self._left & (1 << bits) - 1
