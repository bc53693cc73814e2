"""The errors of the parsers, shared by both twins."""

from typing import Final

PRINTABLE: Final = frozenset(range(0x20, 0x7F))


class CorruptIndex(ValueError):
    """A track index contradicts itself.

    `field` names what is wrong as the format does, `offset` says at which byte of the index it
    stands.
    """

    def __init__(self, field: str, offset: int, problem: str) -> None:
        super().__init__(f"{field} at byte {offset} {problem}")
        self.field = field
        self.offset = offset


class MalformedMovie(ValueError):
    """A file of the MP4 family contradicts itself or the standard.

    `path` names the box, as in `moov/trak[1]/mdia`; `offset` is the byte that is wrong, of what was
    read: of the file, once `moved` has added where that lies in it.
    """

    def __init__(self, path: str, offset: int, problem: str) -> None:
        super().__init__(f"{path} at byte {offset} {problem}")
        self.path = path
        self.offset = offset
        self.problem = problem

    def moved(self, start: int) -> "MalformedMovie":
        """Give the same refusal for a part of a file that begins at byte `start`."""
        return MalformedMovie(self.path, self.offset + start, self.problem)


class UnfitTimes(ValueError):
    """The times of a track are not in the usual order; its samples have to be looked at singly."""


def box_name(kind: bytes) -> str:
    """Give a box's four letters for a message, in hexadecimal where they are none."""
    return kind.decode("ascii") if PRINTABLE.issuperset(kind) else f"0x{kind.hex()}"
