"""Chapters: where they end, and as files."""

import json

from core.media.chapters import Chapter, chapter_list, timed_chapters
from core.text.chapters import chapters_json, chapters_vtt

CHAPTERS = timed_chapters(
    (Chapter(0, "One & only"), Chapter(4000, "Two"), Chapter(99_000, "Beyond")), 10_000
)


def test_chapters_last_until_the_next_one_or_the_end() -> None:
    assert chapters_vtt(CHAPTERS) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:04.000\nOne &amp; only\n\n"
        "00:00:04.000 --> 00:00:10.000\nTwo\n"
    )
    assert json.loads(chapters_json(CHAPTERS)) == {
        "chapters": [
            {"start_ms": 0, "end_ms": 4000, "title": "One & only"},
            {"start_ms": 4000, "end_ms": 10_000, "title": "Two"},
        ]
    }


def test_chapters_of_a_file_are_put_in_order_and_named() -> None:
    found = chapter_list([(5000, " B\n "), (-20, ""), (5000, "again")])
    assert found == (Chapter(0, "Chapter 1"), Chapter(5000, "B"))


def test_a_film_without_chapters_has_empty_files() -> None:
    assert chapters_vtt(()) == "WEBVTT\n"
