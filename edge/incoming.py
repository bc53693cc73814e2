"""One request as it came in, whatever the connection is made of."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from core.http.fields import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request whose head has come; `body` is None when it has none.

    `target` is the request target as it was written, `peer` the address at the other end.
    """

    method: str
    target: str
    fields: Headers
    peer: str
    body: AsyncIterator[bytes] | None = None
