"""Which keys are asked for most: counted only while somebody watches.

Hits come as samples from the data plane's threads, everything else one by one from Python.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from core.cache.space_saving import HotKey, SpaceSaving
from core.http.target import Target

MOST_KEYS: Final = 512
HALF_LIFE_S: Final = 5.0
WATCHED_FOR_S: Final = 15.0


class Sampler(Protocol):
    """What samples keys by itself: the data plane."""

    def watch(self, watched: bool) -> None:
        """Begin, or stop."""

    def samples(self) -> list[tuple[bytes, int]]:
        """Keys since the last call, and how many hits each stands for."""


class HotKeys:
    """Counts keys for as long as it was asked about them a moment ago."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sketch: SpaceSaving | None = None
        self._sampler: Sampler | None = None
        self._end: asyncio.TimerHandle | None = None

    def attach(self, sampler: Sampler) -> None:
        """Count what this one samples, too."""
        self._sampler = sampler

    def note(self, target: Target) -> None:
        """Count a request that Python answers."""
        if self._sketch is not None:
            self._sketch.add(str(target))

    def top(self, count: int) -> list[HotKey]:
        """The keys asked for most; begins to count, and goes on until nobody asks any more."""
        if self._end is not None:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(WATCHED_FOR_S, self.close)
        if self._sketch is None:
            self._begin()
        assert self._sketch is not None
        self._sketch.age(self._clock())
        if self._sampler is not None:
            for key, hits in self._sampler.samples():
                self._sketch.add(key.decode("utf-8", "replace"), hits)
        return self._sketch.top(count)

    def close(self) -> None:
        """Stop counting."""
        if self._end is not None:
            self._end.cancel()
        self._end = self._sketch = None
        if self._sampler is not None:
            self._sampler.watch(False)

    def _begin(self) -> None:
        self._sketch = SpaceSaving(MOST_KEYS, HALF_LIFE_S)
        if self._sampler is not None:
            self._sampler.samples()  # left over from the last time
            self._sampler.watch(True)
