"""A 206 as what it is a part of (RFC 9110 §15.3.7, RFC 9111 §3.4)."""

from dataclasses import dataclass
from typing import Final

from core.http.byterange import ByteSpan, parse_content_range
from core.http.conditional import is_weak
from core.http.fields import Headers, first, without

_OF_THE_PART: Final = frozenset({"content-range", "content-length"})


@dataclass(frozen=True, slots=True)
class Part:
    """Which bytes came, of how many, and the strong tag of the representation they are of.

    `fields` are those that a 200 with the whole would have had.
    """

    span: ByteSpan
    total: int
    etag: str
    fields: Headers


def read_part(status: int, headers: Headers) -> Part | None:
    """Read the head of a 206.

    None when its bytes could not be put together with others: it has several ranges, does not say
    how much there is in all, or has no strong tag.
    """
    etag = first(headers, "etag")
    said = parse_content_range(first(headers, "content-range") or "")
    if status != 206 or etag is None or is_weak(etag) or said is None:
        return None
    return Part(*said, etag, without(headers, _OF_THE_PART))
