"""Master keys: content keys are stored wrapped under one of them, by AES-256-GCM (SP 800-38D).

A wrapped key says which master key it needs, so that one can follow another: the first of the ring
wraps, all unwrap.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import ClassVar, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import OperatorFault

MOST_KEYS: Final = 16
SECRET_BYTES: Final = 32
NONCE_BYTES: Final = 12

_KEY: Final = re.compile(r"(?P<name>[A-Za-z0-9_-]{1,32}):(?P<secret>[A-Za-z0-9+/_-]{1,64}={0,2})")


class MalformedMasterKeys(OperatorFault):
    """The ring of master keys cannot be used; the message never holds a secret."""

    code: ClassVar[str] = "master_key.malformed"


class MasterKeyMissing(OperatorFault):
    """There is no master key, or not the one that a content key was wrapped under."""

    code: ClassVar[str] = "master_key.missing"


class DamagedContentKey(OperatorFault):
    """A wrapped content key is not what was stored, or its master key is another of that name."""

    code: ClassVar[str] = "content_key.damaged"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One key and its name."""

    name: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """The keys in force, the one that wraps first."""

    keys: tuple[MasterKey, ...] = ()

    @property
    def first(self) -> MasterKey:
        """The one that wraps. Raises `MasterKeyMissing`."""
        if not self.keys:
            raise MasterKeyMissing(
                "there is no master key to keep content keys under: set SLUICE_MASTER_KEY"
            )
        return self.keys[0]


NO_MASTER_KEYS: Final = MasterKeys()


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A content key as it is stored; `master` names its master key, `sealed` ends in the tag."""

    master: str
    nonce: bytes
    sealed: bytes


def parse_master_keys(text: str) -> MasterKeys:
    """Read `name:base64` keys of 32 bytes, separated by commas. Raises `MalformedMasterKeys`."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not 1 <= len(parts) <= MOST_KEYS:
        raise MalformedMasterKeys(f"there are {len(parts)} master keys; 1 to {MOST_KEYS} can be")
    keys = tuple(_parse(part, place) for place, part in enumerate(parts, 1))
    if len({key.name for key in keys}) < len(keys):
        raise MalformedMasterKeys("two master keys have the same name")
    return MasterKeys(keys)


def _parse(part: str, place: int) -> MasterKey:
    match = _KEY.fullmatch(part)
    if match is None:
        raise MalformedMasterKeys(f"master key {place} is not written as name:base64")
    text = match["secret"].rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        secret = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise MalformedMasterKeys(f"master key {match['name']!r} is no base64") from error
    if len(secret) != SECRET_BYTES:
        raise MalformedMasterKeys(
            f"master key {match['name']!r} has {len(secret)} bytes; {SECRET_BYTES} are needed"
        )
    return MasterKey(match["name"], secret)


def wrap(keys: MasterKeys, secret: bytes, label: bytes, nonce: bytes) -> WrappedKey:
    """Wrap a secret under the first master key; only with the same `label` can it be unwrapped.

    `nonce` has 12 random bytes. Raises `MasterKeyMissing`.
    """
    master = keys.first
    return WrappedKey(master.name, nonce, AESGCM(master.secret).encrypt(nonce, secret, label))


def unwrap(keys: MasterKeys, wrapped: WrappedKey, label: bytes) -> bytes:
    """Give the secret. Raises `MasterKeyMissing` and `DamagedContentKey`."""
    for master in keys.keys:
        if master.name == wrapped.master:
            try:
                return AESGCM(master.secret).decrypt(wrapped.nonce, wrapped.sealed, label)
            except (InvalidTag, ValueError) as error:
                raise DamagedContentKey(
                    f"a content key does not open with master key {master.name!r}"
                ) from error
    raise MasterKeyMissing(
        f"a content key was wrapped under master key {wrapped.master!r}, which SLUICE_MASTER_KEY "
        "does not hold"
    )
