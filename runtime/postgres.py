"""The one door to Postgres: sessions and transactions with deadlines, and failures as faults.

asyncpg ships no types, so what we use of it is written down here as protocols; the other rooms
name those and need not import the driver. Statements inside `connection` and `transaction` are
translated on their way out: keep file and network work out of their bodies, or its timeouts would
be taken for the database's.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]  # the driver has no types; see the protocols below

from core.errors import OperatorFault, UpstreamFault

CONNECT_TIMEOUT_S = 5.0
ACQUIRE_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 15.0
IDLE_LIFETIME_S = 300.0

# SQLSTATE classes that say "not now" rather than "wrong": connection exceptions, insufficient
# resources (disk full, too many connections), operator intervention (shutdown, statement timeout),
# system errors (I/O); and single states that a retry cures: serialisation failure, deadlock, lock
# not available (PostgreSQL, Appendix A).
_TRANSIENT_CLASSES = frozenset({"08", "53", "57", "58"})
_TRANSIENT_STATES = frozenset({"40001", "40P01", "55P03"})
# What the driver says of a session that ended under us ("connection is closed", "pool is closing",
# "connection has been released back to the pool"); it has no class of its own for that.
_GONE = ("clos", "has been released back")


class DatabaseUnavailable(UpstreamFault):
    """Postgres cannot be reached, is too slow or is going down; a retry may succeed."""

    status = 503
    code = "database.unavailable"
    retry_after_s = 1


class DatabaseRefused(OperatorFault):
    """Postgres is there but will not have us: wrong address, name, password or database."""

    code = "database.refused"


class Record(Protocol):
    """One row: values by column name or position."""

    def __getitem__(self, key: str | int, /) -> Any: ...

    def keys(self) -> Iterator[str]:
        """Column names, in the order of the statement."""
        ...

    def values(self) -> Iterator[Any]:
        """Values, in the order of the statement."""
        ...

    def items(self) -> Iterator[tuple[str, Any]]:
        """Names with their values."""
        ...


class Connection(Protocol):
    """One Postgres session, as asyncpg gives it."""

    async def fetch(self, query: str, *args: object) -> list[Record]:
        """Every row of the answer."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Record | None:
        """The first row, or None where there is none."""
        ...

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        ...

    async def execute(self, query: str, *args: object) -> str:
        """Run it and answer the command tag, as in `DELETE 1`."""
        ...

    async def executemany(self, command: str, args: Iterable[Sequence[object]]) -> None:
        """Run it once for each tuple of arguments, all or none."""
        ...

    async def add_listener(self, channel: str, callback: Callable[..., object]) -> None:
        """Have NOTIFYs of `channel` handed to `callback`."""
        ...

    async def remove_listener(self, channel: str, callback: Callable[..., object]) -> None:
        """Undo `add_listener`."""
        ...

    def transaction(
        self, *, isolation: str | None = None, readonly: bool = False
    ) -> AbstractAsyncContextManager[object]:
        """A transaction, or a savepoint inside of one."""
        ...

    def is_closed(self) -> bool:
        """Whether the session is over."""
        ...


class Pool(Protocol):
    """A bounded set of sessions."""

    def acquire(self, *, timeout: float | None = None) -> AbstractAsyncContextManager[Connection]:
        """A session for the time of a `with`."""
        ...

    def get_size(self) -> int:
        """How many sessions are open."""
        ...

    def get_idle_size(self) -> int:
        """How many of them wait for work."""
        ...

    async def close(self) -> None:
        """Wait until all sessions are given back, and end them."""
        ...

    def terminate(self) -> None:
        """End all sessions at once."""
        ...


def address(url: str) -> str:
    """Where `url` points, fit for a message: without user and password.

    >>> address("postgresql://sluice:secret@db:5432/media")
    'postgresql://db:5432/media'
    """
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}{parts.path}"


async def open_pool(
    url: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    application: str = "sluice",
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
) -> Pool:
    """A pool of `min_size` to `max_size` sessions, each statement bounded by `statement_timeout_s`.

    Raises `DatabaseUnavailable` where nothing answers, `DatabaseRefused` where the answer is no.
    """
    with _connecting(url):
        pool = await asyncpg.create_pool(
            url,
            min_size=min_size,
            max_size=max_size,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=statement_timeout_s,
            max_inactive_connection_lifetime=IDLE_LIFETIME_S,
            server_settings={"application_name": application, "jit": "off", "timezone": "UTC"},
        )
    return cast("Pool", pool)


