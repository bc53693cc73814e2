"""The one door to Redis: commands with deadlines, replies with types, failures as faults.

A connection that broke is replaced by the next command. Nothing here tries twice: whoever calls
knows whether a command may be repeated, and waits between tries by a `BackOff`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias, cast
from urllib.parse import urlsplit

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from core.errors import OperatorFault, UpstreamFault

COMMAND_DEADLINE_S: Final = 2.0
CONNECT_DEADLINE_S: Final = 2.0
MOST_CONNECTIONS: Final = 16
SHORTEST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 5.0

Reply: TypeAlias = "str | int | Sequence[Reply] | None"


class RedisUnavailable(UpstreamFault):
    """Redis cannot be reached, is too slow or is going down; a retry may succeed."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "redis.unavailable"
    retry_after_s = 1


class RedisRefused(RedisUnavailable):
    """Redis is there but will not do it: no permission, no memory, a key of another kind."""

    code: ClassVar[str] = "redis.refused"


class RedisMisconfigured(OperatorFault):
    """The URL of Redis is none."""

    code: ClassVar[str] = "redis.misconfigured"


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One entry of a stream as Redis gives it: its id and its fields."""

    id: str
    fields: dict[str, str]


def shown_address(url: str) -> str:
    """Where `url` points, fit for a message: without user and password.

    >>> shown_address("redis://:secret@cache:6380/2")
    'cache:6380/2'
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{host}{parts.path}".removesuffix("/")


class RedisDoor:
    """A few connections to one Redis, made when they are needed."""

    def __init__(self, url: str, *, deadline_s: float = COMMAND_DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._address = shown_address(url)
        try:
            self._redis = Redis.from_url(
                url,
                decode_responses=True,
                encoding_errors="surrogateescape",
                protocol=2,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=None,  # each call has its own deadline
                socket_connect_timeout=CONNECT_DEADLINE_S,
                max_connections=MOST_CONNECTIONS,
            )
        except ValueError as error:
            raise RedisMisconfigured(f"Redis cannot be at {self._address}: {error}") from error

    @property
    def address(self) -> str:
        """Where it is, without user and password."""
        return self._address

    async def close(self) -> None:
        """End all connections."""
        await self._redis.aclose()

    async def ping(self) -> None:
        """Raise `RedisUnavailable` unless Redis answers soon."""
        await self._call("PING")

    async def evaluate(self, script: str, keys: Sequence[str], *arguments: str) -> Reply:
        """Run a Lua script, which nothing else comes between."""
        return await self._call("EVAL", script, len(keys), *keys, *arguments)

    async def read_stream(
        self, stream: str, after: str, *, wait_s: float, limit: int
    ) -> list[StreamRow]:
        """Up to `limit` entries after the id `after`; waits up to `wait_s` for the first one."""
        # The driver has paired names with values here.
        reply = await self._call(
            "XREAD", "COUNT", limit, "BLOCK", round(wait_s * 1000), "STREAMS", stream, after,
            wait_s=wait_s,
        )  # fmt: skip
        streams = cast("Sequence[tuple[str, Sequence[tuple[str, dict[str, str]]]]] | None", reply)
        return [StreamRow(*row) for _, rows in streams or () for row in rows]

    async def _call(self, *words: str | int, wait_s: float = 0) -> Reply:
        deadline_s = self._deadline_s + wait_s
        with self._translated(deadline_s):
            async with asyncio.timeout(deadline_s):
                # The driver leaves this one without types.
                reply: Reply = await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
        return reply

    @contextmanager
    def _translated(self, deadline_s: float) -> Iterator[None]:
        try:
            yield
        except (exceptions.ConnectionError, OSError, exceptions.TimeoutError) as error:
            late = isinstance(error, TimeoutError) and not str(error)
            reason = f"no answer within {deadline_s:g} s" if late else str(error)
            raise RedisUnavailable(f"Redis at {self._address}: {reason}") from error
        except exceptions.RedisError as error:
            raise RedisRefused(f"Redis at {self._address} refuses: {error}") from error


@asynccontextmanager
async def open_redis(
    url: str, *, deadline_s: float = COMMAND_DEADLINE_S
) -> AsyncIterator[RedisDoor]:
    """A door for as long as the context lasts; Redis need not be there yet."""
    door = RedisDoor(url, deadline_s=deadline_s)
    try:
        yield door
    finally:
        await door.close()


class BackOff:
    """How long to wait before the next try: doubling, with a fifth of jitter."""

    def __init__(
        self, shortest_s: float = SHORTEST_WAIT_S, longest_s: float = LONGEST_WAIT_S
    ) -> None:
        self._shortest_s = shortest_s
        self._longest_s = longest_s
        self._failures = 0

    def succeeded(self) -> None:
        """Begin again with the shortest wait."""
        self._failures = 0

    async def wait(self) -> None:
        """Wait after a failure."""
        await asyncio.sleep(self.delay_s(random.uniform(-1, 1)))
        self._failures = min(self._failures + 1, 30)

    def delay_s(self, jitter: float) -> float:
        """The next wait; `jitter` of ±1 is ±20 %."""
        return min(self._longest_s, self._shortest_s * 2.0**self._failures) * (1 + 0.2 * jitter)
