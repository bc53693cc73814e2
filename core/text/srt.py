"""SubRip: numbered cues between empty lines. Nobody has ever written down what it is.

Read as it is found: with or without numbers, with tags of HTML, with places of ASS. A line that
holds an arrow and is no timings line is refused, because a cue would be lost with it.
"""

import re
from collections.abc import Iterator
from typing import Final

from core.text.cues import Cue, TextDocument, check_count, check_cue, document
from core.text.faults import MalformedText
from core.text.markup import TAGS, Run, payload, unix_lines
from core.text.styling import alignment_settings

_TIME: Final = r"(?:([0-9]{1,6}):)?([0-9]{1,2}):([0-9]{1,2})(?:[,.:]([0-9]{1,3}))?"
_TIMINGS = re.compile(rf"\s*{_TIME}\s*-{{1,3}}>\s*{_TIME}(?:\s.*)?")
_TOKEN = re.compile(
    r"<(?P<close>/?)(?P<tag>[bius]|strong|em)>|</?font(?:\s[^<>]*)?>|\{\\(?P<override>[^{}]*)\}",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\\?an([1-9])(?![0-9])|\\?a([0-9]{1,2})(?![0-9n])")
_SAME: Final = {"strong": "b", "em": "i"}
_OLD_PLACES: Final = {1: 1, 2: 2, 3: 3, 5: 7, 6: 8, 7: 9, 9: 4, 10: 5, 11: 6}
LONGEST_SHOWN: Final = 60


def parse_srt(text: str) -> TextDocument:
    """Read a file. Raises `MalformedText`, which names the line."""
    lines = unix_lines(text).split("\n")
    starts = [number for number, line in enumerate(lines) if _is_timings(number, line)]
    if not starts:
        raise MalformedText(0, "there is no line with times, such as 00:00:01,000 --> 00:00:02,000")
    check_count(starts[-1] + 1, len(starts))
    stops = [*starts[1:], len(lines)]
    return document(
        _cue(lines, start, stop, is_last=stop == len(lines))
        for start, stop in zip(starts, stops, strict=True)
    )


def srt_payload(text: str) -> tuple[str, str]:
    """Give a cue's text as a payload and as settings of WebVTT."""
    runs = list(_runs(text))
    return payload(runs), alignment_settings(_place(text))


def _is_timings(number: int, line: str) -> bool:
    if "->" not in line:
        return False
    is_timings = _TIMINGS.fullmatch(line) is not None
    if not is_timings and "-->" in line:
        raise MalformedText(number + 1, f"{line.strip()[:LONGEST_SHOWN]!r} has no times to read")
    return is_timings


def _cue(lines: list[str], start: int, stop: int, *, is_last: bool) -> Cue:
    found = _TIMINGS.fullmatch(lines[start])
    assert found is not None  # that is how it was found
    parts = found.groups()
    start_ms, end_ms = _milliseconds(parts[:4]), _milliseconds(parts[4:])
    body = lines[start + 1 : stop]
    if not is_last and body and body[-1].strip().isdecimal():
        body = body[:-1]  # the number of the next cue
    shown, settings = srt_payload("\n".join(body))
    check_cue(start + 1, start_ms, end_ms, shown)
    return Cue(start_ms, end_ms, shown, settings)


def _milliseconds(parts: tuple[str | None, ...]) -> int:
    hours, minutes, seconds = (int(part or 0) for part in parts[:3])
    thousandths = int((parts[3] or "0").ljust(3, "0"))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def _runs(text: str) -> Iterator[Run]:
    depth = dict.fromkeys(TAGS, 0)
    at = 0
    for token in _TOKEN.finditer(text):
        yield Run(text[at : token.start()], _style(depth))
        at = token.end()
        if token["override"] is not None:
            _override(token["override"], depth)
        elif token["tag"] is not None:
            name = token["tag"].lower()
            tag = _SAME.get(name, name)
            if tag in depth:
                depth[tag] = max(0, depth[tag] + (-1 if token["close"] else 1))
    yield Run(text[at:], _style(depth))


def _override(codes: str, depth: dict[str, int]) -> None:
    for code in codes.split("\\"):
        if code[:1] in depth and code[1:] in {"0", "1"}:
            depth[code[0]] = int(code[1])


def _style(depth: dict[str, int]) -> frozenset[str]:
    return frozenset(tag for tag, count in depth.items() if count)


def _place(text: str) -> int:
    """Give the first place that an override names, 2 where none does."""
    for token in _TOKEN.finditer(text):
        found = _PLACE.search(token["override"] or "")
        if found is not None:
            return int(found[1]) if found[1] else _OLD_PLACES.get(int(found[2]), 2)
    return 2
