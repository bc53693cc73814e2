"""Keys of one installation that `up` makes once and keeps in its data folder."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

LONGEST_FILE_BYTES: Final = 8192
PRIVATE_MODE: Final = 0o600


def kept_keys(path: Path, make: Callable[[], str]) -> str:
    """The keys in a file, one a line, as their setting has them; makes one where there is no file.

    Raises `OSError` and `UnicodeDecodeError`.
    """
    if not path.exists():
        _write(path, make())
    with path.open(encoding="ascii") as file:
        return ",".join(file.read(LONGEST_FILE_BYTES).split())


def _write(path: Path, text: str) -> None:
    """Make the file for our eyes only, whole or not at all, and so that it survives a power cut."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)  # left behind by an attempt that was killed
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(descriptor)
    fresh.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
