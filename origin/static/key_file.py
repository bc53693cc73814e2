"""The file of the keys that were made for a folder: it has the only copy of them."""

import os
from pathlib import Path
from typing import Final

import msgspec

from core.protection.scheme import Scheme
from origin.static.request import PackageProtection, RefusedFolder
from origin.static.writing import writing

PRIVATE_MODE: Final = 0o600
ELSEWHERE: Final = "name another place with --keys-file"


class KeyFile(msgspec.Struct, frozen=True):
    """What is written of keys that were made: all in hexadecimal."""

    scheme: Scheme
    keys: list[dict[str, str]]


def check_place(path: Path, folder: Path) -> None:
    """Raise `RefusedFolder` where keys of a folder that is to be made cannot be kept."""
    place, real = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    if place.is_relative_to(real):
        raise RefusedFolder(
            f"{path} is within {folder}, which is replaced as a whole and served: {ELSEWHERE}"
        )
    if real.is_relative_to(place):
        raise RefusedFolder(f"{path} is a folder that {folder} lies in: {ELSEWHERE}")
    if os.path.lexists(path):
        raise RefusedFolder(
            f"{path} is there already, and keys are never written over: move it away, or "
            f"{ELSEWHERE}"
        )
    parent = place.parent
    if real.is_relative_to(parent):
        return  # it is made together with the folder
    with writing(path):
        fits = parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)
    if not fits:
        raise RefusedFolder(f"{parent} is not a folder that can be written: {ELSEWHERE}")


def write_keys(path: Path, protection: PackageProtection) -> None:
    """Write the keys for their owner's eyes alone, or nothing.

    Raises `StorageFull` and `RefusedFolder`, also where there is such a file.
    """
    keys = [
        {"kind": kind.value, "kid": key.kid.hex(), "key": key.secret.hex()}
        for kind, key in protection.keys.items()
    ]
    with writing(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(KeyFile(protection.scheme, keys)) + b"\n")
        except BaseException:
            path.unlink()
            raise
