"""Chapters of what is made of stretches of films, on the timeline of its media."""

from collections.abc import Iterable, Iterator, Sequence

from core.media.chapters import Chapter, TimedChapter, chapter_ends
from core.media.recipe import Programme
from core.media.ticks import MICROSECONDS, rescale


def programme_chapters(
    programme: Programme, chapters: Sequence[Sequence[Chapter]]
) -> list[TimedChapter]:
    """Give the chapters of a programme, from those of its films, in the order of its parts.

    A chapter that a stretch cuts into begins or ends with the stretch. What goes on in the next
    part under the same title is one chapter. Times are milliseconds from where the media begin.
    """
    found = [
        TimedChapter(rescale(begin, MICROSECONDS, 1000), rescale(end, MICROSECONDS, 1000), title)
        for begin, end, title in _cut(programme, chapters)
    ]
    return list(_merged(each for each in found if each.start_ms < each.end_ms))


def spread_chapters(
    programme: Programme, chapters: Sequence[Chapter]
) -> tuple[tuple[Chapter, ...], ...]:
    """Give each part of a programme those chapters of the whole that lie in it, by its film's time.

    The times given count from the beginning of the programme.
    """
    timed = list(chapter_ends(chapters, programme.duration_ms))
    spread = []
    for part, at_us in zip(programme.excerpts, programme.starts_us, strict=True):
        own = []
        for chapter, end_ms in timed:
            begin_us = programme.start_us + 1000 * chapter.start_ms
            if begin_us < at_us + part.length_us and programme.start_us + 1000 * end_ms > at_us:
                film_us = part.origin_us + max(0, begin_us - at_us)
                own.append(Chapter(rescale(film_us, MICROSECONDS, 1000), chapter.title))
        spread.append(tuple(own))
    return tuple(spread)


def _cut(
    programme: Programme, chapters: Sequence[Sequence[Chapter]]
) -> Iterator[tuple[int, int, str]]:
    parts = zip(programme.films, programme.excerpts, programme.starts_us, chapters, strict=True)
    for film, part, at_us, own in parts:
        for chapter, end_ms in chapter_ends(own, film.duration_ms):
            begin = at_us + 1000 * chapter.start_ms - part.origin_us
            end = at_us + 1000 * end_ms - part.origin_us
            begin, end = (
                max(begin, at_us, programme.start_us),
                min(end, at_us + part.length_us, programme.end_us),
            )
            if begin < end:
                yield begin, end, chapter.title


def _merged(chapters: Iterable[TimedChapter]) -> Iterator[TimedChapter]:
    last: TimedChapter | None = None
    for each in chapters:
        if last is not None and (last.end_ms, last.title) == (each.start_ms, each.title):
            last = TimedChapter(last.start_ms, each.end_ms, last.title)
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last
