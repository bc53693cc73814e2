"""The media keys of one installation: made once, kept in its data folder, handed to processes."""

import base64
import secrets
from pathlib import Path
from typing import Final

from cli.up.key_file import kept_keys
from core.errors import OperatorFault
from core.http.media_token import MalformedKeys, parse_keys

KEYS_NAME: Final = "media.keys"
SECRET_BYTES: Final = 32


class MediaKeysUnusable(OperatorFault):
    """The file with the media keys cannot be read, written or understood."""

    code = "media_keys.unusable"


def media_keys(data: Path) -> str:
    """The key ring kept in `data`, as SLUICE_MEDIA_KEYS has it; makes one where there is none.

    The file holds one key a line, the signing one first. Raises `MediaKeysUnusable`.
    """
    path = data / KEYS_NAME
    try:
        text = kept_keys(path, new_key)
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
