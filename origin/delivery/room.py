"""Room in memory for what is made as a whole: taken before it is made, given back when it is gone.

Whoever would go beyond the limit waits, in turn, for others to end. What was made and is being sent
counts as well; of that nobody tells when it ends, so who waits looks now and then.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import ClassVar, Final

from core.errors import UpstreamFault

LONGEST_WAIT_S: Final = 10.0
LOOK_AGAIN_S: Final = 0.01


class NoRoom(UpstreamFault):
    """Too much is being made at the same time."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "origin.busy"
    retry_after_s = 1


def _nothing() -> int:
    return 0


class Room:
    """At most `limit_bytes` at a time; what is larger than that alone waits until it is alone.

    `lent_bytes` says how much of it is taken by what was made and is not gone.
    """

    def __init__(
        self,
        limit_bytes: int,
        *,
        lent_bytes: Callable[[], int] = _nothing,
        longest_wait_s: float = LONGEST_WAIT_S,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._lent_bytes = lent_bytes
        self._longest_wait_s = longest_wait_s
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._taken_bytes = 0

    @property
    def used_bytes(self) -> int:
        """How much is taken at the moment."""
        return self._taken_bytes + self._lent_bytes()

    async def take(self, size_bytes: int) -> None:
        """Take room. Raises `NoRoom` where there is none for too long."""
        if not self._waiting and self._fits(size_bytes):
            self._taken_bytes += size_bytes
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size_bytes, turn))
        try:
            async with asyncio.timeout(self._longest_wait_s):
                while not turn.done():
                    await asyncio.wait((turn,), timeout=LOOK_AGAIN_S)
                    self._let_in()
        except BaseException as error:
            if turn.done():
                self.give_back(size_bytes)  # it came together with the end of our patience
            elif (size_bytes, turn) in self._waiting:
                self._waiting.remove((size_bytes, turn))
                self._let_in()
            if isinstance(error, TimeoutError):
                raise NoRoom(f"no room for {size_bytes} bytes; try again in a moment") from error
            raise

    def give_back(self, size_bytes: int) -> None:
        """Give room back; to be called on the loop's thread."""
        self._taken_bytes -= size_bytes
        self._let_in()

    def _fits(self, size_bytes: int) -> bool:
        used_bytes = self.used_bytes
        return used_bytes == 0 or used_bytes + size_bytes <= self._limit_bytes

    def _let_in(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size_bytes, turn = self._waiting.popleft()
            if not turn.done():
                self._taken_bytes += size_bytes
                turn.set_result(None)
