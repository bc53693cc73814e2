"""A circuit breaker: an upstream that keeps failing is left alone for a while.

Closed, everything goes through. It opens when so many fetches in a row failed, or half of a
window's, and then refuses at once, so that nobody waits for a deadline that is sure to pass and the
upstream is not kept down by those who ask. When the while is over it is half open: one fetch goes
through as a probe. If that succeeds the breaker closes, else it opens again.

Only what says that the upstream cannot be asked counts as a failure: no connection, no head in
time, no HTTP. An answer is a success, whatever its status.
"""

import math
from enum import StrEnum
from typing import Final

WINDOW_S: Final = 10.0
LEAST_IN_WINDOW: Final = 20


class Circuit(StrEnum):
    """Where the breaker stands."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


class CircuitBreaker:
    """The breaker of one upstream; the caller has the clock, of seconds that only go forward.

    `failures` in a row open it, 0 means never. `open_s` is how long it then stays open.
    """

    def __init__(self, failures: int, open_s: float) -> None:
        self.state = Circuit.CLOSED
        self._limit = failures
        self._open_s = open_s
        self._until_s = 0.0
        self._probing = False
        self._in_a_row = 0
        self._window_began_s = -math.inf
        self._asked = 0
        self._failed = 0

    def admit(self, now_s: float) -> bool:
        """Whether a fetch may go through now; one that may must be followed by its outcome."""
        if self.state is Circuit.OPEN and now_s >= self._until_s:
            self.state = Circuit.HALF_OPEN
            self._probing = False
        if self.state is Circuit.CLOSED:
            return True
        if self.state is Circuit.OPEN or self._probing:
            return False
        self._probing = True
        return True

    def retry_after_s(self, now_s: float) -> int:
        """How long to wait before asking again, in whole seconds, at least one."""
        return max(1, math.ceil(self._until_s - now_s))

    def succeeded(self, now_s: float) -> None:
        """A fetch was answered."""
        self._in_a_row = 0
        self._count(now_s, failed=False)
        if self.state is not Circuit.CLOSED:
            self._reset()

    def failed(self, now_s: float) -> None:
        """A fetch was not answered."""
        self._in_a_row += 1
        self._count(now_s, failed=True)
        if self.state is Circuit.HALF_OPEN or (self.state is Circuit.CLOSED and self._too_many()):
            self.state = Circuit.OPEN
            self._probing = False
            self._until_s = now_s + self._open_s

    def abandoned(self) -> None:
        """A fetch was given up before its outcome was known; another may be the probe."""
        self._probing = False

    def _too_many(self) -> bool:
        if not self._limit:
            return False
        half = self._asked >= LEAST_IN_WINDOW and 2 * self._failed >= self._asked
        return half or self._in_a_row >= self._limit

    def _count(self, now_s: float, *, failed: bool) -> None:
        if now_s - self._window_began_s >= WINDOW_S:
            self._window_began_s = now_s
            self._asked = self._failed = 0
        self._asked += 1
        self._failed += failed

    def _reset(self) -> None:
        self.state = Circuit.CLOSED
        self._probing = False
        self._in_a_row = self._asked = self._failed = 0
