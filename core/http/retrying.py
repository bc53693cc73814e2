"""Asking again: which requests may be repeated, and how often all of them together.

A connection that was kept for reuse can be closed by its other end at the very moment it is used
again. Nothing was read of the request then, and asking once more is what RFC 9110 §9.2.2 and RFC
9112 §9.3.1 leave to the client where the method is idempotent.
"""

from dataclasses import dataclass
from typing import Final

# RFC 9110 §9.2.2
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
MOST_ATTEMPTS: Final = 2
# Every request earns this share of a retry, so an upstream in trouble is asked that much more often
# at the most; what is saved up pays for a restart, when all kept connections break at once.
SHARE: Final = 0.1
MOST_SAVED: Final = 100.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try that broke: its number from 1, and whether any byte of an answer had come."""

    method: str
    has_body: bool
    number: int
    answered: bool


def may_repeat(attempt: Attempt) -> bool:
    """Whether a request whose connection broke is sent again.

    A body has been handed on as it came, so there is nothing to send it again from.
    """
    return (
        attempt.method in IDEMPOTENT
        and not attempt.has_body
        and not attempt.answered
        and attempt.number < MOST_ATTEMPTS
    )


class RetryBudget:
    """How many retries are left; earned by requests, spent by retries."""

    def __init__(self, share: float = SHARE, most: float = MOST_SAVED) -> None:
        self._share = share
        self._most = most
        self._saved = most

    def earn(self) -> None:
        """Count a request."""
        self._saved = min(self._most, self._saved + self._share)

    def spend(self) -> bool:
        """Take one retry; False when there is none left."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
