"""Content keys: what tracks are encrypted with, and what of them manifests may know."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from core.protection.scheme import Scheme

KEY_BYTES: Final = 16
KID_BYTES: Final = 16
VECTOR_BYTES: Final = 16
HASH_DIGITS: Final = 20
MOST_NAMES: Final = 1024
"""Of builds under keys that are remembered: each request for a segment has one."""
TRACKS_OF_A_KEY: Final = 2**32
SAMPLES_OF_A_TRACK: Final = 2**32


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What may be known of a track's key: its id, the scheme, and the constant vector of `cbcs`.

    `track` tells tracks under one key apart, so that no two of them get the same keystream.
    """

    scheme: Scheme
    kid: bytes
    vector: bytes
    track: int

    @property
    def first_vector(self) -> bytes:
        """What the samples of the track begin with: for `cenc` 8 bytes, of which 4 count samples.

        Raises `ValueError` for a track beyond 32 bits.
        """
        if self.scheme is Scheme.CBCS:
            return self.vector
        if not 0 <= self.track < TRACKS_OF_A_KEY:
            raise ValueError(f"track number {self.track} does not fit 32 bits")
        return (self.track * SAMPLES_OF_A_TRACK).to_bytes(8)


@dataclass(frozen=True, slots=True)
class ContentKey:
    """A key in the clear. It is never logged, and never written down."""

    kid: bytes
    secret: bytes = field(repr=False)


@lru_cache(MOST_NAMES)
def protected_build_hash(build_hash: str, use: KeyUse) -> str:
    """Name what comes of a build under a key: 20 hexadecimal digits.

    Everything that decides its bytes is in it but the key, for which its id stands.
    """
    # Imported here: who packages in the clear needs no keys, and it loads a library.
    import hashlib  # noqa: PLC0415 - see above

    hashed = hashlib.sha256(b"sluice protected build\n")
    hashed.update(f"{build_hash}\n{use.scheme}\n{use.track}\n".encode())
    hashed.update(use.kid + use.vector)
    return hashed.hexdigest()[:HASH_DIGITS]


def resource_vector(use: KeyUse, name: str) -> bytes:
    """Give the vector of one resource of a track, the file `name`, that is encrypted as a whole.

    It need not be secret, only another for each resource under a key (SP 800-38A §6.2 asks that it
    cannot be foretold by who chooses the plaintext, which is nobody here).
    """
    import hashlib  # noqa: PLC0415 - as above

    hashed = hashlib.sha256(b"sluice resource\n" + use.kid)
    hashed.update(f"{use.track}\n{name}".encode())
    return hashed.digest()[:VECTOR_BYTES]
