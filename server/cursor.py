"""Cursors: where a listing goes on, as a text that only we can write.

A cursor holds the sort key and id of the last item handed out (keyset pagination, so items that
come and go in between shift nothing) and an HMAC over both and over the *scope*, which is the
endpoint with its filters: a cursor of one listing is refused by any other.
"""

import base64
import binascii
import hashlib
import hmac

import msgspec

from server.faults import InvalidCursor

LONGEST_CURSOR = 4096
_MAC_BYTES = 16


class CursorKey:
    """The secret that cursors are signed with."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, scope: str, position: tuple[str, str]) -> str:
        """The cursor after `position`, a (sort key, id), in the listing `scope`."""
        payload = msgspec.json.encode(position)
        return base64.urlsafe_b64encode(self._mac(scope, payload) + payload).decode().rstrip("=")

    def open(self, scope: str, cursor: str) -> tuple[str, str]:
        """The position in `cursor`. Raises `InvalidCursor` unless we sealed it for `scope`."""
        token = _decode(cursor)
        mac, payload = token[:_MAC_BYTES], token[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(scope, payload)):
            raise InvalidCursor("the cursor does not belong to this listing with these filters")
        return msgspec.json.decode(payload, type=tuple[str, str])

    def _mac(self, scope: str, payload: bytes) -> bytes:
        message = scope.encode() + b"\0" + payload
        return hmac.new(self._secret, message, hashlib.sha256).digest()[:_MAC_BYTES]


def _decode(cursor: str) -> bytes:
    if len(cursor) > LONGEST_CURSOR:
        raise InvalidCursor(f"a cursor of {len(cursor)} characters is none of ours")
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidCursor("the cursor is not in base64url") from error
