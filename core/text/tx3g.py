"""Timed text of 3GPP (TS 26.245), which QuickTime and MP4 files carry as `tx3g`."""

import struct
from dataclasses import dataclass
from typing import Final

from core.isobmff.box_reader import child_boxes
from core.text.faults import MalformedText
from core.text.markup import Run, payload
from native import MalformedMovie

_FACES: Final = {1: "b", 2: "i", 4: "u"}
_STYLE_RECORD: Final = struct.Struct(">HHHBBI")
HEAD_BYTES: Final = 30
MOST_RECORDS: Final = 4096
ALL_FORCED: Final = 0x80000000


@dataclass(frozen=True, slots=True)
class Tx3gEntry:
    """What a sample entry says of all samples: their style, their settings, whether forced."""

    style: frozenset[str] = frozenset()
    settings: str = ""
    forced: bool = False


def read_entry(data: bytes) -> Tx3gEntry:
    """Read a sample entry's content after its data reference (§5.16); one cut off is plain."""
    if len(data) < HEAD_BYTES:
        return Tx3gEntry()
    flags, across, down = struct.unpack_from(">Ibb", data)
    settings = []
    if down == 0:
        settings.append("line:0")
    if across in {0, -1}:
        settings.append(f"align:{'start' if across == 0 else 'end'}")
    (face,) = struct.unpack_from(">B", data, 18 + 6)
    return Tx3gEntry(_style(face), " ".join(settings), bool(flags & ALL_FORCED))


def tx3g_payload(entry: Tx3gEntry, sample: bytes) -> str:
    """Give a sample's text as a payload; empty where it shows nothing (§5.17).

    Raises `MalformedText` for lengths that do not fit.
    """
    if len(sample) < 2:
        return ""
    (length,) = struct.unpack_from(">H", sample)
    if length > len(sample) - 2:
        raise MalformedText(0, f"a sample of {len(sample)} bytes claims {length} of text")
    text = _decoded(sample[2 : 2 + length])
    return payload(_runs(text, entry.style, _records(sample, 2 + length)))


def _decoded(data: bytes) -> str:
    """Read UTF-8, or UTF-16 where it begins with its mark (§5.2)."""
    if data[:2] in {b"\xfe\xff", b"\xff\xfe"}:
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "replace")


def _records(sample: bytes, at: int) -> list[tuple[int, int, frozenset[str]]]:
    """Read the style records of the boxes that follow the text: first and last character, style."""
    records: list[tuple[int, int, frozenset[str]]] = []
    try:
        for box in child_boxes(memoryview(sample), "tx3g", at, len(sample)):
            if box.kind != b"styl" or box.end - box.content < 2:
                continue
            (count,) = struct.unpack_from(">H", sample, box.content)
            room = (box.end - box.content - 2) // _STYLE_RECORD.size
            for number in range(min(count, room, MOST_RECORDS - len(records))):
                place = box.content + 2 + number * _STYLE_RECORD.size
                start, end, _, face, _, _ = _STYLE_RECORD.unpack_from(sample, place)
                records.append((start, end, _style(face)))
    except MalformedMovie as problem:
        raise MalformedText(0, f"a sample's styles cannot be read: {problem}") from problem
    return records


def _runs(
    text: str, base: frozenset[str], records: list[tuple[int, int, frozenset[str]]]
) -> list[Run]:
    runs: list[Run] = []
    at = 0
    for first, last, style in sorted(records, key=lambda record: record[:2]):
        start, end = max(at, first), min(len(text), last)
        if end <= start:
            continue
        runs += [Run(text[at:start], base), Run(text[start:end], style)]
        at = end
    return [*runs, Run(text[at:], base)]


def _style(face: int) -> frozenset[str]:
    return frozenset(tag for bit, tag in _FACES.items() if face & bit)
