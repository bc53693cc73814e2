"""A file of subtitles as somebody sends it: its character encoding, its format, its cues."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.text.ass import is_ass, parse_ass
from core.text.cues import TextDocument
from core.text.faults import MalformedText
from core.text.srt import parse_srt
from core.text.webvtt import is_webvtt, parse_webvtt

MOST_BYTES: Final = 8 * 2**20
"""Subtitles of a long film take a hundredth of it; scripts with drawings take more."""
LOOKED_AT_BYTES: Final = 4096

_MARKS: Final = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
GUESS: Final = "windows-1252"


class TextFormat(StrEnum):
    """What a file of subtitles may be."""

    WEBVTT = "webvtt"
    SUBRIP = "subrip"
    ASS = "ass"


_READERS: Final[dict[TextFormat, Callable[[str], TextDocument]]] = {
    TextFormat.WEBVTT: parse_webvtt,
    TextFormat.SUBRIP: parse_srt,
    TextFormat.ASS: parse_ass,
}


class TooMuchText(MalformedText):
    """The file is larger than subtitles are."""

    status = 413
    code = "captions.too_large"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(0, f"the file has {size_bytes} bytes; {MOST_BYTES} may be")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A file that was read. `guessed` says that its encoding is a guess, for want of a mark."""

    content: TextDocument
    format: TextFormat
    encoding: str
    guessed: bool


def read_sidecar(data: bytes) -> Sidecar:
    """Read a file by what is in it; its name says nothing.

    Raises `MalformedText`, which names the line, `TooMuchText`.
    """
    if len(data) > MOST_BYTES:
        raise TooMuchText(len(data))
    text, encoding, guessed = decoded(data)
    if not text.strip():
        raise MalformedText(0, "the file is empty")
    if "\0" in text[:LOOKED_AT_BYTES]:
        raise MalformedText(0, "the file is not text")
    kind = _format(text)
    content = _READERS[kind](text)
    if not content.cues:
        raise MalformedText(0, "no cue in it shows anything")
    return Sidecar(content, kind, encoding, guessed)


def decoded(data: bytes) -> tuple[str, str, bool]:
    """Give a file's text, its encoding, and whether that is only a guess.

    A mark at the beginning decides; then whether the bytes are UTF-16 or UTF-8; what is neither is
    taken for Windows-1252, the most common of those that every file fits.
    """
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return (
                data[len(mark) :].decode(encoding, "replace"),
                encoding.removesuffix("-le").removesuffix("-be"),
                False,
            )
    head = data[:LOOKED_AT_BYTES]
    for encoding, place in (("utf-16-le", 1), ("utf-16-be", 0)):
        zeros = head[place::2].count(0)
        if len(head) >= 8 and zeros > len(head) // 5 and not head[1 - place :: 2].count(0):
            return data.decode(encoding, "replace"), "utf-16", True
    try:
        return data.decode("utf-8"), "utf-8", False
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), GUESS, True


def _format(text: str) -> TextFormat:
    if is_webvtt(text):
        return TextFormat.WEBVTT
    if is_ass(text):
        return TextFormat.ASS
    if "-->" in text or "->" in text:
        return TextFormat.SUBRIP
    raise MalformedText(0, "the file is neither WebVTT nor SubRip nor ASS")
