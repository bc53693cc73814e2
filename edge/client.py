"""The connection to one client while one request is answered, whatever it is made of."""

from dataclasses import dataclass
from typing import Final, Protocol

from core.http.byterange import ByteSpan
from core.http.fields import Headers
from edge.store import StoredBytes

BODILESS: Final = frozenset({204, 304})
SERVER: Final = "sluice"


class ClientGone(ConnectionError):
    """The client left, or did not take its bytes in time."""


@dataclass(slots=True)
class Account:
    """What has become of one answer: its status once it began, and how much body was handed on.

    `promised_bytes` is how long the head says that the body is, None where it does not. `result` is
    how the request ended, `aborted` until it has; `expected` is what it comes to where the client
    takes all of the answer, which it may have before we know that this was all.
    """

    status: int | None = None
    body_bytes: int = 0
    promised_bytes: int | None = None
    request_id: str = ""
    result: str = "aborted"
    expected: str = "aborted"

    @property
    def complete(self) -> bool:
        """Whether all that the head promised was handed on."""
        return self.promised_bytes is not None and self.body_bytes >= self.promised_bytes


class Client(Protocol):
    """Writes one answer; every write has a deadline."""

    @property
    def account(self) -> Account:
        """What has become of the answer so far."""

    @property
    def begun(self) -> bool:
        """Whether a head is on its way, so that the answer cannot be changed any more."""

    async def begin(self, status: int, fields: Headers, content_length: int | None) -> None:
        """Send the head; None as the length of a body means that its end will be marked."""

    async def send(self, piece: bytes | memoryview) -> None:
        """Send some of the body. Raises `ClientGone` when the client does not take it in time."""

    async def send_stored(self, stored: StoredBytes, span: ByteSpan) -> None:
        """Send some of a stored body."""

    async def end(self) -> None:
        """The answer is whole."""

    def cut(self) -> None:
        """End an answer that cannot be completed so that no client takes it for whole.

        A marked end that does not come says so; without one, only a reset does.
        """
