"""An encrypted fragment that is read piece by piece; in clear Python all of it is made at once."""

from typing import final


@final
class SealedFragment:
    """See `native/_sealed.pyx`."""

    def __init__(self, made: bytes) -> None:
        self._made = made

    def __len__(self) -> int:
        return len(self._made)

    @property
    def held_bytes(self) -> int:
        """How much memory it takes."""
        return len(self._made)

    def read(self, descriptor: int, start: int, stop: int) -> bytes:  # noqa: ARG002
        """Give encrypted bytes; what the compiled twin reads from its file is here already."""
        if not 0 <= start <= stop <= len(self._made):
            raise IndexError(f"bytes {start} to {stop} of {len(self._made)}")
        return self._made[start:stop]
