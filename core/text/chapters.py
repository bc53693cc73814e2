"""Chapters as players read them: WebVTT, whose cues are the titles, and JSON."""

from collections.abc import Sequence

import msgspec

from core.media.chapters import Chapter, chapter_ends
from core.text.cues import Cue, TextDocument
from core.text.markup import escape
from core.text.webvtt import write_webvtt


class TimedChapter(msgspec.Struct, frozen=True):
    """A chapter from `start_ms` up to, not including, `end_ms`."""

    start_ms: int
    end_ms: int
    title: str


def timed_chapters(chapters: Sequence[Chapter], duration_ms: int) -> list[TimedChapter]:
    """Give the chapters within a film, with their ends."""
    return [
        TimedChapter(chapter.start_ms, end_ms, chapter.title)
        for chapter, end_ms in chapter_ends(chapters, duration_ms)
    ]


def chapters_vtt(chapters: Sequence[Chapter], duration_ms: int) -> str:
    """Write chapters as WebVTT (§1.5: a cue for each, its text the title)."""
    cues = (
        Cue(each.start_ms, each.end_ms, escape(each.title))
        for each in timed_chapters(chapters, duration_ms)
    )
    return write_webvtt(TextDocument(tuple(cues)))


def chapters_json(chapters: Sequence[Chapter], duration_ms: int) -> bytes:
    """Write chapters as JSON: `{"chapters": [{"start_ms", "end_ms", "title"}]}`."""
    return msgspec.json.encode({"chapters": timed_chapters(chapters, duration_ms)})
