import asyncio
from dataclasses import replace

import pytest

from runtime.migrations import (
    Migration,
    MigrationsLocked,
    MigrationsMisnumbered,
    SchemaDiverged,
    SchemaOutdated,
    migrate,
    number_migrations,
    pending_migrations,
    require_current_schema,
    shipped_migrations,
)
from runtime.postgres import close_pool, connect, open_pool

pytestmark = pytest.mark.postgres

ONE = Migration(1, "one", "CREATE TABLE one (id integer);")
TWO = Migration(2, "two", "CREATE TABLE two (id integer);")
BROKEN = Migration(2, "broken", "CREATE TABLE two (id integer); SELECT 1 / 0;")


async def tables(url: str) -> set[str]:
    async with connect(url) as session:
        rows = await session.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row["tablename"] for row in rows}


async def test_migrations_are_applied_in_order_and_once(empty_database_url: str) -> None:
    assert await migrate(empty_database_url, migrations=[ONE]) == (ONE,)
    assert await migrate(empty_database_url, migrations=[ONE, TWO]) == (TWO,)
    assert await migrate(empty_database_url, migrations=[ONE, TWO]) == ()
    assert await tables(empty_database_url) == {"one", "two", "schema_migrations"}


async def test_processes_that_migrate_at_the_same_time_apply_each_migration_once(
    empty_database_url: str,
) -> None:
    done = await asyncio.gather(
        *(migrate(empty_database_url, migrations=[ONE, TWO]) for _ in range(5))
    )
    assert sorted(map(len, done)) == [0, 0, 0, 0, 2]


async def test_a_migration_that_fails_leaves_nothing_behind(empty_database_url: str) -> None:
    with pytest.raises(Exception, match="division by zero"):
        await migrate(empty_database_url, migrations=[ONE, BROKEN])
    assert await tables(empty_database_url) == {"one", "schema_migrations"}
    assert await migrate(empty_database_url, migrations=[ONE, TWO]) == (TWO,)


async def test_a_migration_that_changed_after_it_was_applied_is_refused(
    empty_database_url: str,
) -> None:
    await migrate(empty_database_url, migrations=[ONE])
    with pytest.raises(SchemaDiverged, match=r"0001_one was applied as \w{12} but is now"):
        await migrate(empty_database_url, migrations=[replace(ONE, sql="SELECT 1;"), TWO])
    assert "two" not in await tables(empty_database_url)


async def test_a_migration_that_is_no_longer_there_is_refused(empty_database_url: str) -> None:
    await migrate(empty_database_url, migrations=[ONE, TWO])
    with pytest.raises(SchemaDiverged, match="0002_two, which this version of Sluice does not"):
        await migrate(empty_database_url, migrations=[ONE])


async def test_a_migration_with_another_name_is_refused(empty_database_url: str) -> None:
    await migrate(empty_database_url, migrations=[ONE])
    with pytest.raises(SchemaDiverged, match="0001_one"):
        await migrate(empty_database_url, migrations=[replace(ONE, name="first")])


async def test_waiting_for_another_migration_ends(empty_database_url: str) -> None:
    async with connect(empty_database_url) as holder:
        await holder.execute("SELECT pg_advisory_lock(hashtextextended('sluice.migrations', 0))")
        with pytest.raises(MigrationsLocked, match=r"more than 0\.2 s"):
            await migrate(empty_database_url, migrations=[ONE], lock_timeout_s=0.2)


@pytest.mark.parametrize(
    "names",
    [
        ["0002_two.sql"],
        ["0001_one.sql", "0003_three.sql"],
        ["0001_one.sql", "0001_two.sql"],
        ["1_one.sql"],
        ["0001_One.sql"],
    ],
)
def test_files_that_do_not_count_from_one_are_refused(names: list[str]) -> None:
    with pytest.raises(MigrationsMisnumbered, match="should be 000"):
        number_migrations([(name, "SELECT 1;") for name in names])


def test_nothing_is_pending_where_the_ledger_is_complete() -> None:
    assert pending_migrations((), ()) == ()


async def test_a_process_refuses_a_database_that_was_never_migrated(
    empty_database_url: str,
) -> None:
    pool = await open_pool(empty_database_url)
    with pytest.raises(SchemaOutdated, match=r"lacks 0001_catalogue, .*run `sluice migrate`"):
        await require_current_schema(pool)
    await close_pool(pool)


async def test_a_process_accepts_a_database_that_is_up_to_date(database_url: str) -> None:
    pool = await open_pool(database_url)
    await require_current_schema(pool)
    await close_pool(pool)
    assert await migrate(database_url, migrations=shipped_migrations()) == ()
