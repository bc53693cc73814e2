"""One request on one connection to the upstream, and its answer (RFC 9112)."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from core.http.chunked import ChunkedBody
from core.http.fields import Headers, combined, first, natural
from core.http.response_head import (
    LONGEST_BODY_BYTES,
    Framing,
    MalformedResponse,
    ResponseHead,
    body_framing,
    head_end,
    read_response_head,
)
from edge.config import EdgeConfig
from edge.faults import BrokenBody, UpstreamBroken, UpstreamTimeout
from edge.upstream import UpstreamRequest
from edge.upstream_connection import ConnectionLost, UpstreamConnection
from edge.upstream_pool import ConnectionPool

# Interim answers (RFC 9110 §15.2) before one final; more are somebody's mistake.
MOST_INTERIM: Final = 16
_SWITCHING_PROTOCOLS: Final = 101
_KEEP_ALIVE_TIMEOUT = re.compile(r"(?:^|[,\s])timeout=(\d{1,9})", re.ASCII | re.IGNORECASE)
# A connection that the upstream said it would close by then is given up this much earlier.
_MARGIN_S: Final = 1.0


class HttpAnswer:
    """An answer over HTTP whose head has come; `length` is None when it is not said."""

    def __init__(
        self, connection: UpstreamConnection, request: UpstreamRequest, head: ResponseHead,
        stall_s: float,
    ) -> None:  # fmt: skip
        framing = body_framing(request.method, head)
        self.status = head.status
        self.headers = head.fields
        self.length = _said_length(head.fields, framing)
        self.framed = framing.marked
        self.complete = framing.length == 0
        self.filed: None = None
        self._connection = connection
        self._chunked = ChunkedBody() if framing.chunked else None
        self._left = framing.length
        self._stall_s = stall_s

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives.

        Raises `UpstreamTimeout` when it pauses for too long, `UpstreamBroken` when it is cut short,
        and `MalformedResponse` when it is not what its head says.
        """
        while not self.complete:
            for piece in self._decoded(await self._next_bytes()):
                yield piece

    def _decoded(self, data: bytes) -> list[bytes]:
        """The bytes of the body among those that came; what came behind it is put back."""
        if self._chunked is not None:
            pieces = self._chunked.feed(data)
            self.complete = self._chunked.ended
            self._connection.unread(self._chunked.rest)
            return pieces
        if self._left is None:
            self.complete = not data
            return [data] if data else []
        self._connection.unread(data[self._left :])
        data = data[: self._left]
        self._left -= len(data)
        self.complete = not self._left
        return [data]

    async def _next_bytes(self) -> bytes:
        try:
            async with asyncio.timeout(self._stall_s):
                data = await self._connection.read()
        except TimeoutError as error:
            paused = f"the upstream's answer paused for more than {self._stall_s:g} s"
            raise UpstreamTimeout(paused) from error
        except ConnectionLost as error:
            raise UpstreamBroken("the upstream's answer ended before it was whole") from error
        if not data and self.framed:
            raise UpstreamBroken("the upstream's answer ended before it was whole")
        return data


class HttpExchange:
    """One request on one connection, and its answer."""

    def __init__(
        self, pool: ConnectionPool, connection: UpstreamConnection, config: EdgeConfig
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._config = config
        self._keep_s: float | None = None
        self._sending: asyncio.Task[None] | None = None
        self._answer: HttpAnswer | None = None
        connection.answered = False

    @property
    def answer(self) -> HttpAnswer:
        """The answer, once `begin` has returned."""
        assert self._answer is not None
        return self._answer

    async def begin(
        self, request: UpstreamRequest, head: bytes, body: AsyncIterator[bytes] | None
    ) -> None:
        """Send the request and wait for the head of its answer.

        The body goes out meanwhile: an upstream may answer before it has read all of it.
        """
        limit_s = self._config.first_byte_timeout_s
        self._connection.write(head)
        try:
            async with asyncio.timeout(limit_s if body is None else None) as deadline:
                if body is not None:
                    chunked = first(request.fields, "content-length") is None
                    self._sending = asyncio.create_task(self._send(body, deadline, chunked=chunked))
                response = await self._final_head()
        except TimeoutError as error:
            raise UpstreamTimeout(f"the upstream sent no head within {limit_s:g} s") from error
        except ConnectionLost as error:
            broken = "the upstream broke the connection before it answered"
            raise UpstreamBroken(broken) from error
        if self._config.pass_host:
            response = _for_one_host(response)
        self._keep_s = _keep_s(response, self._config.upstream_idle_timeout_s)
        self._answer = HttpAnswer(self._connection, request, response, self._config.stall_timeout_s)

    async def end(self) -> None:
        """Give the connection back, to be used again if both sides have said all they had to."""
        answer = self._answer
        sent = self._sending is None or self._sending.done()
        whole = sent and answer is not None and answer.complete and answer.framed
        self._pool.give_back(self._connection, self._keep_s if whole else None)
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _final_head(self) -> ResponseHead:
        """The first head that is not an interim one; what those say is for nobody further on."""
        for _ in range(MOST_INTERIM):
            head = await self._one_head()
            if head.status == _SWITCHING_PROTOCOLS:
                raise MalformedResponse("the upstream changes to a protocol nobody asked for")
            if head.status >= 200:
                return head
        raise MalformedResponse(f"the upstream sent {MOST_INTERIM} interim answers")

    async def _one_head(self) -> ResponseHead:
        buffer = bytearray()
        while True:
            searched = len(buffer)
            data = await self._connection.read()
            if not data:
                raise UpstreamBroken("the upstream closed the connection before it answered")
            buffer += data
            if (end := head_end(buffer, searched)) is not None:
                self._connection.unread(bytes(buffer[end:]))
                return read_response_head(bytes(buffer[:end]))

    async def _send(
        self, body: AsyncIterator[bytes], deadline: asyncio.Timeout, *, chunked: bool
    ) -> None:
        """Send the body as it comes; from its end on, the head of the answer is waited for."""
        connection = self._connection
        try:
            async for piece in body:
                connection.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                async with asyncio.timeout(self._config.stall_timeout_s):
                    await connection.drain()
            if chunked:
                connection.write(b"0\r\n\r\n")
        except TimeoutError:
            late = f"the upstream took nothing of a body for {self._config.stall_timeout_s:g} s"
            connection.fail(UpstreamTimeout(late))
        except ConnectionLost:
            pass  # whoever reads the answer learns of it, and there may be one
        except (OSError, BrokenBody) as error:
            connection.fail(error)  # the client is gone, or its body is broken
        else:
            if self._answer is None:
                now_s = asyncio.get_running_loop().time()
                deadline.reschedule(now_s + self._config.first_byte_timeout_s)


def _for_one_host(head: ResponseHead) -> ResponseHead:
    """The head with Host in Vary; a 304 without Vary leaves the stored one as it is."""
    if head.status == 304 and first(head.fields, "vary") is None:
        return head
    return replace(head, fields=(*head.fields, ("Vary", "Host")))


def _said_length(fields: Headers, framing: Framing) -> int | None:
    """What the head says of the length: that of the body or, for HEAD, the one a GET would have."""
    if framing.length:
        return framing.length
    return natural(first(fields, "content-length") or "", LONGEST_BODY_BYTES)


def _keep_s(head: ResponseHead, longest_s: float) -> float | None:
    """How long the connection may be kept; None when it may not."""
    if not head.keep_alive:
        return None
    hint = _KEEP_ALIVE_TIMEOUT.search(combined(head.fields, "keep-alive") or "")
    return longest_s if hint is None else max(0.0, min(longest_s, int(hint[1]) - _MARGIN_S))
