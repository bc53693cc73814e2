import asyncio
import socket
from pathlib import Path

import pytest

from runtime.postgres import (
    DatabaseRefused,
    DatabaseUnavailable,
    Pool,
    address,
    check,
    close_pool,
    connection,
    open_pool,
    transaction,
)
from tests.fixtures.postgres import PostgresServer, running_postgres

pytestmark = pytest.mark.postgres


def test_an_address_in_a_message_has_no_password() -> None:
    assert address("postgresql://ada:secret@db:5432/media") == "postgresql://db:5432/media"


async def test_a_closed_port_is_unavailable_and_worth_a_retry() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(DatabaseUnavailable, match="cannot be reached") as raised:
            await open_pool(f"postgresql://ada:secret@127.0.0.1:{port}/media")
    assert raised.value.retryable
    assert raised.value.retry_after_s is not None
    assert "secret" not in str(raised.value)


async def test_a_missing_socket_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
        await open_pool(f"postgresql:///media?host={tmp_path}&user=ada")


async def test_a_database_that_does_not_exist_is_refused(postgres_server: PostgresServer) -> None:
    with pytest.raises(DatabaseRefused, match="nowhere"):
        await open_pool(postgres_server.url("nowhere"))


@pytest.mark.parametrize("url", ["http://db/media", "postgresql://db:port/media"])
async def test_what_is_no_postgres_address_is_refused(url: str) -> None:
    with pytest.raises(DatabaseRefused, match="no usable Postgres address"):
        await open_pool(url)


async def test_a_statement_that_takes_too_long_is_unavailable(database_url: str) -> None:
    pool = await open_pool(database_url, statement_timeout_s=0.5)
    with pytest.raises(DatabaseUnavailable, match="in time"):
        async with connection(pool) as session:
            await session.execute("SELECT pg_sleep(5)")
    await close_pool(pool)


async def test_waiting_for_a_session_ends(database_url: str) -> None:
    pool = await open_pool(database_url, max_size=1)
    async with connection(pool):
        with pytest.raises(DatabaseUnavailable, match="no session within"):
            async with connection(pool, timeout_s=0.1):
                pass
    await close_pool(pool)


async def test_a_transaction_is_undone_by_an_exception(pool: Pool) -> None:
    async def fail_after_writing() -> None:
        async with transaction(pool) as session:
            await session.execute("INSERT INTO purge_outbox (keys) VALUES ('{a}')")
            raise LookupError

    with pytest.raises(LookupError):
        await fail_after_writing()
    async with connection(pool) as session:
        assert await session.fetchval("SELECT count(*) FROM purge_outbox") == 0


async def test_a_mistake_in_sql_is_not_taken_for_an_absent_database(pool: Pool) -> None:
    with pytest.raises(Exception, match="syntax error") as raised:
        async with connection(pool) as session:
            await session.execute("SELEKT 1")
    assert not isinstance(raised.value, DatabaseUnavailable)


async def test_a_session_that_is_killed_is_unavailable_and_the_pool_recovers(pool: Pool) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with connection(pool) as session:
            await session.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    await check(pool)


async def test_a_database_that_goes_away_is_unavailable() -> None:
    with running_postgres() as server:
        pool = await open_pool(server.url("postgres"), min_size=1, max_size=2)
        await check(pool)
    with pytest.raises(DatabaseUnavailable):
        await check(pool)
    async with asyncio.timeout(30):
        await close_pool(pool)
