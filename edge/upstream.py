"""What misses are fetched from, and the usual kind of it: an HTTP/1.1 server.

`Upstream` is all that the edge knows of it. Over HTTP there is one door in and out, with bounds,
deadlines and faults of our own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from yarl import URL

from core.errors import Fault
from core.http.fields import Headers, first, natural
from edge.config import EdgeConfig
from edge.faults import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable

_LONGEST_BODY_BYTES = 2**62
_BODILESS = frozenset({204, 304})
# aiohttp would add its own; the upstream sees what the client sent.
_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What is asked of the upstream: a target in origin-form and end-to-end fields."""

    method: str
    target: str
    fields: Headers
    request_id: str


class UpstreamAnswer(Protocol):
    """An answer whose head has come."""

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def headers(self) -> Headers:
        """The fields as they came."""

    @property
    def length(self) -> int | None:
        """How many bytes the body has; None when that is not said."""

    @property
    def framed(self) -> bool:
        """Whether the end of the body is marked; one that is not may have been cut short."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives.

        Raises `UpstreamTimeout` when it pauses for too long, `UpstreamBroken` when it is cut short,
        or the `Fault` of an upstream that is part of this process.
        """


class Upstream(Protocol):
    """Where misses are fetched from; the edge opens it when it starts, and closes it at its end."""

    async def open(self) -> None:
        """Get ready to be asked."""

    async def close(self) -> None:
        """Let go of everything; nothing is being asked any more."""

    def send(
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | None = None
    ) -> AbstractAsyncContextManager[UpstreamAnswer]:
        """Ask, and give the answer once its head has come. Raises a `Fault` when there is none.

        Who leaves the context early wants no more of the answer.
        """

    async def check(self) -> None:
        """Raise a `Fault` when it cannot be asked at the moment."""


class HttpAnswer:
    """An answer over HTTP."""

    def __init__(self, response: aiohttp.ClientResponse, method: str, stall_s: float) -> None:
        self._response = response
        self._stall_s = stall_s
        self.status = response.status
        self.headers: Headers = tuple(response.headers.items())
        bodiless = method == "HEAD" or response.status in _BODILESS
        self.length = natural(first(self.headers, "content-length") or "", _LONGEST_BODY_BYTES)
        chunked = "chunked" in (first(self.headers, "transfer-encoding") or "").lower()
        self.framed = bodiless or chunked or self.length is not None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives.

        Raises `UpstreamTimeout` when it pauses for too long, `UpstreamBroken` when it is cut short.
        """
        while chunk := await self._next_chunk():
            yield chunk

    async def _next_chunk(self) -> bytes:
        with_cause = "the upstream's answer ended before it was whole"
        try:
            async with asyncio.timeout(self._stall_s):
                return await self._response.content.readany()
        except TimeoutError as error:
            paused = f"the upstream's answer paused for more than {self._stall_s:g} s"
            raise UpstreamTimeout(paused) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamBroken(with_cause) from error


class HttpUpstream:
    """A bounded pool of connections to one HTTP server."""

    def __init__(self, config: EdgeConfig) -> None:
        self._config = config
        self._base = config.upstream.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool; connections are made when they are needed."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._config.max_upstream_connections),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._config.connect_timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_NOT_ADDED,
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def send(
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | None = None
    ) -> AsyncIterator[HttpAnswer]:
        """Ask, and give the answer once its head has come.

        Raises `UpstreamUnreachable`, `UpstreamTimeout` and `UpstreamBroken`. An answer that is not
        read to its end costs the connection.
        """
        response = await self._await_head(request, body)
        try:
            yield HttpAnswer(response, request.method, self._config.stall_timeout_s)
        finally:
            # Gives the connection back when the answer was read to its end; closes it otherwise.
            if response.content.at_eof():
                response.release()
            else:
                response.close()

    async def check(self) -> None:
        """Raise `UpstreamUnreachable` or `UpstreamTimeout` when no connection can be made."""
        url = URL(self._base)
        limit_s = self._config.connect_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                _, writer = await asyncio.open_connection(url.host, url.port)
                writer.close()
                await writer.wait_closed()
        except TimeoutError as error:
            late = f"the upstream took no connection within {limit_s:g} s"
            raise UpstreamTimeout(late) from error
        except OSError as error:
            raise UpstreamUnreachable("the upstream takes no connections") from error

    async def _await_head(
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | None
    ) -> aiohttp.ClientResponse:
        assert self._session is not None, "open() comes first"
        deadline_s = self._config.connect_timeout_s + self._config.first_byte_timeout_s
        try:
            async with asyncio.timeout(deadline_s):
                return await self._session.request(
                    request.method,
                    URL(self._base + request.target, encoded=True),
                    headers=self._fields(request),
                    data=body,
                    allow_redirects=False,
                )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._explain(error) from error

    def _fields(self, request: UpstreamRequest) -> list[tuple[str, str]]:
        fields = [*request.fields, ("X-Request-Id", request.request_id)]
        if self._config.fill_key is not None:
            fields.append(("Sluice-Fill-Key", self._config.fill_key))
        return fields

    def _explain(self, error: Exception) -> Fault:
        match error:
            case aiohttp.ConnectionTimeoutError():
                limit_s = self._config.connect_timeout_s
                return UpstreamTimeout(f"the upstream took no connection within {limit_s:g} s")
            case TimeoutError():
                limit_s = self._config.first_byte_timeout_s
                return UpstreamTimeout(f"the upstream sent no head within {limit_s:g} s")
            case aiohttp.ServerDisconnectedError() | aiohttp.ClientResponseError():
                return UpstreamBroken("the upstream's answer is no complete HTTP head")
            case aiohttp.ClientConnectorError():
                return UpstreamUnreachable("the upstream takes no connections")
            case aiohttp.ClientOSError():
                return UpstreamBroken("the upstream broke the connection before it answered")
            case OSError():
                return UpstreamUnreachable("the upstream takes no connections")
            case _:
                return UpstreamBroken("the upstream could not be asked")
