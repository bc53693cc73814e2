"""Gives out content keys: the 16 bytes that HLS asks for, and ClearKey licences.

Whoever asks has shown an edge a token for the title (the origin is reached by edges alone), so what
is left to judge is whether a key is the title's. No answer here may be stored by anyone.
"""

from collections.abc import AsyncIterator
from typing import ClassVar, Final

from core.errors import Fault, InputFault
from core.protection.content_key import KID_BYTES, ContentKey
from core.protection.licence import (
    LONGEST_REQUEST_BYTES,
    KeyNotHeld,
    MalformedLicenceRequest,
    licence,
    read_request,
)
from origin.delivery.answer import Answer, Asked
from origin.delivery.offers import find_key
from origin.delivery.protected import ProtectedSegments
from origin.delivery.titles import Titles
from origin.repository import Title
from runtime.metrics import Metrics

KEY_TYPE: Final = "application/octet-stream"
LICENCE_TYPE: Final = "application/json"
PRIVATE: Final = (("Cache-Control", "private, no-store"), ("CDN-Cache-Control", "no-store"))


class NoSuchKey(InputFault):
    """The title has no key of this id."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "media.key_not_found"


class KeyDesk:
    """Answers requests for keys."""

    def __init__(self, titles: Titles, protected: ProtectedSegments, metrics: Metrics) -> None:
        self._titles = titles
        self._protected = protected
        self._count = metrics.counter_family(
            "sluice_origin_keys_total",
            "Content keys that were given out or refused, by who asked and how it ended.",
            ("form", "outcome"),
        )

    async def key(self, asked: Asked, playback_id: str, name: str) -> Answer:
        """Give one key as it is. Raises `NoSuchKey`, `NothingToPlay` and what unwrapping does."""
        try:
            title = await self._titles.get(playback_id)
            kid = bytes.fromhex(name) if len(name) == 2 * KID_BYTES and name.isascii() else b""
            if find_key(title, kid) is None or kid.hex() != name:
                raise NoSuchKey(f"{playback_id!r} has no key {name[:64]!r}")
            secret = self._protected.content_key(title, kid).secret
        except ValueError as error:
            self._count("key", "refused").inc()
            raise NoSuchKey(f"{name[:64]!r} is no key id") from error
        except Fault as fault:
            self._note("key", fault)
            raise
        self._count("key", "given").inc()
        return _answer(asked, secret, KEY_TYPE)

    async def licence(
        self, asked: Asked, playback_id: str, body: AsyncIterator[bytes] | None
    ) -> Answer:
        """Give the keys that a ClearKey licence request names: all of them, or none.

        Raises `MalformedLicenceRequest`, `KeyNotHeld` and what `key` does.
        """
        try:
            title = await self._titles.get(playback_id)
            kids = read_request(await _whole(body))
            keys = [self._held(title, kid) for kid in kids]
        except Fault as fault:
            self._note("licence", fault)
            raise
        self._count("licence", "given").inc()
        return _answer(asked, licence(keys), LICENCE_TYPE)

    def _held(self, title: Title, kid: bytes) -> ContentKey:
        if find_key(title, kid) is None:
            raise KeyNotHeld(f"{title.playback_id!r} has no key {kid.hex()}")
        return self._protected.content_key(title, kid)

    def _note(self, form: str, fault: Fault) -> None:
        self._count(form, "refused" if fault.status < 500 else "failed").inc()


async def _whole(body: AsyncIterator[bytes] | None) -> bytes:
    """Read the body of a licence request, which is short."""
    if body is None:
        raise MalformedLicenceRequest("a licence request has a body")
    read = bytearray()
    async for chunk in body:
        read += chunk
        if len(read) > LONGEST_REQUEST_BYTES:
            raise MalformedLicenceRequest(
                f"a licence request of over {LONGEST_REQUEST_BYTES} bytes"
            )
    return bytes(read)


def _answer(asked: Asked, text: bytes, kind: str) -> Answer:
    fields = (("Content-Type", kind), *PRIVATE, ("Content-Length", str(len(text))))
    return Answer(200, fields, len(text), () if asked.method == "HEAD" else (text,))
