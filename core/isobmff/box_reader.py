"""Walks boxes (ISO/IEC 14496-12 §4.2), trusting no length."""

from collections.abc import Iterator
from dataclasses import dataclass

from native import MalformedMovie
from native.errors import box_name


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


def box_head(path: str, at: int, room: int, head: bytes) -> tuple[bytes, int, int]:
    """Read a box's head of up to 16 bytes; gives its letters, and the lengths of head and box.

    The box begins at byte `at`, with `room` bytes up to the end of what it lies in: of the box that
    `path` names or, where that is empty, of the file, whose last box may leave its length open.
    Raises `MalformedMovie` for a length that does not fit.
    """
    if room < 8 or len(head) < 8:
        raise MalformedMovie(path or "file", at, f"ends with {room} bytes that are no box")
    length, kind, head_length = int.from_bytes(head[:4]), head[4:8], 8
    if length == 1 and room >= 16:
        length, head_length = int.from_bytes(head[8:16]), 16
    elif length == 0 and not path:
        length = room
    if not head_length <= length <= room:
        name = f"{path}/{box_name(kind)}" if path else box_name(kind)
        raise MalformedMovie(name, at, f"claims {length} bytes where {room} are left")
    return kind, head_length, length


def child_boxes(data: memoryview, path: str, start: int, end: int) -> Iterator[BoxSpan]:
    """Give the boxes that lie one after another between two bytes of the box that `path` names.

    Raises `MalformedMovie` for a length that does not fit.
    """
    at = start
    while at < end:
        kind, head, length = box_head(path, at, end - at, bytes(data[at : min(end, at + 16)]))
        yield BoxSpan(kind, f"{path}/{box_name(kind)}", at, at + head, at + length)
        at += length
