"""Recipes: videos that are made of stretches of others, and hold no media of their own.

A recipe has one stretch (a clip) or several (played one after the other). Its timeline, the one
that players and people see, begins at the exact start of its first stretch and ends at the exact
end of its last. Between stretches whole segments are played, as players cannot be told to leave a
part of one out: there a stretch is longer by what its first and last segments hold beside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

from core.errors import InputFault
from core.media.excerpt import Excerpt, excerpt
from core.media.ticks import MICROSECONDS, rescale
from core.media.timeline import CutPlan

MOST_STRETCHES = 100


class OutsideRecipe(InputFault):
    """The stretch is not one of this video."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "excerpt.outside"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a film, exactly: `start_ms` up to `end_ms`, or to its end."""

    start_ms: int = 0
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Film:
    """What is cut: a plan, and how long it plays."""

    plan: CutPlan
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Programme:
    """A recipe on its films. Raises `OutsideFilm` for a stretch that its film does not have."""

    films: tuple[Film, ...]
    excerpts: tuple[Excerpt, ...]

    @classmethod
    def of(cls, films: Sequence[Film], stretches: Sequence[Stretch]) -> "Programme":
        """Find the segments of every stretch."""
        return cls(
            tuple(films),
            tuple(
                excerpt(film.plan, film.duration_ms, stretch.start_ms, stretch.end_ms)
                for film, stretch in zip(films, stretches, strict=True)
            ),
        )

    @property
    def start_us(self) -> int:
        """Where, from the beginning of the media on, the recipe's timeline begins."""
        return self.excerpts[0].lead_us

    @property
    def end_us(self) -> int:
        """Where, from the beginning of the media on, the recipe's timeline ends."""
        return self.starts_us[-1] + self.excerpts[-1].exact_us

    @property
    def starts_us(self) -> list[int]:
        """Where, from the beginning of the media on, the media of each part begin."""
        lengths = (part.length_us for part in self.excerpts[:-1])
        return list(accumulate(lengths, initial=0))

    @property
    def duration_ms(self) -> int:
        """How long it is, to the nearest millisecond."""
        return rescale(self.end_us - self.start_us, MICROSECONDS, 1000)

    def within(self, start_ms: int, end_ms: int | None) -> list[tuple[int, Stretch]]:
        """Give what a stretch of the recipe is made of: numbers of films, and stretches of those.

        Raises `OutsideRecipe`.
        """
        stop_ms = self.duration_ms if end_ms is None else end_ms
        if not 0 <= start_ms < stop_ms <= self.duration_ms:
            raise OutsideRecipe(
                f"{start_ms} to {stop_ms} ms is no stretch of a video of {self.duration_ms} ms"
            )
        begin_us = self.start_us + 1000 * start_ms
        stop_us = self.end_us if stop_ms == self.duration_ms else self.start_us + 1000 * stop_ms
        return list(self._parts(begin_us, stop_us))

    def _parts(self, begin_us: int, stop_us: int) -> Iterator[tuple[int, Stretch]]:
        last = len(self.excerpts) - 1
        for number, (part, at_us) in enumerate(zip(self.excerpts, self.starts_us, strict=True)):
            film_ms = self.films[number].duration_ms
            length_us = part.exact_us if number == last else part.length_us
            first_us, end_us = max(begin_us - at_us, 0), min(stop_us - at_us, length_us)
            if first_us >= end_us:
                continue
            start_ms = rescale(part.origin_us + first_us, MICROSECONDS, 1000)
            end_ms = min(film_ms, rescale(part.origin_us + end_us, MICROSECONDS, 1000))
            if part.is_last and end_us == length_us and number != last:
                end_ms = film_ms
            if start_ms < end_ms:
                yield number, Stretch(start_ms, end_ms)
