"""Putting purges into the stream in Redis, and noticing when Redis has lost some.

What is known of the stream is a row in Postgres, which outlives Redis: the epoch, and the last
entry that was certainly there. Its lock lets one server at a time write, so the order of the
stream is the order in which they were told to.
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Final

from core.cache.purge_stream import PurgeOrder, StreamId
from runtime.logs import get_logger
from runtime.metrics import Metrics
from runtime.postgres import Connection, Pool, transaction
from runtime.purge_stream import PurgeStream, StreamRecord, has_lost
from runtime.redis import RedisUnavailable
from runtime.sql import load_queries

_QUERIES: Final = load_queries("server", "purge_stream.sql")

log = get_logger(__name__)


class EntriesLost(RedisUnavailable):
    """The stream has just lost entries; nothing was added to it."""

    code: ClassVar[str] = "redis.entries_lost"


class PurgePublisher:
    """Writes the stream. Everything may raise `RedisUnavailable` and `DatabaseUnavailable`."""

    def __init__(self, pool: Pool, stream: PurgeStream, metrics: Metrics) -> None:
        self._pool = pool
        self._stream = stream
        self._published = metrics.counter(
            "sluice_api_purges_published_total", "Purges put into the stream in Redis."
        )
        self._reachable = metrics.gauge(
            "sluice_api_purge_stream_reachable", "1 while Redis takes purges, 0 while it does not."
        )
        self._renewals = metrics.counter(
            "sluice_api_purge_stream_epochs_total",
            "Epochs of the stream begun: the first one, and one each time that Redis lost entries.",
        )

    async def publish(self, orders: Sequence[PurgeOrder]) -> None:
        """Put all orders into the stream, in this order; when it raises, perhaps some of them."""
        try:
            await self._verify()
            if orders:
                await self._add(orders)
        except RedisUnavailable:
            self._reachable.set(0)
            raise
        self._reachable.set(1)

    async def _verify(self) -> None:
        """Begin another epoch if the stream has lost entries, so that every edge comes to know."""
        async with transaction(self._pool) as session:
            record = await _locked(session)
            if has_lost(await self._stream.state(), record):
                epoch = secrets.token_hex(8)
                log.warning("purge_stream.epoch", epoch=epoch, previous=record.epoch)
                await _keep(session, StreamRecord(epoch, await self._stream.begin(epoch)))
                self._renewals.inc()

    async def _add(self, orders: Sequence[PurgeOrder]) -> None:
        async with transaction(self._pool) as session:
            record = await _locked(session)
            for order in orders:
                last = await self._stream.publish(order, record)
                if last is None:
                    raise EntriesLost("Redis has just lost entries of the purge stream")
                record = replace(record, last=last)
                self._published.inc()
            await _keep(session, record)


async def _locked(session: Connection) -> StreamRecord:
    """The record, for us alone until the transaction ends; the first to ask makes it."""
    row = await session.fetchrow(_QUERIES["lock_stream"])
    if row is None:
        await session.execute(_QUERIES["make_stream"], secrets.token_hex(8))
        row = await session.fetchrow(_QUERIES["lock_stream"])
        assert row is not None
    return StreamRecord(row["epoch"], StreamId.parse(row["last_id"]))


async def _keep(session: Connection, record: StreamRecord) -> None:
    await session.execute(_QUERIES["record_stream"], record.epoch, str(record.last))
