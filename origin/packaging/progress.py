"""How packaging reports what it has done and learns that it should stop."""

import time
from typing import Protocol

REPORT_INTERVAL_S = 0.1


class CancelledError(Exception):
    """Whoever asked for the work no longer wants it; what was written so far is void."""


class Progress(Protocol):
    """The caller's ear: told of progress and asked about cancellation ten times a second."""

    def advance(self, fraction: float) -> None:
        """Take note that this fraction of the work, 0 to 1, is done."""

    def cancelled(self) -> bool:
        """Say whether the work should stop."""


class Unwatched:
    """A `Progress` for work that nobody watches or stops."""

    def advance(self, fraction: float) -> None:
        """Ignore it."""

    def cancelled(self) -> bool:
        """Never."""
        return False


class Pulse:
    """Calls a `Progress` at most every tenth of a second, however often it is beaten."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._due = 0.0

    def beat(self, fraction: float) -> None:
        """Report progress if it is time to. Raises `CancelledError` when the work should stop."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + REPORT_INTERVAL_S
        if self._progress.cancelled():
            raise CancelledError("the work was cancelled")
        self._progress.advance(min(1.0, max(0.0, fraction)))
