"""Progress on its way to the database: seldom enough to be no burden, often enough to be seen."""

import time
from collections.abc import Callable
from typing import Final

from origin.jobs.media import OnProgress
from origin.repository import Attempt, Repository

INTERVAL_S: Final = 0.5


class Reporter:
    """Tells the database how far an attempt is, at most twice a second.

    It is also how an attempt that has been cancelled or overtaken learns of it: reporting raises
    `Fenced`.
    """

    def __init__(
        self,
        repository: Repository,
        attempt: Attempt,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._repository = repository
        self._attempt = attempt
        self._clock = clock
        self._due_s = clock() + INTERVAL_S
        self._stage: str | None = None

    async def weigh(self, weight: float, pending: float) -> None:
        """Say anew how much of all the work the step is, and how much will follow it."""
        await self._repository.weigh(self._attempt, weight=weight, pending=pending)

    def part(self, stage: str, low: float, high: float) -> OnProgress:
        """Give what to call with 0 to 1 while the step goes from `low` to `high`."""

        async def report(fraction: float) -> None:
            now_s = self._clock()
            if now_s < self._due_s and stage == self._stage:
                return
            self._due_s = now_s + INTERVAL_S
            self._stage = stage
            await self._repository.report(self._attempt, low + (high - low) * fraction, stage)

        return report
