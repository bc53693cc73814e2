"""What a stream's tags say in words: its language and its title."""

import re
from typing import Final

from av.stream import Stream

LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}")
LONGEST_LABEL: Final = 100


def language_of(stream: Stream) -> str:
    """Give the language as the file writes it; `und` where it names none."""
    language = (stream.language or "und").lower()
    return language if LANGUAGE.fullmatch(language) else "und"


def label_of(stream: Stream) -> str:
    """Give the title; empty where there is none."""
    title = stream.metadata.get("title", "")
    return "".join(letter for letter in title if letter.isprintable())[:LONGEST_LABEL].strip()
