"""A file that counts and hashes what is read from it, so that an upload needs no second reading."""

import hashlib
import io
from pathlib import Path


class CountingFile(io.FileIO):
    """A raw file; `read_bytes` grows as it is read, `digest` covers what was read so far."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.read_bytes = 0
        self._hash = hashlib.sha256()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed's WriteableBuffer is not importable at run time
        """Fill `buffer` from the file."""
        count = super().readinto(buffer) or 0
        self._hash.update(memoryview(buffer)[:count])
        self.read_bytes += count
        return count

    def digest(self) -> str:
        """Give the SHA-256 of what was read, in hex."""
        return self._hash.hexdigest()


def sha256_of(path: Path) -> str:
    """Hash a whole file; blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
