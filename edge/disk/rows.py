"""How stored responses are written into the index, and read again.

Of a head only what arrived is written. What follows from it is worked out anew when it is read, so
that a newer Sluice judges an older entry as it judges a new one.
"""

import struct
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, TypeAlias

import msgspec

from core.cache.stored import StoredHead, restored
from core.http.cache_key import CacheKey
from core.http.vary import Variant

Column: TypeAlias = "int | float | bytes | None"

_DIGEST_BYTES: Final = 8
_NUMBERS: Final = struct.Struct("<qqq?d")


class _Head(msgspec.Struct, array_like=True, frozen=True):
    status: int
    media: bool
    received_s: float
    initial_age_s: float
    fields: list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """A row of `objects`, but for its digest. `length` is None until all of the body has come."""

    id: int
    resource: bytes
    variant: bytes
    version: int
    length: int | None
    tags: bytes
    head: bytes
    purged_s: float | None = None

    def columns(self) -> tuple[Column, ...]:
        """What is written."""
        return (*self._own(), self._digest())

    @classmethod
    def read(cls, columns: tuple[Column, ...]) -> "ObjectRow | None":
        """The row with these columns; None when it is not as we wrote it."""
        *own, digest = columns
        try:
            row = cls(*own)  # type: ignore[arg-type]  # what SQLite holds is checked by the digest
            return row if row._digest() == digest else None
        except (TypeError, struct.error, OverflowError):
            return None

    def key(self) -> CacheKey:
        """The key of the response."""
        said = msgspec.msgpack.decode(self.variant, type=list[bytes | None])
        return CacheKey(_text(self.resource), tuple(None if s is None else _text(s) for s in said))

    def _own(self) -> tuple[Column, ...]:
        return (
            self.id,
            self.resource,
            self.variant,
            self.version,
            self.length,
            self.tags,
            self.head,
            self.purged_s,
        )

    def _digest(self) -> bytes:
        digest = blake2b(digest_size=_DIGEST_BYTES)
        length = -1 if self.length is None else self.length
        softened = self.purged_s is not None
        digest.update(_NUMBERS.pack(self.id, self.version, length, softened, self.purged_s or 0.0))
        for part in (self.resource, self.variant, self.tags, self.head):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        return digest.digest()


def object_row(
    number: int, key: CacheKey, head: StoredHead, version: int, length: int | None
) -> ObjectRow:
    """The row of a stored response."""
    return ObjectRow(
        id=number,
        resource=_bytes(key.resource),
        variant=_variant(key.variant),
        version=version,
        length=length,
        tags=b" ".join(_bytes(tag) for tag in sorted(head.tags)),
        head=write_head(head),
        purged_s=head.purged_s,
    )


def tags_of(row: ObjectRow) -> frozenset[str]:
    """The surrogate keys of a row."""
    return frozenset(_text(tag) for tag in row.tags.split(b" ") if tag)


def write_head(head: StoredHead) -> bytes:
    """A head as bytes, but for its soft purge."""
    fields = [(_bytes(name), _bytes(value)) for name, value in head.fields]
    written = _Head(head.status, head.media, head.received_s, head.initial_age_s, fields)
    return msgspec.msgpack.encode(written)


def read_head(written: bytes, purged_s: float | None) -> StoredHead:
    """A head again. Raises `msgspec.MsgspecError` and `ValueError` for what is none."""
    head = msgspec.msgpack.decode(written, type=_Head)
    return restored(
        head.status,
        tuple((_text(name), _text(value)) for name, value in head.fields),
        media=head.media,
        received_s=head.received_s,
        initial_age_s=head.initial_age_s,
        purged_s=purged_s,
    )


def _variant(variant: Variant) -> bytes:
    return msgspec.msgpack.encode([None if said is None else _bytes(said) for said in variant])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
