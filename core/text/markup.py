"""Styled text as a payload of WebVTT: escaped, its tags balanced, without empty lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

TAGS: Final = ("b", "i", "u")
"""The styles that WebVTT has without a style sheet, in the order in which they are opened."""

_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\N{REPLACEMENT CHARACTER}"}
)
_LINE_ENDS: Final = str.maketrans(
    {"\r": "\n", "\f": "\n", "\v": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"}
)


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one style: some of `TAGS`. Its lines end with a line feed."""

    text: str
    style: frozenset[str] = frozenset()


def payload(runs: Iterable[Run]) -> str:
    """Write runs; blank lines, which would end a cue, are left out."""
    lines = [line for line in _lines(runs) if any(run.text.strip() for run in line)]
    written: list[str] = []
    open_tags: tuple[str, ...] = ()
    for number, line in enumerate(lines):
        line_end = "\n" if number else ""
        for run in _trimmed(line):
            wanted = tuple(tag for tag in TAGS if tag in run.style)
            written.append(_change(open_tags, wanted, line_end))
            written.append(escape(run.text))
            open_tags, line_end = wanted, ""
    written.append(_change(open_tags, ()))
    return "".join(written)


def escape(text: str) -> str:
    """Write text such that it stands for itself in a payload."""
    return text.translate(_ESCAPES)


def unix_lines(text: str) -> str:
    """Give text whose lines all end with a line feed, whatever they ended with."""
    return text.replace("\r\n", "\n").translate(_LINE_ENDS)


def _lines(runs: Iterable[Run]) -> list[list[Run]]:
    lines: list[list[Run]] = [[]]
    for run in runs:
        first, *others = unix_lines(run.text).split("\n")
        lines[-1].append(Run(first, run.style))
        lines += [[Run(part, run.style)] for part in others]
    return lines


def _trimmed(line: Sequence[Run]) -> list[Run]:
    """Leave out the blanks at the ends of a line, and what is empty."""
    runs = [run for run in line if run.text]
    while runs and not runs[0].text.strip():
        del runs[0]
    while runs and not runs[-1].text.strip():
        del runs[-1]
    if runs:
        runs[0] = Run(runs[0].text.lstrip(" \t"), runs[0].style)
        runs[-1] = Run(runs[-1].text.rstrip(), runs[-1].style)
    return runs


def _change(before: tuple[str, ...], after: tuple[str, ...], between: str = "") -> str:
    """Close and open tags so that those of `after` are open, innermost last."""
    shared = 0
    while shared < min(len(before), len(after)) and before[shared] == after[shared]:
        shared += 1
    closed = "".join(f"</{tag}>" for tag in reversed(before[shared:]))
    return closed + between + "".join(f"<{tag}>" for tag in after[shared:])
