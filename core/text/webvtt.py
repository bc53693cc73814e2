"""WebVTT (W3C Candidate Recommendation, "WebVTT: The Web Video Text Tracks Format").

Reading is stricter than a browser's: a timings line that cannot be read is refused instead of
passed over, so that whoever sends a file hears of it. What is kept of it comes back unchanged.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from core.text.cues import Cue, TextDocument, check_count, check_cue, clock, document
from core.text.faults import MalformedText

SIGNATURE: Final = "WEBVTT"
ARROW: Final = "-->"
LONGEST_SHOWN: Final = 40

_TIME = re.compile(r"(?:([0-9]{2,6}):)?([0-5][0-9]):([0-5][0-9])\.([0-9]{3})")
_PERCENT = r"(?:100(?:\.0{1,6})?|[0-9]{1,2}(?:\.[0-9]{1,6})?)%"
_SETTINGS: Final = {
    "vertical": re.compile("rl|lr"),
    "line": re.compile(rf"(?:-?[0-9]{{1,4}}|{_PERCENT})(?:,(?:start|center|end))?"),
    "position": re.compile(rf"{_PERCENT}(?:,(?:line-left|center|line-right))?"),
    "size": re.compile(_PERCENT),
    "align": re.compile("start|center|end|left|right"),
    "region": re.compile(r"[!-~]{1,64}"),
}


def is_webvtt(text: str) -> bool:
    """Tell whether a text begins as WebVTT does (§4.1)."""
    return text.startswith(SIGNATURE) and text[len(SIGNATURE) :][:1] in {"", " ", "\t", "\n", "\r"}


def parse_webvtt(text: str) -> TextDocument:
    """Read a file. Raises `MalformedText`, which names the line."""
    if not is_webvtt(text):
        raise MalformedText(1, f"a WebVTT file begins with {SIGNATURE!r}")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cues: list[Cue] = []
    blocks: list[str] = []
    for at, block in _blocks(lines):
        kind = block[0].rstrip()
        if any(ARROW in line for line in block[:2]):
            cues.append(_cue(at, block))
            check_count(at, len(cues))
        elif kind in {"STYLE", "REGION"} and not cues and ARROW not in "".join(block):
            blocks.append("\n".join(block).replace("\0", "\N{REPLACEMENT CHARACTER}"))
        elif kind.split(" ")[0].split("\t")[0] not in {"NOTE", "STYLE", "REGION"}:
            raise MalformedText(at, f"{_shown(block[0])} is neither a cue nor a comment")
    return document(cues, blocks)


def write_webvtt(content: TextDocument) -> str:
    """Write a file that `parse_webvtt` reads as the same."""
    return "".join(_written(f"{SIGNATURE}\n", content.blocks, content.cues))


def write_segment(content: TextDocument, cues: Iterable[Cue], *, zero: int = 0) -> str:
    """Write a segment of HLS: some cues of a document, at the presentation's own times.

    Local time 0 is `zero` of the presentation, in 1/90000 s (RFC 8216bis §3.1.4).
    """
    head = f"{SIGNATURE}\nX-TIMESTAMP-MAP=MPEGTS:{zero},LOCAL:{clock(0)}\n"
    return "".join(_written(head, content.blocks, cues))


def cue_settings(words: Iterable[str]) -> str:
    """Give those settings of a timings line that are settings, each once (§4.4)."""
    kept: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition(":")
        pattern = _SETTINGS.get(name)
        if pattern is not None and name not in kept and pattern.fullmatch(value):
            kept[name] = value
    return " ".join(f"{name}:{value}" for name, value in kept.items())


def block_payload(text: str) -> str:
    """Give the payload of a cue that stands alone, as Matroska keeps it: nothing ends it early."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    shown = (line.replace(ARROW, "--&gt;") for line in lines if line)
    return "\n".join(shown).replace("\0", "\N{REPLACEMENT CHARACTER}")


def parse_time(text: str) -> int | None:
    """Give milliseconds; None where it is no time of WebVTT."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds, thousandths = (int(part or 0) for part in found.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def _written(head: str, blocks: Iterable[str], cues: Iterable[Cue]) -> Iterator[str]:
    yield head
    for block in blocks:
        yield f"\n{block}\n"
    for cue in cues:
        settings = f" {cue.settings}" if cue.settings else ""
        name = f"{cue.identifier}\n" if cue.identifier else ""
        times = f"{clock(cue.start_ms)} {ARROW} {clock(cue.end_ms)}"
        yield f"\n{name}{times}{settings}\n{cue.text}\n"


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Give the blocks after the header, each with the number of its first line.

    A timings line begins a block even where no empty line stands before it (§6.1).
    """
    block: list[str] = []
    at = 0
    in_header = True
    for number, line in enumerate(lines[1:], start=2):
        if in_header and line and ARROW not in line:
            continue
        in_header = False
        begins = ARROW in line and any(ARROW in each for each in block)
        if block and (not line or begins):
            yield at, block
            block = []
        if line:
            at = at if block else number
            block.append(line)
    if block:
        yield at, block


def _cue(at: int, block: list[str]) -> Cue:
    identifier, timings = ("", block[0]) if ARROW in block[0] else (block[0], block[1])
    body = block[1:] if ARROW in block[0] else block[2:]
    line = at + len(block) - len(body) - 1
    before, _, after = timings.partition(ARROW)
    start, (end, *settings) = before.strip(), after.split() or [""]
    start_ms, end_ms = parse_time(start), parse_time(end)
    if start_ms is None or end_ms is None:
        wrong = start if start_ms is None else end
        raise MalformedText(line, f"{_shown(wrong)} is no time of WebVTT, such as 00:01:02.345")
    text = "\n".join(body).replace("\0", "\N{REPLACEMENT CHARACTER}")
    check_cue(line, start_ms, end_ms, text)
    return Cue(start_ms, end_ms, text, cue_settings(settings), _identifier(identifier))


def _identifier(line: str) -> str:
    """Give an identifier that cannot pose as anything else; numbers alone say nothing."""
    name = line.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()
    return (
        "" if name.isdecimal() or name in {"STYLE", "REGION"} or name.startswith("NOTE") else name
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")
