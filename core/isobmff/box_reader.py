"""Walks the boxes of a file that is there in full (ISO/IEC 14496-12 §4.2), trusting no length."""

from collections.abc import Iterator
from dataclasses import dataclass

from native import MalformedMovie
from native.errors import box_name

MOST_BOXES = 1 << 20
"""In one box, or at the top of a file: a day of one-second fragments has a third of that."""


@dataclass(frozen=True, slots=True)
class BoxSpan:
    """Where a box lies: its first byte, its content, the byte behind it; `path` is for messages."""

    kind: bytes
    path: str
    start: int
    content: int
    end: int

    @property
    def span(self) -> tuple[int, int]:
        """The content as first and last byte."""
        return self.content, self.end


def child_boxes(data: memoryview, path: str, start: int, end: int) -> Iterator[BoxSpan]:
    """Give the boxes that lie one after another between two bytes.

    Only the last box of a file may leave its length open. Raises `MalformedMovie` for a length
    that does not fit.
    """
    at, count = start, 0
    while at < end:
        count += 1
        room = end - at
        if room < 8:
            raise MalformedMovie(path or "file", at, f"ends with {room} bytes that are no box")
        if count > MOST_BOXES:
            raise MalformedMovie(path or "file", at, f"has more than {MOST_BOXES} boxes")
        length, kind, head = int.from_bytes(data[at : at + 4]), bytes(data[at + 4 : at + 8]), 8
        name = f"{path}/{box_name(kind)}" if path else box_name(kind)
        if length == 1 and room >= 16:
            length, head = int.from_bytes(data[at + 8 : at + 16]), 16
        elif length == 0 and not path:
            length = room
        if not head <= length <= room:
            raise MalformedMovie(name, at, f"claims {length} bytes where {room} are left")
        yield BoxSpan(kind, name, at, at + head, at + length)
        at += length
