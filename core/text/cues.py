"""Cues: what is shown, from when to when. All other formats are turned into these."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import unescape
from typing import Final

from core.text.faults import MalformedText

MOST_CUES: Final = 100_000
MOST_CHARACTERS: Final = 16_384
"""Of one cue; a screen holds a hundredth of it."""
LATEST_MS: Final = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Cue:
    """One cue of WebVTT, from `start_ms` up to, not including, `end_ms`.

    `text` is a cue payload (WebVTT §4.2.2): its lines hold neither `-->` nor nothing at all.
    `settings` is the rest of the timings line: `line:0 align:start`.
    """

    start_ms: int
    end_ms: int
    text: str
    settings: str = ""
    identifier: str = ""


@dataclass(frozen=True, slots=True)
class TextDocument:
    """Cues in the order in which they begin, and the `STYLE` and `REGION` blocks before them."""

    cues: tuple[Cue, ...]
    blocks: tuple[str, ...] = ()

    @property
    def end_ms(self) -> int:
        """When the last cue to end does so."""
        return max((cue.end_ms for cue in self.cues), default=0)


def document(cues: Iterable[Cue], blocks: Iterable[str] = (), *, shift_ms: int = 0) -> TextDocument:
    """Put cues in order, without those that show nothing or never.

    `shift_ms` is added to all times; what then lies before zero is cut off. Cues that begin
    together keep their order, which says which one is upper.
    """
    kept = []
    for cue in cues:
        start_ms, end_ms = max(0, cue.start_ms + shift_ms), cue.end_ms + shift_ms
        if end_ms > start_ms and is_visible(cue.text):
            kept.append(replace(cue, start_ms=start_ms, end_ms=end_ms))
    kept.sort(key=lambda cue: cue.start_ms)
    return TextDocument(tuple(kept), tuple(blocks))


def joined(cues: Sequence[Cue]) -> list[Cue]:
    """Make one of cues that show the same, one after the other or one upon the other.

    Authors of ASS draw shadows by layers and movement by a cue for each picture.
    """
    made: list[Cue] = []
    last: dict[tuple[str, str], int] = {}
    for cue in sorted(cues, key=lambda each: each.start_ms):
        key = cue.text, cue.settings
        place = last.get(key)
        if place is not None and cue.start_ms <= made[place].end_ms:
            before = made[place]
            made[place] = replace(before, end_ms=max(before.end_ms, cue.end_ms))
            continue
        last[key] = len(made)
        made.append(cue)
    return made


def check_cue(line: int, start_ms: int, end_ms: int, text: str) -> None:
    """Raise `MalformedText` for a cue that no film has; `text` as it is kept."""
    if end_ms < start_ms:
        raise MalformedText(
            line, f"the cue ends at {clock(end_ms)}, before it begins at {clock(start_ms)}"
        )
    if end_ms > LATEST_MS:
        raise MalformedText(line, f"the cue ends at {clock(end_ms)}, after a week")
    if len(text) > MOST_CHARACTERS:
        raise MalformedText(line, f"the cue has {len(text)} characters; {MOST_CHARACTERS} may be")


def check_count(line: int, count: int) -> None:
    """Raise `MalformedText` for more cues than a film can have."""
    if count > MOST_CUES:
        raise MalformedText(line, f"there are more than {MOST_CUES} cues")


def is_visible(payload: str) -> bool:
    """Tell whether a payload shows anything: tags and blanks do not."""
    return bool(plain(payload).strip())


def plain(payload: str) -> str:
    """Give the text of a payload without its tags."""
    pieces = payload.split("<")
    shown = [pieces[0], *(piece.partition(">")[2] for piece in pieces[1:])]
    return unescape("".join(shown)).replace("\N{ZERO WIDTH SPACE}", "")


def clock(milliseconds: int) -> str:
    """Give a time as WebVTT writes it (§4.1)."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{rest:03}"
