"""The content keys of a title, as the row of a query has them."""

import msgspec

from core.media.presentation import TrackKind
from core.protection.master_key import WrappedKey
from core.protection.scheme import Scheme
from core.protection.stored_key import StoredKey


class _Row(msgspec.Struct, frozen=True):
    """One row of `content_keys`; bytes are written in base64."""

    scheme: Scheme
    kind: TrackKind
    master: str
    kid: bytes
    vector: bytes
    nonce: bytes
    sealed: bytes


_ROWS = msgspec.json.Decoder(list[_Row])


def read_content_keys(video_id: str, text: str | None) -> tuple[StoredKey, ...]:
    """Give the keys that a JSON array names; without one there are none."""
    if text is None:
        return ()
    return tuple(
        StoredKey(
            video_id, row.scheme, row.kind, row.kid, row.vector,
            WrappedKey(row.master, row.nonce, row.sealed),
        )
        for row in _ROWS.decode(text)
    )  # fmt: skip
