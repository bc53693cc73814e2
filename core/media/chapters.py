"""Chapters of a film: where they begin and what they are called."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec

MOST_CHAPTERS: Final = 1000
LONGEST_TITLE: Final = 200


class Chapter(msgspec.Struct, frozen=True):
    """A chapter; it lasts until the next one begins, and the last until the film ends."""

    start_ms: int
    title: str


class TimedChapter(msgspec.Struct, frozen=True):
    """A chapter from `start_ms` up to, not including, `end_ms`."""

    start_ms: int
    end_ms: int
    title: str


def chapter_list(found: Iterable[tuple[int, str]]) -> tuple[Chapter, ...]:
    """Put chapters in order; of several that begin together the first stays.

    Titles are made fit to be shown; a chapter without one is numbered.
    """
    starts: dict[int, str] = {}
    for start_ms, title in found:
        starts.setdefault(max(0, start_ms), _shown(title))
    ordered = sorted(starts.items())[:MOST_CHAPTERS]
    return tuple(
        Chapter(start_ms, title or f"Chapter {number}")
        for number, (start_ms, title) in enumerate(ordered, start=1)
    )


def chapter_ends(chapters: Sequence[Chapter], duration_ms: int) -> Iterator[tuple[Chapter, int]]:
    """Give each chapter that begins within the film, and when it ends."""
    within = [each for each in chapters if each.start_ms < duration_ms]
    ends = [*(after.start_ms for _, after in pairwise(within)), duration_ms]
    yield from zip(within, ends, strict=bool(within))


def timed_chapters(chapters: Sequence[Chapter], duration_ms: int) -> list[TimedChapter]:
    """Give the chapters within a film, with their ends."""
    return [
        TimedChapter(chapter.start_ms, end_ms, chapter.title)
        for chapter, end_ms in chapter_ends(chapters, duration_ms)
    ]


def _shown(title: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in title)
    return " ".join(printable.split())[:LONGEST_TITLE].strip()
