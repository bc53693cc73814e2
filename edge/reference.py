"""The edge in plain Python: the same behaviour as the data plane's, on aiohttp's server.

It is the reference that the data plane is compared with, and runs where that was not compiled.
"""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import HttpVersion11, web
from multidict import CIMultiDict

from core.http.byterange import ByteSpan
from core.http.fields import Headers
from edge.access_log import AccessLog
from edge.body import PIECE_BYTES
from edge.client import BODILESS, SERVER, Account, ClientGone
from edge.config import EdgeConfig
from edge.handler import EdgeHandler
from edge.incoming import Incoming
from edge.metrics import EdgeMetrics
from edge.reference_log import ReferenceLog
from edge.store import StoredBytes

# What a client must send of a body within its time.
PROGRESS_BYTES: Final = 64 * 1024

_RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, for no time


class ReferenceClient:
    """Writes one answer; every write has a deadline."""

    def __init__(
        self, request: web.BaseRequest, timeout_s: float, draining: Callable[[], bool]
    ) -> None:
        self._request = request
        self._timeout_s = timeout_s
        self._draining = draining
        self.account = Account()
        self.response: web.StreamResponse | None = None

    @property
    def begun(self) -> bool:
        """Whether a head is on its way, so that the answer cannot be changed any more."""
        return self.response is not None

    async def begin(self, status: int, fields: Headers, content_length: int | None) -> None:
        """Send the head; None as the length of a body means that its end will be marked."""
        headers = CIMultiDict(fields)
        headers.setdefault("Server", SERVER)
        response = web.StreamResponse(status=status, headers=headers)
        if content_length is not None:
            response.content_length = content_length
        elif self._may_chunk(status):
            response.enable_chunked_encoding()
        if self._draining():
            response.force_close()
        self.response = response
        self.account.status = status
        silent = self._request.method == "HEAD" or status in BODILESS
        self.account.promised_bytes = 0 if silent else content_length
        async with self._deadline():
            await response.prepare(self._request)

    def _may_chunk(self, status: int) -> bool:
        bodiless = self._request.method == "HEAD" or status in BODILESS
        return self._request.version >= HttpVersion11 and not bodiless

    async def body(self) -> AsyncIterator[bytes]:
        """The request's body as it comes. Raises `ClientGone` when it comes too slowly."""
        loop = asyncio.get_running_loop()
        pieces = self._request.content.iter_any()
        left_bytes, until_s = PROGRESS_BYTES, loop.time() + self._timeout_s
        while piece := await self._in_time(anext(pieces, b""), until_s):
            left_bytes -= len(piece)
            if left_bytes <= 0:
                left_bytes, until_s = PROGRESS_BYTES, loop.time() + self._timeout_s
            handed_on_s = loop.time()
            yield piece
            until_s += loop.time() - handed_on_s  # that was not the client's time

    async def _in_time(self, piece: Awaitable[bytes], until_s: float) -> bytes:
        try:
            async with asyncio.timeout_at(until_s):
                return await piece
        except TimeoutError as error:
            self._abort()
            raise ClientGone("the client does not send the body of its request") from error

    async def send(self, piece: bytes | memoryview) -> None:
        """Send some of the body. Raises `ClientGone` when the client does not take it in time."""
        assert self.response is not None
        if self._request.method == "HEAD":
            return  # RFC 9110 §9.3.2: the head alone, even that of an error
        self.account.body_bytes += len(piece)
        async with self._deadline():
            await self.response.write(piece)

    async def send_stored(self, stored: StoredBytes, span: ByteSpan) -> None:
        """Send some of a stored body."""
        whole = memoryview(stored)
        for start in range(span.start, span.stop, PIECE_BYTES):
            await self.send(whole[start : min(start + PIECE_BYTES, span.stop)])

    async def end(self) -> None:
        """The answer is whole."""
        assert self.response is not None
        async with self._deadline():
            await self.response.write_eof()

    def cut(self) -> None:
        """End an answer that cannot be completed so that no client takes it for whole.

        A marked end that does not come says so; without one, only a reset does.
        """
        transport = self._request.transport
        assert self.response is not None
        if transport is None:
            return
        if self.response.chunked or self.response.content_length is not None:
            transport.close()  # what was written still goes out
            asyncio.get_running_loop().call_later(self._timeout_s, transport.abort)
        else:
            self._abort()

    @asynccontextmanager
    async def _deadline(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except TimeoutError as error:
            self._abort()
            raise ClientGone("the client does not take its bytes") from error

    def _abort(self) -> None:
        """Reset the connection: closed at once, with nothing that looks like an orderly end."""
        transport = self._request.transport
        if transport is None or transport.is_closing():
            return
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        transport.abort()


class ReferenceServer:
    """Hands aiohttp's requests to the handler."""

    def __init__(
        self,
        config: EdgeConfig,
        handler: EdgeHandler,
        metrics: EdgeMetrics,
        log: AccessLog | None = None,
    ) -> None:
        self._log = None if log is None else ReferenceLog(log, config)
        self._draining = False
        self._config = config
        self._handler = handler
        self._metrics = metrics

    def runner(self) -> web.ServerRunner:
        """What serves on a socket."""
        # aiohttp's keep-alive deadline holds from the beginning of a connection on, and a head that
        # dribbles in does not prolong it.
        # A client that leaves ends its request at once; the fetch it waited for has its own task.
        server = web.Server(
            self,
            handler_cancellation=True,
            **({"access_log": None} if self._log is None else self._log.refusals()),
            auto_decompress=False,
            keepalive_timeout=self._config.idle_timeout_s,
        )
        self._metrics.threads.set(1)
        self._metrics.open_connections.set_function(lambda: len(server.connections))
        return web.ServerRunner(server, shutdown_timeout=self._config.drain_timeout_s)

    def drain(self) -> None:
        """Say in every answer from now on that its connection is closed behind it."""
        self._draining = True

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        client = ReferenceClient(request, self._config.client_timeout_s, lambda: self._draining)
        incoming = Incoming(
            method=request.method,
            target=request.raw_path,
            fields=tuple(request.headers.items()),
            peer=request.remote or "unknown",
            body=client.body() if request.can_read_body else None,
        )
        began_s = time.time()
        try:
            await self._handler.answer(incoming, client)
        finally:
            self._metrics.network_sent_bytes.inc(request.writer.output_size)
            if self._log is not None:
                self._log.note(request, client.account, began_s)
        return client.response or web.StreamResponse(status=499)
