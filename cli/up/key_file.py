"""Keys of one installation that `up` makes once and keeps in its data folder."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from core.errors import OperatorFault

LONGEST_FILE_BYTES: Final = 8192
PRIVATE_MODE: Final = 0o600
SECRET_BYTES: Final = 32


def kept_ring(
    path: Path,
    prefix: str,
    parse: Callable[[str], object],
    unusable: Callable[[str], OperatorFault],
) -> str:
    """The ring in a file, one key a line, as its setting has it; makes one where there is no file.

    `prefix` begins the name of a new key. Raises what `unusable` makes of a message where the file
    cannot be read or written, or `parse` raises.
    """
    try:
        if not path.exists():
            _write(path, new_key(prefix))
        with path.open(encoding="ascii") as file:
            text = ",".join(file.read(LONGEST_FILE_BYTES).split())
        parse(text)
    except OSError as error:
        raise unusable(f"cannot use {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise unusable(f"{path} is no text") from error
    except OperatorFault as fault:
        raise unusable(f"{path}: {fault.message}") from fault
    return text


def new_key(prefix: str) -> str:
    """A fresh key under a fresh name."""
    secret = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")
    return f"{prefix}{secrets.token_hex(3)}:{secret}"


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
