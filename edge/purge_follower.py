"""Following the stream of purges, and catching up with it after having been away."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from core.cache.purge_stream import (
    Gap,
    Position,
    StreamEntry,
    StreamId,
    StreamState,
    UnreadableEntry,
    end_of,
    gap,
    read_entry,
)
from core.cache.purging import EVERYTHING
from edge.disk.faults import PurgeNotDurable
from edge.disk.tier import DiskTier
from edge.fill import Filler
from edge.metrics import EdgeMetrics
from edge.purge_desk import PurgeDesk
from runtime.logs import get_logger
from runtime.purge_stream import PurgeStream
from runtime.redis import BackOff, RedisUnavailable, StreamRow, open_redis

WAIT_S: Final = 5.0
# How long an edge that starts may take to catch up before it serves all the same.
JOIN_S: Final = 30.0

# What keeps purges from being read or applied; they stay where they are, and are read again.
_Troubles: Final = (RedisUnavailable, UnreadableEntry, PurgeNotDurable)

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
        join_s: float = JOIN_S,
    ) -> None:
        self._stream = stream
        self._desk = desk
        self._filler = filler
        self._metrics = metrics
        self._keeper = keeper
        self._wait_s = wait_s
        self._join_s = join_s
        self._problem: str | None = "not read yet"

    @property
    def problem(self) -> str | None:
        """What keeps purges from arriving; None while they do."""
        return self._problem

    async def join(self, *, warm: bool) -> None:
        """Take a stand before anyone is served; if Redis is away, where the edge stood last.

        A new edge stands at the stream's end. One that is `warm`, with what it had stored before,
        first applies what it missed, or forgets everything where nobody can tell what that was.
        """
        try:
            async with asyncio.timeout(self._join_s):
                await self._join(warm=warm)
        except _Troubles as fault:
            self._lost_sight(fault.message)
        except TimeoutError:
            self._lost_sight(f"the stream could not be read within {self._join_s:g} s")

    async def _join(self, *, warm: bool) -> None:
        state = await self._stream.state()
        self._in_sight()
        if not warm:
            self._keeper.save(end_of(state))
            return
        position = await self._take((), state)
        while position.last < state.last:
            rows = await self._stream.read(position.last, wait_s=self._wait_s)
            position = await self._take(rows, await self._stream.state())

    async def run(self) -> None:
        """Follow until cancelled, whatever becomes of Redis."""
        back_off = BackOff()
        while True:
            try:
                await self._follow(back_off.succeeded)
            except _Troubles as fault:
                self._lost_sight(fault.message)
            await back_off.wait()

    async def _follow(self, succeeded: Callable[[], None]) -> None:
        rows: Sequence[StreamRow] = ()
        while True:
            # Asked after reading: what the stream holds now, it held when it was read.
            state = await self._stream.state()
            self._in_sight()
            succeeded()
            position = await self._take(rows, state)
            rows = await self._stream.read(position.last, wait_s=self._wait_s)

    async def _take(self, rows: Sequence[StreamRow], state: StreamState) -> Position:
        """Apply what was read, or forget everything where that is not all; the position then."""
        position = self._keeper.load()
        missed = gap(position, state)
        if position is None or missed is not None:
            return await self._forget_everything(missed or Gap.UNKNOWN, state)
        readable, problem = _readable(rows, position)
        # All at once, so that a disk can take them together; they are begun in order.
        await asyncio.gather(
            *(self._desk.carry_out(entry.order) for entry, _ in readable if entry.order is not None)
        )
        if readable:
            position = readable[-1][1]
            self._keeper.save(position)
            self._metrics.stream_entries.inc(len(readable))
        if problem is not None:
            log.warning("purge_stream.unreadable", after=str(position.last), reason=problem)
            return await self._forget_everything(Gap.UNREADABLE, state)
        return position

    async def _forget_everything(self, reason: Gap, state: StreamState) -> Position:
        """Begin anew at the stream's end: no entry up to there is about what comes now."""
        position = end_of(state)
        log.warning("purge_stream.gap", reason=reason, position=str(position.last))
        await self._filler.purge(EVERYTHING)
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


def _readable(
    rows: Sequence[StreamRow], position: Position
) -> tuple[list[tuple[StreamEntry, Position]], str | None]:
    """The entries up to the first that nobody understands, and what is wrong with that one."""
    readable: list[tuple[StreamEntry, Position]] = []
    for row in rows:
        try:
            entry = read_entry(row.fields)
            if entry.epoch != position.epoch:
                return readable, f"the entry {row.id} of the epoch {entry.epoch!r} is out of place"
            readable.append((entry, Position(entry.epoch, StreamId.parse(row.id))))
        except UnreadableEntry as fault:
            return readable, fault.message
    return readable, None


@asynccontextmanager
async def following(
    redis_url: str | None,
    desk: PurgeDesk,
    filler: Filler,
    metrics: EdgeMetrics,
    tier: DiskTier | None = None,
) -> AsyncIterator[PurgeFollower | None]:
    """Follow the stream for as long as the context lasts; None without a Redis.

    On entry everything up to now is applied, if Redis is there: enter before anyone is served.
    """
    if redis_url is None:
        yield None
        return
    async with open_redis(redis_url) as redis:
        keeper: PositionKeeper = PositionInMemory() if tier is None else tier
        follower = PurgeFollower(PurgeStream(redis), desk, filler, metrics, keeper)
        await follower.join(warm=tier is not None and len(tier) > 0)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(follower.run(), name="purge follower")
            try:
                yield follower
            finally:
                task.cancel()
