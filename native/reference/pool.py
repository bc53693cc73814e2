"""What lends buffers to those who make bodies; in clear Python a body is bytes, and needs none."""

from typing import final


@final
class BodyPool:
    """Lends nothing: see `native/_pool.pyx`."""

    def __init__(self, idle_bytes: int) -> None:
        self._idle_bytes = idle_bytes

    @property
    def lent_bytes(self) -> int:
        """How much memory bodies have that somebody still reads."""
        return 0
