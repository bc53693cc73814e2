"""One request that the data plane handed to Python: its body in, its answer out."""

import asyncio
import time
from collections.abc import AsyncIterator
from ipaddress import IPv6Address
from typing import Final

from core.http.byterange import ByteSpan
from core.http.dates import format_http_date
from core.http.fields import Headers, first
from edge.body import PIECE_BYTES
from edge.client import BODILESS, Account
from edge.faults import BrokenBody
from edge.incoming import Incoming
from edge.store import StoredBytes
from edge.wire import field_lines, served, status_line
from native import Crossing, RequestHead, StoredBody, scan_head

# How much may wait for the client: in memory of its own, or of what is stored.
COPIED_BYTES: Final = 256 * 1024
STORED_BYTES: Final = 2 * 2**20
LAST_CHUNK: Final = b"0\r\n\r\n"


class PlaneClient:
    """Writes one answer through the data plane, which sees to it that the client takes it in time.

    When the client leaves, whoever runs the request is cancelled.
    """

    def __init__(self, crossing: Crossing, *, logged: bool = False) -> None:
        head = scan_head(crossing.head)
        assert isinstance(head, RequestHead), "the data plane scanned it, too"
        self._crossing = crossing
        self.account = Account()
        self._head = head
        self._logged = logged
        self._promised = 0
        self._chunked_bytes = 0
        self._conclude = crossing.reset
        self._begun = False
        self._silent = head.method == b"HEAD"
        self._chunked = False
        self._left: int | None = None
        self._writable = asyncio.Event()
        self._body_came = asyncio.Event()

    @property
    def begun(self) -> bool:
        """Whether a head is on its way, so that the answer cannot be changed any more."""
        return self._begun

    def incoming(self) -> Incoming:
        """The request."""
        head = self._head
        return Incoming(
            method=_text(head.method),
            target=_text(head.target),
            fields=tuple((_text(name), _text(value)) for name, value in head.fields),
            peer=_address(self._crossing.peer),
            body=self._body() if head.chunked or head.content_length else None,
        )

    def writable(self) -> None:
        """There is room for more of the answer."""
        self._writable.set()

    def body_came(self) -> None:
        """More of the request's body has come, or its end."""
        self._body_came.set()

    async def begin(self, status: int, fields: Headers, content_length: int | None) -> None:
        """Send the head; None as the length of a body means that its end will be marked."""
        self._begun = True
        self.account.status = status
        bodiless = status in BODILESS
        self._silent = self._silent or bodiless
        self._left = None if self._silent else content_length
        self._chunked = content_length is None and not self._silent and self._head.minor == 1
        lines = [*served(fields)]
        if first(fields, "date") is None:
            lines.append(("Date", format_http_date(int(time.time()))))
        if content_length is not None and status != 204:
            lines.append(("Content-Length", str(content_length)))
        elif self._chunked:
            lines.append(("Transfer-Encoding", "chunked"))
        lines += self._connection_field()
        version = f"HTTP/1.{self._head.minor}".encode("ascii")
        head = version + status_line(status) + field_lines(tuple(lines)) + b"\r\n"
        self._crossing.push(head)
        self._chunked_bytes = len(head)
        if self._silent or content_length is not None:
            self.account.promised_bytes = self._left or 0
            self._promised = len(head) + self.account.promised_bytes
        self._note(self.account.expected)

    async def send(self, piece: bytes | memoryview) -> None:
        """Send some of the body."""
        if self._silent or not piece:
            return
        if self._left is not None:
            piece = piece[: self._left]
            self._left -= len(piece)
        self.account.body_bytes += len(piece)
        if self._chunked:
            chunk = b"".join((b"%x\r\n" % len(piece), piece, b"\r\n"))
            self._chunked_bytes += len(chunk)
            self._crossing.push(chunk)
        else:
            self._crossing.push(piece)
        await self._room(COPIED_BYTES)

    async def send_stored(self, stored: StoredBytes, span: ByteSpan) -> None:
        """Send some of a stored body, straight from where it is stored if it may go as it is."""
        if isinstance(stored, StoredBody) and not self._chunked and not self._silent:
            self.account.body_bytes += span.length
            if self._left is not None:
                self._left -= span.length
            self._crossing.push_stored(stored, span.start, span.stop)
            await self._room(STORED_BYTES)
            return
        if self._silent:
            return
        if isinstance(stored, StoredBody) and stored.in_file:
            await self.send(await asyncio.to_thread(stored.read, span.start, span.stop))
            return
        whole = memoryview(stored)
        for start in range(span.start, span.stop, PIECE_BYTES):
            await self.send(whole[start : min(start + PIECE_BYTES, span.stop)])

    async def end(self) -> None:
        """The answer is whole."""
        if self._chunked:
            # Whoever has this has all, and may leave before we say so.
            self.account.promised_bytes = self.account.body_bytes
            self._promised = self._chunked_bytes + len(LAST_CHUNK)
            self._note(self.account.expected)
            self._crossing.push(LAST_CHUNK)
        if self._left or self._ends_with_connection:
            self._conclude = self._crossing.cut
        else:
            self._conclude = self._crossing.finish

    def cut(self) -> None:
        """End an answer that cannot be completed so that no client takes it for whole."""
        if self._ends_with_connection:
            self._conclude = self._crossing.reset
        else:
            self._conclude = self._crossing.cut

    def conclude(self) -> None:
        """The request is done with: end it as was said, or break it off where nothing was said."""
        self._note(self.account.result)
        self._conclude()

    def _note(self, result: str) -> None:
        """Tell the access log, which is to know before the data plane takes the answer's end."""
        if self._logged:
            account = self.account
            said, identity = result.encode("ascii"), account.request_id.encode("ascii")
            self._crossing.note(account.status or 0, said, identity, self._promised)

    @property
    def _ends_with_connection(self) -> bool:
        return not self._silent and not self._chunked and self._left is None

    def _connection_field(self) -> Headers:
        keeps = self._crossing.keep_alive and not self._ends_with_connection
        if keeps:
            return (("Connection", "keep-alive"),) if self._head.minor == 0 else ()
        return (("Connection", "close"),) if self._head.minor == 1 else ()

    async def _room(self, most_bytes: int) -> None:
        """Wait until the client has taken enough; the data plane ends one that does not."""
        while self._crossing.wait_writable(most_bytes):
            await self._writable.wait()
            self._writable.clear()

    async def _body(self) -> AsyncIterator[bytes]:
        while True:
            self._body_came.clear()
            pieces, ended, broken = self._crossing.take_body()
            for piece in pieces:
                yield piece
            if broken:
                raise BrokenBody(
                    "the body of the request is not the chunked coding it is said to be"
                )
            if ended:
                return
            await self._body_came.wait()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _address(raw: bytes) -> str:
    address = IPv6Address(raw)
    return str(address.ipv4_mapped or address)
