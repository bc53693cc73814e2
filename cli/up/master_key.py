"""The master key of one installation, under which the content keys of its videos are kept."""

import base64
import secrets
from pathlib import Path
from typing import Final

from cli.up.key_file import kept_keys
from core.errors import OperatorFault
from core.protection.master_key import SECRET_BYTES, MalformedMasterKeys, parse_master_keys

KEYS_NAME: Final = "master.key"


class MasterKeyUnusable(OperatorFault):
    """The file with the master key cannot be read, written or understood."""

    code = "master_key.unusable"


def master_keys(data: Path) -> str:
    """The ring kept in `data`, as SLUICE_MASTER_KEY has it; makes one where there is none.

    The file holds one key a line, the one that wraps first. Raises `MasterKeyUnusable`.
    """
    path = data / KEYS_NAME
    try:
        text = kept_keys(path, new_master_key)
        parse_master_keys(text)
    except OSError as error:
        raise MasterKeyUnusable(f"cannot use {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise MasterKeyUnusable(f"{path} is no text") from error
    except MalformedMasterKeys as fault:
        raise MasterKeyUnusable(f"{path}: {fault.message}") from fault
    return text


def new_master_key() -> str:
    """A fresh key under a fresh name."""
    secret = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")
    return f"m{secrets.token_hex(3)}:{secret}"
