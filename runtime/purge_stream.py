"""The stream of purges in Redis: how the server writes it and how edges read it.

What its entries mean, and when a reader has missed some, is decided in `core.cache.purge_stream`.
Both keys are in one hash slot, so that a Redis Cluster can hold them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.cache.purge_stream import PurgeOrder, StreamId, StreamState, write_order
from runtime.redis import RedisDoor, Reply, StreamRow

STREAM: Final = "sluice:purges"
EPOCH: Final = "{sluice:purges}:epoch"
# About how many entries are kept: what an edge that was away can catch up with.
KEPT_ENTRIES: Final = 10_000
BATCH: Final = 500

_STATE: Final = """
local epoch = redis.call('GET', KEYS[2])
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
return {epoch or '', first[1] and first[1][1] or '0-0', last[1] and last[1][1] or '0-0'}
"""

# ARGV: the epoch and the last id as the writer knows them, how many to keep, the purge.
# A stream that is not at least what the writer knows of it has lost entries: nothing is added then.
_PUBLISH: Final = """
local function parts(id)
    local time, number = string.match(id, '^(%d+)-(%d+)$')
    return tonumber(time), tonumber(number)
end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return false end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local time, number = parts(newest[1] and newest[1][1] or '0-0')
local known_time, known_number = parts(ARGV[2])
if time < known_time or (time == known_time and number < known_number) then return false end
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'epoch', ARGV[1], 'purge', ARGV[4])
"""

_BEGIN: Final = """
redis.call('SET', KEYS[2], ARGV[1])
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'epoch', ARGV[1])
"""


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """What a writer knows of the stream, whatever becomes of Redis: its epoch and last entry."""

    epoch: str
    last: StreamId


class PurgeStream:
    """The stream of one Redis. Everything may raise `RedisUnavailable`."""

    def __init__(self, redis: RedisDoor, *, kept_entries: int = KEPT_ENTRIES) -> None:
        self._redis = redis
        self._kept_entries = str(kept_entries)

    async def state(self) -> StreamState:
        """The stream as it stands now. Raises `UnreadableEntry`."""
        epoch, first, last = _texts(await self._redis.evaluate(_STATE, (STREAM, EPOCH)))
        return StreamState(epoch or None, StreamId.parse(first), StreamId.parse(last))

    async def read(self, after: StreamId, *, wait_s: float) -> Sequence[StreamRow]:
        """The next entries after `after`; waits up to `wait_s` for the first one."""
        return await self._redis.read_stream(STREAM, str(after), wait_s=wait_s, limit=BATCH)

    async def publish(self, order: PurgeOrder, record: StreamRecord) -> StreamId | None:
        """Add a purge; None, and nothing is added, when the stream is not what `record` says."""
        reply = await self._redis.evaluate(
            _PUBLISH,
            (STREAM, EPOCH),
            record.epoch,
            str(record.last),
            self._kept_entries,
            write_order(order),
        )
        return None if reply is None else StreamId.parse(str(reply))

    async def begin(self, epoch: str) -> StreamId:
        """Begin an epoch: whoever reads the stream forgets what is stored."""
        reply = await self._redis.evaluate(_BEGIN, (STREAM, EPOCH), epoch, self._kept_entries)
        return StreamId.parse(str(reply))


def has_lost(state: StreamState, record: StreamRecord) -> bool:
    """Whether the stream lacks entries that a writer knows were there."""
    return state.epoch != record.epoch or state.last < record.last


def _texts(reply: Reply) -> list[str]:
    assert not isinstance(reply, str | int | None), reply
    return [str(each) for each in reply]
