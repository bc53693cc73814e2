"""Connections to one upstream, kept for reuse and bounded in number."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final

from edge.faults import UpstreamBusy, UpstreamTimeout, UpstreamUnreachable
from edge.upstream_connection import UpstreamConnection


@dataclass(frozen=True, slots=True)
class Authority:
    """Where the upstream listens; `tls` verifies its certificate, and is None for plain HTTP."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


@dataclass(slots=True, eq=False)
class _Kept:
    """A connection that waits for its next request."""

    connection: UpstreamConnection
    expiry: asyncio.TimerHandle


class ConnectionPool:
    """At most `limit` connections, in use and kept together."""

    def __init__(self, authority: Authority, limit: int, connect_timeout_s: float) -> None:
        self._authority = authority
        self._limit = limit
        self._timeout_s = connect_timeout_s
        self._permits = asyncio.Semaphore(limit)
        self._in_use = 0
        self._kept: list[_Kept] = []

    @property
    def open_connections(self) -> int:
        """How many connections there are."""
        return self._in_use + len(self._kept)

    async def take(self, *, fresh: bool) -> UpstreamConnection:
        """A connection for one request; the one used last, or a new one.

        Whoever takes it gives it back. Raises `UpstreamBusy`, `UpstreamTimeout` and
        `UpstreamUnreachable`.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._permits.acquire()
        except TimeoutError as error:
            busy = f"all {self._limit} connections to the upstream are in use"
            raise UpstreamBusy(busy) from error
        self._in_use += 1
        try:
            kept = None if fresh else self._reuse()
            return kept or await self.connect()
        except BaseException:
            self._release()
            raise

    def give_back(self, connection: UpstreamConnection, keep_s: float | None) -> None:
        """Keep it for so long, or close it; one that is not as it should be is closed anyway."""
        self._release()
        if keep_s is None or not connection.reusable or self.open_connections >= self._limit:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        kept = _Kept(connection, loop.call_later(keep_s, self._expire, connection))
        self._kept.append(kept)

    async def connect(self) -> UpstreamConnection:
        """A new connection, which does not count here.

        Raises `UpstreamTimeout` and `UpstreamUnreachable`.
        """
        where = self._authority
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                _, connection = await loop.create_connection(
                    UpstreamConnection,
                    where.host,
                    where.port,
                    ssl=where.tls,
                    server_hostname=where.host if where.tls else None,
                )
        except TimeoutError as error:
            late = f"the upstream took no connection within {self._timeout_s:g} s"
            raise UpstreamTimeout(late) from error
        except ssl.SSLCertVerificationError as error:
            refused = f"the upstream's certificate is not valid: {error.verify_message}"
            raise UpstreamUnreachable(refused) from error
        except ssl.SSLError as error:
            raise UpstreamUnreachable("the upstream speaks no TLS that is known here") from error
        except OSError as error:
            raise UpstreamUnreachable("the upstream takes no connections") from error
        return connection

    def close(self) -> None:
        """Close what is kept; what is in use is closed when it is given back."""
        for kept in self._kept:
            kept.expiry.cancel()
            kept.connection.close()
        self._kept.clear()
        self._limit = 0

    def _reuse(self) -> UpstreamConnection | None:
        while self._kept:
            kept = self._kept.pop()
            kept.expiry.cancel()
            if kept.connection.reusable:
                return kept.connection
            kept.connection.close()
        return None

    def _expire(self, connection: UpstreamConnection) -> None:
        self._kept = [kept for kept in self._kept if kept.connection is not connection]
        connection.close()

    def _release(self) -> None:
        self._in_use -= 1
        self._permits.release()


SECURE_PORT: Final = 443
PLAIN_PORT: Final = 80


def verifying_tls(ca_file: str | None) -> ssl.SSLContext:
    """TLS that believes the certificates of the machine's authorities, or of one file's."""
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context
