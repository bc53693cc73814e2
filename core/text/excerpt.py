"""Text of what is made of stretches of films: whole files, on the timeline of its media."""

from collections.abc import Iterable
from dataclasses import dataclass

from core.text.cues import Cue, TextDocument, document


@dataclass(frozen=True, slots=True)
class TextPart:
    """A film's text from `begin_ms` up to `end_ms`, which plays from `at_ms` on."""

    content: TextDocument
    begin_ms: int
    end_ms: int
    at_ms: int = 0


def joined_text(parts: Iterable[TextPart]) -> TextDocument:
    """Give the cues of all parts, cut where their part is, at the times at which they are shown."""
    cues: list[Cue] = []
    blocks: dict[str, None] = {}
    for part in parts:
        shown = [
            Cue(
                max(cue.start_ms, part.begin_ms) + part.at_ms - part.begin_ms,
                min(cue.end_ms, part.end_ms) + part.at_ms - part.begin_ms,
                cue.text,
                cue.settings,
                cue.identifier,
            )
            for cue in part.content.cues
            if cue.start_ms < part.end_ms and cue.end_ms > part.begin_ms
        ]
        if shown:
            blocks |= dict.fromkeys(part.content.blocks)
        cues += shown
    return document(cues, blocks)
