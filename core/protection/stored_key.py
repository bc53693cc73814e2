"""A content key as the database has it: everything but the key itself can be read."""

from dataclasses import dataclass
from typing import Final

from core.media.presentation import TrackKind
from core.protection.content_key import ContentKey
from core.protection.master_key import MasterKeys, WrappedKey, unwrap, wrap
from core.protection.scheme import Scheme

KINDS: Final = (TrackKind.VIDEO, TrackKind.AUDIO)
"""What has a key of its own; text is not encrypted."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """The key of all tracks of one kind of a video under one scheme."""

    video_id: str
    scheme: Scheme
    kind: TrackKind
    kid: bytes
    vector: bytes
    wrapped: WrappedKey

    @property
    def label(self) -> bytes:
        """What the wrapping is bound to, so that no row can pass for another."""
        return label_of(self.video_id, self.scheme, self.kind, self.kid)

    def unwrapped(self, keys: MasterKeys) -> ContentKey:
        """Give the key in the clear. Raises `MasterKeyMissing` and `DamagedContentKey`."""
        return ContentKey(self.kid, unwrap(keys, self.wrapped, self.label))


def label_of(video_id: str, scheme: Scheme, kind: TrackKind, kid: bytes) -> bytes:
    """Name a content key and what it is for."""
    return f"sluice content key\n{video_id}\n{scheme}\n{kind}\n{kid.hex()}".encode()


def rewrapped(key: StoredKey, keys: MasterKeys, nonce: bytes) -> WrappedKey:
    """Wrap a key anew under the first master key. Raises what `unwrapped` does."""
    return wrap(keys, key.unwrapped(keys).secret, key.label, nonce)
