"""The media keys of one installation: made once, kept in its data folder, handed to processes."""

import base64
import os
import secrets
from pathlib import Path
from typing import Final

from core.errors import OperatorFault
from core.http.media_token import MalformedKeys, parse_keys

KEYS_NAME: Final = "media.keys"
SECRET_BYTES: Final = 32
LONGEST_FILE_BYTES: Final = 8192
PRIVATE_MODE: Final = 0o600


class MediaKeysUnusable(OperatorFault):
    """The file with the media keys cannot be read, written or understood."""

    code = "media_keys.unusable"


def media_keys(data: Path) -> str:
    """The key ring kept in `data`, as SLUICE_MEDIA_KEYS has it; makes one where there is none.

    The file holds one key a line, the signing one first. Raises `MediaKeysUnusable`.
    """
    path = data / KEYS_NAME
    try:
        if not path.exists():
            _write(path, new_key())
        with path.open(encoding="ascii") as file:
            text = ",".join(file.read(LONGEST_FILE_BYTES).split())
        parse_keys(text)
    except OSError as error:
        raise MediaKeysUnusable(f"cannot use {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise MediaKeysUnusable(f"{path} is no text") from error
    except MalformedKeys as fault:
        raise MediaKeysUnusable(f"{path}: {fault.message}") from fault
    return text


def new_key() -> str:
    """A fresh key under a fresh name."""
    secret = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")
    return f"k{secrets.token_hex(3)}:{secret}"


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
