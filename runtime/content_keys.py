"""Makes content keys, from the system's own randomness."""

import secrets

from core.protection.content_key import KEY_BYTES, KID_BYTES, VECTOR_BYTES
from core.protection.master_key import NONCE_BYTES, MasterKeys, wrap
from core.protection.scheme import Protection
from core.protection.stored_key import KINDS, StoredKey, label_of


def new_content_keys(
    video_id: str, protection: Protection, keys: MasterKeys
) -> tuple[StoredKey, ...]:
    """Make the keys that a protection takes, wrapped. Raises `MasterKeyMissing`."""
    made = []
    for scheme in protection.schemes:
        for kind in KINDS:
            kid = secrets.token_bytes(KID_BYTES)
            label = label_of(video_id, scheme, kind, kid)
            secret, nonce = secrets.token_bytes(KEY_BYTES), new_nonce()
            wrapped = wrap(keys, secret, label, nonce)
            vector = secrets.token_bytes(VECTOR_BYTES)
            made.append(StoredKey(video_id, scheme, kind, kid, vector, wrapped))
    return tuple(made)


def new_nonce() -> bytes:
    """Give what a wrapping under a master key must never share with another."""
    return secrets.token_bytes(NONCE_BYTES)
