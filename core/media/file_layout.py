"""Where the parts of a track that is one file lie."""

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
