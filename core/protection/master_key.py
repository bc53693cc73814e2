"""Master keys: content keys are stored wrapped under one of them, by AES-256-GCM (SP 800-38D).

A wrapped key says which master key it needs, so that one can follow another: the first of the ring
wraps, all unwrap.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import OperatorFault
from core.key_ring import read_ring

SECRET_BYTES: Final = 32
NONCE_BYTES: Final = 12


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
    """Read a ring of keys of 32 bytes. Raises `MalformedMasterKeys`."""
    sizes = range(SECRET_BYTES, SECRET_BYTES + 1)
    found = read_ring(text, "master key", sizes, MalformedMasterKeys)
    return MasterKeys(tuple(MasterKey(name, secret) for name, secret in found))


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
