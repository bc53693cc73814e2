"""Where the parts of a track that is one file lie."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileHead:
    """How a track's file begins: an init segment, then a `sidx`; their bytes."""

    init_bytes: int
    index_bytes: int

    @property
    def head_bytes(self) -> int:
        """The bytes before the first fragment."""
        return self.init_bytes + self.index_bytes


@dataclass(frozen=True, slots=True)
class FileLayout(FileHead):
    """Where the parts of a track's file lie, in bytes.

    `fragments` says where each fragment begins and, at last, where the file ends.
    """

    fragments: tuple[int, ...]

    @property
    def length(self) -> int:
        """The bytes of the whole file."""
        return self.fragments[-1]

    def within(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Give the fragments that have bytes from `start` up to, not including, `stop`.

        Each with its number, and which of its own bytes those are: from, and up to. Raises
        `ValueError` where the stretch is not within the file.
        """
        if not 0 <= start <= stop <= self.length:
            raise ValueError(f"bytes {start} to {stop} of a file of {self.length}")
        return self._within(start, stop)

    def _within(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        number = max(0, bisect_right(self.fragments, start) - 1)
        while number < len(self.fragments) - 1 and max(start, self.fragments[number]) < stop:
            begin, end = self.fragments[number], self.fragments[number + 1]
            yield number, max(start, begin) - begin, min(stop, end) - begin
            number += 1
