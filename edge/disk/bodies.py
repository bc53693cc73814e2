"""The files of the slices: written once, renamed into place, unlinked, and never changed.

A file is named by the id of its slice, which no other slice ever has. Its checksum also covers
whose slice it is, so that one file cannot stand for another.
"""

import os
import re
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.disk.values import Body

FOLDER: Final = "bodies"
UNFINISHED: Final = ".new"
_ID_DIGITS: Final = 16
_NAME: Final = re.compile(rf"([0-9a-f]{{{_ID_DIGITS}}})(?:{re.escape(UNFINISHED)})?", re.ASCII)
_IDENTITY: Final = struct.Struct("<qqq")


@dataclass(frozen=True, slots=True)
class SliceIdentity:
    """Which slice a file holds: its id, its object's, and its number there."""

    id: int
    object: int
    number: int

    def checksum(self, body: Body) -> int:
        """The checksum of these bytes as the bytes of this slice."""
        return zlib.crc32(body, zlib.crc32(_IDENTITY.pack(self.id, self.object, self.number)))


class OpenBody:
    """A file of a slice, open until it is closed, or nobody has this any more."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def close(self) -> None:
        """Close it, for good; once is enough."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __del__(self) -> None:
        self.close()


class Bodies:
    """The files below one folder; every method may wait for the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def path(self, number: int) -> Path:
        """Where the slice with this id lies."""
        name = f"{number:0{_ID_DIGITS}x}"
        return self._folder / name[-2:] / name

    def write(self, number: int, body: Body) -> None:
        """Put a slice in place. Raises `OSError`, and has then left nothing behind."""
        path = self.path(number)
        unfinished = path.with_name(path.name + UNFINISHED)
        try:
            _write(unfinished, body)
            unfinished.rename(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise

    def read(self, identity: SliceIdentity, size_bytes: int, checksum: int) -> bytes | None:
        """The bytes of a slice; None when they are not those that were written.

        Raises `OSError` where that cannot be told.
        """
        try:
            with self.path(identity.id).open("rb", buffering=0) as file:
                body = _read(file.fileno(), size_bytes)
        except FileNotFoundError:
            return None
        whole = len(body) == size_bytes
        return body if whole and identity.checksum(body) == checksum else None

    def open(
        self, identity: SliceIdentity, size_bytes: int, checksum: int, *, checked: bool
    ) -> OpenBody | None:
        """The file of a slice; None when it is not as it was written.

        One that was not `checked` in this process is read whole, and is in memory then. Raises
        `OSError` where nothing can be told.
        """
        try:
            opened = OpenBody(os.open(self.path(identity.id), os.O_RDONLY | os.O_CLOEXEC))
        except FileNotFoundError:
            return None
        if checked:
            return opened if os.fstat(opened.descriptor).st_size == size_bytes else None
        body = _read(opened.descriptor, size_bytes)
        whole = len(body) == size_bytes
        return opened if whole and identity.checksum(body) == checksum else None

    def unlink(self, number: int) -> None:
        """Delete a slice; that it is not there is fine."""
        with suppress(OSError):
            self.path(number).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """How much may still be written to the file system. Raises `OSError`."""
        state = os.statvfs(self._folder.parent)
        return state.f_bavail * state.f_frsize

    def sweep(self, is_orphan: Callable[[int], bool], go_on: Callable[[], bool]) -> int:
        """Delete the files that belong to nobody, by their ids; return how many.

        Files that are not named as ours are left alone.
        """
        return sum(
            self._sweep(self._folder / f"{place:02x}", is_orphan) for place in range(256) if go_on()
        )

    def _sweep(self, folder: Path, is_orphan: Callable[[int], bool]) -> int:
        count = 0
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                number = _id(entry.name)
                if number is not None and is_orphan(number):
                    with suppress(OSError):
                        Path(entry.path).unlink()
                        count += 1
        return count


def _id(name: str) -> int | None:
    found = _NAME.fullmatch(name)
    return None if found is None else int(found[1], 16)


def _write(path: Path, body: Body) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
    try:
        rest = memoryview(body)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _read(descriptor: int, size_bytes: int) -> bytes:
    """Up to one byte more than is expected, so that a file that has grown is noticed."""
    pieces = []
    left = size_bytes + 1
    while left and (piece := os.read(descriptor, left)):
        pieces.append(piece)
        left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
