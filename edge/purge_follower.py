"""Following the stream of purges, and catching up with it after having been away."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from core.cache.purge_stream import (
    Gap,
    Position,
    StreamId,
    StreamState,
    UnreadableEntry,
    end_of,
    gap,
    read_entry,
)
from core.cache.purging import EVERYTHING
from edge.fill import Filler
from edge.metrics import EdgeMetrics
from edge.purge_desk import PurgeDesk
from runtime.logs import get_logger
from runtime.purge_stream import PurgeStream
from runtime.redis import BackOff, RedisUnavailable, StreamRow, open_redis

WAIT_S: Final = 5.0

log = get_logger(__name__)


class PositionKeeper(Protocol):
    """Where the position is kept: for as long as what is stored is, and no longer."""

    def load(self) -> Position | None:
        """The position kept; None when nothing is known."""

    def save(self, position: Position) -> None:
        """Keep a position. What it says is applied has been applied."""


class PositionInMemory:
    """Keeps the position of a cache that is gone with its process."""

    def __init__(self) -> None:
        self._position: Position | None = None

    def load(self) -> Position | None:
        """The position, None in a new process."""
        return self._position

    def save(self, position: Position) -> None:
        """Keep it."""
        self._position = position


class PurgeFollower:
    """Applies the purges of the stream, in order, each once."""

    def __init__(
        self,
        stream: PurgeStream,
        desk: PurgeDesk,
        filler: Filler,
        metrics: EdgeMetrics,
        keeper: PositionKeeper,
        *,
        wait_s: float = WAIT_S,
    ) -> None:
        self._stream = stream
        self._desk = desk
        self._filler = filler
        self._metrics = metrics
        self._keeper = keeper
        self._wait_s = wait_s
        self._problem: str | None = "not read yet"

    @property
    def problem(self) -> str | None:
        """What keeps purges from arriving; None while they do."""
        return self._problem

    async def join(self) -> None:
        """Stand at the stream's end, before anything is stored; if Redis is away, nowhere.

        An edge that found its position again with what it had stored stays there.
        """
        if self._keeper.load() is not None:
            return
        try:
            self._keeper.save(end_of(await self._stream.state()))
        except (RedisUnavailable, UnreadableEntry) as fault:
            self._lost_sight(fault.message)
        else:
            self._in_sight()

    async def run(self) -> None:
        """Follow until cancelled, whatever becomes of Redis."""
        back_off = BackOff()
        while True:
            try:
                await self._follow(back_off.succeeded)
            except (RedisUnavailable, UnreadableEntry) as fault:
                self._lost_sight(fault.message)
            await back_off.wait()

    async def _follow(self, succeeded: Callable[[], None]) -> None:
        rows: Sequence[StreamRow] = ()
        while True:
            # Asked after reading: what the stream holds now, it held when it was read.
            state = await self._stream.state()
            self._in_sight()
            succeeded()
            position = self._take(rows, state)
            rows = await self._stream.read(position.last, wait_s=self._wait_s)

    def _take(self, rows: Sequence[StreamRow], state: StreamState) -> Position:
        """Apply what was read, or forget everything where that is not all; the position then."""
        position = self._keeper.load()
        missed = gap(position, state)
        if position is None or missed is not None:
            return self._forget_everything(missed or Gap.UNKNOWN, state)
        for row in rows:
            try:
                position = self._apply(row, position)
            except UnreadableEntry as fault:
                log.warning("purge_stream.unreadable", entry=row.id, reason=fault.message)
                return self._forget_everything(Gap.UNREADABLE, state)
        return position

    def _apply(self, row: StreamRow, position: Position) -> Position:
        entry = read_entry(row.fields)
        reached = Position(entry.epoch, StreamId.parse(row.id))
        if entry.epoch != position.epoch:
            raise UnreadableEntry(f"an entry of the epoch {entry.epoch!r} is out of place")
        if entry.order is not None:
            self._desk.carry_out(entry.order)
        self._keeper.save(reached)
        self._metrics.stream_entries.inc()
        return reached

    def _forget_everything(self, reason: Gap, state: StreamState) -> Position:
        """Begin anew at the stream's end: no entry up to there is about what comes now."""
        position = end_of(state)
        log.warning("purge_stream.gap", reason=reason, position=str(position.last))
        self._filler.purge(EVERYTHING)
        self._metrics.stream_gaps(reason).inc()
        self._keeper.save(position)
        return position

    def _in_sight(self) -> None:
        if self._problem is not None:
            log.info("purge_stream.followed")
        self._problem = None
        self._metrics.stream_followed.set(1)

    def _lost_sight(self, problem: str) -> None:
        if self._problem != problem:
            log.warning("purge_stream.lost_sight", reason=problem)
        self._problem = problem
        self._metrics.stream_followed.set(0)


@asynccontextmanager
async def following(
    redis_url: str | None, desk: PurgeDesk, filler: Filler, metrics: EdgeMetrics
) -> AsyncIterator[PurgeFollower | None]:
    """Follow the stream for as long as the context lasts; None without a Redis.

    On entry the position is known, if Redis is there: enter before anything is stored.
    """
    if redis_url is None:
        yield None
        return
    async with open_redis(redis_url) as redis:
        keeper = PositionInMemory()
        follower = PurgeFollower(PurgeStream(redis), desk, filler, metrics, keeper)
        await follower.join()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(follower.run(), name="purge follower")
            try:
                yield follower
            finally:
                task.cancel()
