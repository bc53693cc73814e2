"""`sluice package --protection`: which keys a folder is encrypted under, given or made."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from core.errors import InputFault
from core.media.presentation import TrackKind
from core.protection.content_key import KEY_BYTES, KID_BYTES, VECTOR_BYTES, ContentKey
from core.protection.scheme import Scheme
from origin.static.request import PackageProtection

MOST_KEYS: Final = 2


class MalformedKey(InputFault):
    """A key of the command line cannot be read; the message never holds a secret."""

    code = "package.key"


def chosen_protection(
    scheme: Scheme | None, given: Sequence[str], folder: Path, keys_file: Path | None
) -> PackageProtection | None:
    """Give what the options ask for; None where nothing is to be encrypted.

    Without keys some are made, for `keys_file` or a file beside the folder. Raises `MalformedKey`.
    """
    if scheme is None:
        if given or keys_file is not None:
            raise MalformedKey("--key and --keys-file belong to --protection")
        return None
    if len(given) > MOST_KEYS:
        raise MalformedKey(f"{len(given)} keys; one is for everything, two for pictures and sound")
    keys = [_key(text, place) for place, text in enumerate(given, 1)]
    kept = None
    if not keys:
        keys = [_made(), _made()]
        absolute = folder.absolute()
        kept = keys_file or absolute.with_name(f"{absolute.name}.keys.json")
    elif keys_file is not None:
        raise MalformedKey("--keys-file is for keys that are made, and --key gives some")
    by_kind = {TrackKind.VIDEO: keys[0], TrackKind.AUDIO: keys[-1]}
    return PackageProtection(scheme, by_kind, secrets.token_bytes(VECTOR_BYTES), kept)


def _made() -> ContentKey:
    return ContentKey(secrets.token_bytes(KID_BYTES), secrets.token_bytes(KEY_BYTES))


def _key(text: str, place: int) -> ContentKey:
    kid, _, secret = text.partition(":")
    try:
        key = ContentKey(bytes.fromhex(kid.replace("-", "")), bytes.fromhex(secret))
    except ValueError as error:
        raise MalformedKey(f"key {place} is not written as KID:KEY, both hexadecimal") from error
    if len(key.kid) != KID_BYTES or len(key.secret) != KEY_BYTES:
        raise MalformedKey(f"key {place} is not of {KID_BYTES} bytes behind {KID_BYTES}")
    return key
