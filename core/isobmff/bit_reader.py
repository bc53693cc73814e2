"""Bits of a short byte string, most significant first, as decoder configurations use them."""

LONGEST_GOLOMB_BITS = 32


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

    def golomb(self) -> int:
        """Read an unsigned Exp-Golomb number, `ue(v)` (ISO/IEC 14496-10 §9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > LONGEST_GOLOMB_BITS:
                raise EOFError("an Exp-Golomb number has no end")
        return (1 << zeros | self.read(zeros)) - 1

    def signed_golomb(self) -> int:
        """Read a signed one, `se(v)` (§9.1.1)."""
        code = self.golomb()
        return (code + 1) // 2 if code & 1 else -(code // 2)
