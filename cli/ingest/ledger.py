"""Which files `up` has put into its library, so that the same one is not taken in twice."""

import contextlib
from pathlib import Path
from typing import Final

import msgspec

LEDGER_NAME: Final = "ingested.json"
ENTRY_LIMIT: Final = 10_000


class Entry(msgspec.Struct, frozen=True):
    """One file that was acknowledged."""

    name: str
    size_bytes: int
    sha256: str
    video_id: str


class Ledger:
    """A small file in the data folder. Losing it only means that a file is taken in again."""

    def __init__(self, data: Path) -> None:
        self._path = data / LEDGER_NAME

    def candidates(self, name: str, size_bytes: int) -> list[Entry]:
        """List the entries that could be this file, by its name and size."""
        return [
            entry for entry in self._read() if entry.name == name and entry.size_bytes == size_bytes
        ]

    def add(self, entry: Entry) -> None:
        """Remember one file."""
        entries = [*self._read(), entry][-ENTRY_LIMIT:]
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(entries))
        fresh.rename(self._path)

    def _read(self) -> list[Entry]:
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
            return msgspec.json.decode(self._path.read_bytes(), type=list[Entry])
        return []
