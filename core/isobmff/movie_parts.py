"""What is read of an MP4 file before its samples: the index, the fragments, the segment indexes."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FilePart:
    """A whole box of a file: its first byte, where its content begins in `data`, and its bytes."""

    start: int
    content: int
    data: bytes


@dataclass(frozen=True, slots=True)
class MovieParts:
    """What is read of a file of `file_bytes`.

    The index, the fragments (`moof`) and the segment indexes (`sidx`) in order, the brands, the
    first byte of every box at the top of the file, rising, and that of the first `mdat`.
    """

    file_bytes: int
    moov: FilePart | None
    fragments: Sequence[FilePart] = ()
    brands: tuple[bytes, ...] = ()
    indexes: Sequence[FilePart] = ()
    starts: Sequence[int] = field(default_factory=lambda: array("Q"))
    media: int | None = None
