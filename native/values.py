"""Values that both implementations give."""

from typing import Final, NamedTuple

SEGMENT_TYPE_BYTES: Final = 28
"""The length of the `styp` box, with which every media segment begins."""


class RequestHead(NamedTuple):
    """The head of a request that was accepted; `length` counts its bytes, empty line included.

    `content_length` is None when the field is absent. `fields` are as received, in their order,
    without the blanks around their values.
    """

    length: int
    method: bytes
    target: bytes
    minor: int
    fields: tuple[tuple[bytes, bytes], ...]
    keep_alive: bool
    chunked: bool
    content_length: int | None
