"""ClearKey licences: a player names key ids and gets the keys (Encrypted Media Extensions §9.1).

Who may ask was decided before: here is only what is asked and what is answered.
"""

import base64
import binascii
from collections.abc import Iterable
from typing import ClassVar, Final

import msgspec

from core.errors import InputFault
from core.protection.content_key import KID_BYTES, ContentKey

LONGEST_REQUEST_BYTES: Final = 16_384
MOST_KIDS: Final = 64
TEMPORARY: Final = "temporary"


class MalformedLicenceRequest(InputFault):
    """The body is no licence request of ClearKey (§9.1.3)."""

    code: ClassVar[str] = "licence.malformed"


class KeyNotHeld(InputFault):
    """The title has no such key: it was never its own, or is not any more."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "licence.not_entitled"


class _Request(msgspec.Struct, frozen=True):
    kids: list[str]
    type: str = TEMPORARY


class _Key(msgspec.Struct, frozen=True):
    """A symmetric key as a JSON Web Key (RFC 7517 §4, RFC 7518 §6.4)."""

    kid: str
    k: str
    kty: str = "oct"


class _Licence(msgspec.Struct, frozen=True):
    keys: list[_Key]
    type: str = TEMPORARY


def read_request(body: bytes) -> tuple[bytes, ...]:
    """Give the key ids that a request names, each once. Raises `MalformedLicenceRequest`."""
    if len(body) > LONGEST_REQUEST_BYTES:
        raise MalformedLicenceRequest(f"a licence request of {len(body)} bytes")
    try:
        asked = msgspec.json.decode(body, type=_Request)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedLicenceRequest(f"the licence request cannot be read: {error}") from error
    if asked.type != TEMPORARY:
        raise MalformedLicenceRequest(f"licences are {TEMPORARY}, not {asked.type!r}")
    if not 1 <= len(asked.kids) <= MOST_KIDS:
        raise MalformedLicenceRequest(f"{len(asked.kids)} key ids; 1 to {MOST_KIDS} can be asked")
    return tuple(dict.fromkeys(map(_kid, asked.kids)))


def licence(keys: Iterable[ContentKey]) -> bytes:
    """Write the licence that holds these keys."""
    listed = [_Key(_text(key.kid), _text(key.secret)) for key in keys]
    return msgspec.json.encode(_Licence(listed))


def _kid(text: str) -> bytes:
    try:
        kid = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise MalformedLicenceRequest(f"{text[:64]!r} is no base64url") from error
    if len(kid) != KID_BYTES:
        raise MalformedLicenceRequest(f"{text[:64]!r} is no key id of {KID_BYTES} bytes")
    return kid


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