async def close_pool(pool: Pool, *, timeout_s: float = 5.0) -> None:
    """Give every session back within `timeout_s`; cut those that are still busy then."""
    try:
        async with asyncio.timeout(timeout_s):
            await pool.close()
    except TimeoutError:
        pool.terminate()


@asynccontextmanager
async def connect(url: str, *, application: str = "sluice") -> AsyncIterator[Connection]:
    """One session of its own, without a statement deadline: for migrations and listening."""
    with _connecting(url):
        session = await asyncpg.connect(
            url,
            timeout=CONNECT_TIMEOUT_S,
            server_settings={"application_name": application, "jit": "off", "timezone": "UTC"},
        )
    try:
        with translated():
            yield cast("Connection", session)
    finally:
        await session.close(timeout=CONNECT_TIMEOUT_S)


@asynccontextmanager
async def connection(
    pool: Pool, *, timeout_s: float = ACQUIRE_TIMEOUT_S
) -> AsyncIterator[Connection]:
    """A session of the pool, waited for at most `timeout_s`. Raises `DatabaseUnavailable`."""
    with translated():
        async with _acquired(pool, timeout_s) as session:
            yield session


@asynccontextmanager
async def transaction(
    pool: Pool, *, timeout_s: float = ACQUIRE_TIMEOUT_S, isolation: str | None = None
) -> AsyncIterator[Connection]:
    """A session in a transaction: committed at the end, rolled back by any exception."""
    async with (
        connection(pool, timeout_s=timeout_s) as session,
        session.transaction(isolation=isolation),
    ):
        yield session


async def check(pool: Pool, *, timeout_s: float = 2.0) -> None:
    """Ask Postgres for a trivial answer within `timeout_s`, or raise `DatabaseUnavailable`."""
    try:
        async with asyncio.timeout(timeout_s), connection(pool) as session:
            await session.fetchval("SELECT 1")
    except TimeoutError as error:
        raise DatabaseUnavailable(f"Postgres did not answer within {timeout_s:g} s") from error


@asynccontextmanager
async def _acquired(pool: Pool, timeout_s: float) -> AsyncIterator[Connection]:
    async with AsyncExitStack() as stack:
        try:
            session = await stack.enter_async_context(pool.acquire(timeout=timeout_s))
        except OSError as error:  # also a socket file that is not there, or no free session in time
            reason = str(error) or f"no session within {timeout_s:g} s"
            raise DatabaseUnavailable(f"Postgres cannot be reached: {reason}") from error
        yield session


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the driver raises for an absent or overloaded Postgres into `DatabaseUnavailable`.

    Constraint violations and mistakes in SQL pass untouched: only the repository that wrote the
    statement knows what they mean.
    """
    try:
        yield
    except TimeoutError as error:
        raise DatabaseUnavailable("Postgres did not answer in time") from error
    except (ConnectionError, asyncpg.InternalClientError) as error:
        raise DatabaseUnavailable(f"the connection to Postgres broke: {error}") from error
    except asyncpg.PostgresError as error:
        if _is_transient(error):
            raise DatabaseUnavailable(f"Postgres cannot answer now: {error}") from error
        raise
    except asyncpg.InterfaceError as error:
        if any(words in str(error) for words in _GONE):
            raise DatabaseUnavailable(f"the connection to Postgres is gone: {error}") from error
        raise


@contextmanager
def _connecting(url: str) -> Iterator[None]:
    where = address(url)
    try:
        yield
    except OSError as error:  # TimeoutError is one of them
        reason = str(error) or "no answer in time"
        raise DatabaseUnavailable(f"Postgres at {where} cannot be reached: {reason}") from error
    except asyncpg.PostgresError as error:
        if _is_transient(error):
            raise DatabaseUnavailable(f"Postgres at {where} is not ready: {error}") from error
        raise DatabaseRefused(f"Postgres at {where} refuses the connection: {error}") from error
    except (asyncpg.InterfaceError, ValueError) as error:
        raise DatabaseRefused(f"{where!r} is no usable Postgres address: {error}") from error


def _is_transient(error: Exception) -> bool:
    state = str(getattr(error, "sqlstate", "") or "")
    return state[:2] in _TRANSIENT_CLASSES or state in _TRANSIENT_STATES
