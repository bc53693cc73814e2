"""What the tables and the fragments of a track have in common: a sample, and how far it got."""

from dataclasses import dataclass
from typing import NamedTuple

from native.errors import MalformedMovie

LATEST_TIME = 2**62
LONGEST_DURATION = 2**31 - 1
SYNC, OPEN_RANDOM_ACCESS = 1, 2


class Sample(NamedTuple):
    """One sample; see `SampleRun` for the units."""

    offset: int
    size: int
    decode_time: int
    composition_offset: int
    duration: int
    access: int
    description: int


@dataclass(slots=True)
class Reached:
    """How far a track's samples have got in a file of `file_bytes`.

    `samples` were found; `duration` is the decode time behind the last one, `last_time` that of the
    last one itself. `data_end` is the byte behind the farthest, and `ascending` holds while each
    chunk lies behind all before it.
    """

    file_bytes: int
    samples: int = 0
    duration: int = 0
    last_time: int = -1
    data_end: int = 0
    ascending: bool = True

    def claim(self, path: str, at: int, offset: int, length: int) -> None:
        """Check that bytes lie within the file, and note whether they lie behind all others."""
        self.check_within(path, at, offset, length)
        if offset < self.data_end:
            self.ascending = False
        self.data_end = max(self.data_end, offset + length)

    def check_within(self, path: str, at: int, offset: int, length: int) -> None:
        """Check that bytes lie within the file."""
        size = self.file_bytes
        if offset > size or length > size - offset:
            raise MalformedMovie(
                path, at, f"places {length} bytes at {offset}, beyond the file's {size}"
            )
