"""Chapters as players read them: WebVTT, whose cues are the titles, and JSON."""

from collections.abc import Iterable

import msgspec

from core.media.chapters import TimedChapter
from core.text.cues import Cue, TextDocument
from core.text.markup import escape
from core.text.webvtt import write_webvtt


def chapters_vtt(chapters: Iterable[TimedChapter]) -> str:
    """Write chapters as WebVTT (§1.5: a cue for each, its text the title)."""
    cues = (Cue(each.start_ms, each.end_ms, escape(each.title)) for each in chapters)
    return write_webvtt(TextDocument(tuple(cues)))


def chapters_json(chapters: Iterable[TimedChapter]) -> bytes:
    """Write chapters as JSON: `{"chapters": [{"start_ms", "end_ms", "title"}]}`."""
    return msgspec.json.encode({"chapters": list(chapters)})
