"""An upstream over HTTP/1.1: one door in and out, with bounds, deadlines and faults of our own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from core.http.circuit_breaker import Circuit, CircuitBreaker
from core.http.fields import first
from core.http.retrying import IDEMPOTENT, Attempt, RetryBudget, may_repeat
from edge.config import EdgeConfig
from edge.faults import (
    UpstreamBroken,
    UpstreamResting,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from edge.http_exchange import HttpAnswer, HttpExchange
from edge.metrics import EdgeMetrics
from edge.upstream import UpstreamRequest
from edge.upstream_pool import (
    PLAIN_PORT,
    SECURE_PORT,
    Authority,
    ConnectionPool,
    verifying_tls,
)
from runtime.logs import get_logger

log = get_logger(__name__)

# What says that the upstream cannot be asked, rather than that one answer of it is bad.
_OUTAGES: Final = (UpstreamUnreachable, UpstreamTimeout, UpstreamBroken)


class HttpUpstream:
    """One HTTP server: its connections, its breaker, and how often it is asked again."""

    def __init__(
        self, config: EdgeConfig, metrics: EdgeMetrics, clock: Callable[[], float] | None = None
    ) -> None:
        base = urlsplit(config.upstream)
        assert base.hostname is not None, "the settings take no other URL"
        secure = base.scheme == "https"
        tls = verifying_tls(config.upstream_ca_file) if secure else None
        port = base.port or (SECURE_PORT if secure else PLAIN_PORT)
        self._config = config
        self._metrics = metrics
        self._clock = clock
        self._host = base.netloc if base.netloc.isascii() else base.netloc.encode("idna").decode()
        self._prefix = base.path
        self._authority = Authority(base.hostname, port, tls)
        self._breaker = CircuitBreaker(config.breaker_failures, config.breaker_open_s)
        self._budget = RetryBudget()
        self._pool: ConnectionPool | None = None
        metrics.watch_upstream(
            connections=lambda: self._pool.open_connections if self._pool else 0,
            is_open=lambda: float(self._breaker.state is not Circuit.CLOSED),
        )

    async def open(self) -> None:
        """Make the pool; connections are made when they are needed."""
        config = self._config
        self._pool = ConnectionPool(
            self._authority, config.max_upstream_connections, config.connect_timeout_s
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            self._pool.close()

    @asynccontextmanager
    async def send(
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | None = None
    ) -> AsyncIterator[HttpAnswer]:
        """Ask, and give the answer once its head has come.

        Raises `UpstreamUnreachable`, `UpstreamTimeout`, `UpstreamBroken`, `MalformedResponse`,
        `UpstreamBusy`, and `UpstreamResting` while the breaker is open. An answer that is not read
        to its end costs the connection.
        """
        exchange = await self._guarded(request, body)
        try:
            yield exchange.answer
        finally:
            await exchange.end()

    async def check(self) -> None:
        """Raise `UpstreamUnreachable` or `UpstreamTimeout` when no connection can be made."""
        assert self._pool is not None, "open() comes first"
        (await self._pool.connect()).close()

    # The breaker

    async def _guarded(
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | None
    ) -> HttpExchange:
        breaker = self._breaker
        before = breaker.state
        if not breaker.admit(self._now_s()):
            resting = UpstreamResting("the upstream failed too often and is left alone for a while")
            resting.retry_after_s = breaker.retry_after_s(self._now_s())
            raise resting
        self._note_change(before)
        before = breaker.state
        try:
            exchange = await self._ask(request, body)
        except _OUTAGES:
            breaker.failed(self._now_s())
            self._note_change(before)
            raise
        except BaseException:
            breaker.abandoned()
            raise
        breaker.succeeded(self._now_s())
        self._note_change(before)
        return exchange

    def _note_change(self, before: Circuit) -> None:
        now = self._breaker.state
        if now is not before:
            self._metrics.circuit_changes(now).inc()
            log.warning("upstream.circuit", state=now, upstream=self._config.upstream)

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time() if self._clock is None else self._clock()

    # Asking

    async def _ask(
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | None
    ) -> HttpExchange:
        """Ask, and ask once more where the connection broke before anything was said."""
        assert self._pool is not None, "open() comes first"
        self._budget.earn()
        number = 1
        while True:
            # What must not be sent twice is not risked on a connection that may be closing.
            fresh = number > 1 or request.method not in IDEMPOTENT or body is not None
            connection = await self._pool.take(fresh=fresh)
            exchange = HttpExchange(self._pool, connection, self._config)
            try:
                await exchange.begin(request, self._head(request, body), body)
            except BaseException as error:
                await exchange.end()
                attempt = Attempt(request.method, body is not None, number, connection.answered)
                if not isinstance(error, UpstreamBroken) or not may_repeat(attempt):
                    raise
                if not self._budget.spend():
                    raise
            else:
                return exchange
            self._metrics.upstream_retries.inc()
            number += 1

    def _head(self, request: UpstreamRequest, body: AsyncIterator[bytes] | None) -> bytes:
        host = first(request.fields, "host")
        fields = [
            *([] if host is not None else [("Host", self._host)]),
            *request.fields,
            ("X-Request-Id", request.request_id),
        ]
        if self._config.fill_key is not None:
            fields.append(("Sluice-Fill-Key", self._config.fill_key))
        if body is not None and first(request.fields, "content-length") is None:
            fields.append(("Transfer-Encoding", "chunked"))
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        head = f"{request.method} {self._prefix}{request.target} HTTP/1.1\r\n{lines}\r\n"
        return head.encode("utf-8", "surrogateescape")
