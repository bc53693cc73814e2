"""Schema migrations: numbered `.sql` files applied in order, once, forward only.

What a database has had is written in its table `schema_migrations` with the file's SHA-256. A file
that was changed after it was applied, or that is no longer there, stops everything: the schema
would no longer be what the code was tested with. Each file runs in its own transaction, all of them
under one advisory lock, so processes that start together do not collide.
"""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import zip_longest

from core.errors import InternalFault, OperatorFault
from runtime.postgres import Connection, Pool, connect, connection
from runtime.sql import load_queries

LOCK_TIMEOUT_S = 60.0

_QUERIES = load_queries("runtime")
_FILE_NAME = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z][a-z0-9_]*)\.sql")


class MigrationsMisnumbered(InternalFault):
    """Our own migration files do not count from 1 without a gap."""

    code = "migrations.misnumbered"


class SchemaDiverged(OperatorFault):
    """The database had a migration that this version of Sluice has not, or has otherwise."""

    code = "migrations.diverged"


class SchemaOutdated(OperatorFault):
    """The database still lacks migrations of this version of Sluice."""

    code = "migrations.pending"


class MigrationsLocked(OperatorFault):
    """Another process holds the migration lock for longer than we wait."""

    code = "migrations.locked"
    retryable = True


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str = field(repr=False)

    @property
    def sha256(self) -> str:
        """The digest of its text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def title(self) -> str:
        """How people call it: `0001_catalogue`."""
        return f"{self.number:04}_{self.name}"


@dataclass(frozen=True, slots=True)
class Applied:
    """One line of the ledger: a migration the database has had."""

    number: int
    name: str
    sha256: str


def shipped_migrations() -> tuple[Migration, ...]:
    """The migrations of this version of Sluice, in order."""
    folder = files("runtime").joinpath("migrations")
    found = sorted(
        (entry.name, entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    )
    return number_migrations(found)


def number_migrations(found: Sequence[tuple[str, str]]) -> tuple[Migration, ...]:
    """Migrations from (file name, text) in order of name; `MigrationsMisnumbered` on a gap."""
    migrations: list[Migration] = []
    for expected, (file_name, sql) in enumerate(found, start=1):
        parts = _FILE_NAME.fullmatch(file_name)
        if parts is None or int(parts["number"]) != expected:
            raise MigrationsMisnumbered(f"migration {file_name!r} should be {expected:04}_name.sql")
        migrations.append(Migration(expected, parts["name"], sql))
    return tuple(migrations)


def pending_migrations(
    shipped: Sequence[Migration], ledger: Sequence[Applied]
) -> tuple[Migration, ...]:
    """What is still to do.

    Raises `SchemaDiverged` unless the ledger is a beginning of what we ship.
    """
    for ours, theirs in zip_longest(shipped, ledger):
        if theirs is None:
            break
        title = f"{theirs.number:04}_{theirs.name}"
        if ours is None or (ours.number, ours.name) != (theirs.number, theirs.name):
            raise SchemaDiverged(
                f"the database has had migration {title}, which this version of Sluice does not "
                "have; run the version that made it, or a newer one"
            )
        if ours.sha256 != theirs.sha256:
            raise SchemaDiverged(
                f"migration {title} was applied as {theirs.sha256[:12]} but is now "
                f"{ours.sha256[:12]}; an applied migration must not change"
            )
    return tuple(shipped[len(ledger) :])


async def migrate(
    url: str,
    *,
    migrations: Sequence[Migration] | None = None,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
) -> tuple[Migration, ...]:
    """Bring the database at `url` up to date and answer what was applied, which may be nothing.

    Raises `SchemaDiverged`, `MigrationsLocked` after `lock_timeout_s`, `DatabaseUnavailable`,
    `DatabaseRefused`.
    """
    shipped = shipped_migrations() if migrations is None else migrations
    async with connect(url, application="sluice migrate") as session:
        await _lock(session, lock_timeout_s)
        await session.execute(_QUERIES["create_ledger"])
        todo = pending_migrations(shipped, await _read_ledger(session))
        for migration in todo:
            await _apply(session, migration)
    return todo


async def require_current_schema(pool: Pool) -> None:
    """Raise `SchemaOutdated` where migrations are lacking, `SchemaDiverged` where others ran."""
    async with connection(pool) as session:
        known = await session.fetchval(_QUERIES["has_ledger"])
        ledger = await _read_ledger(session) if known else ()
    if todo := pending_migrations(shipped_migrations(), ledger):
        names = ", ".join(migration.title for migration in todo)
        raise SchemaOutdated(f"the database lacks {names}; run `sluice migrate`")


async def _lock(session: Connection, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await session.execute(_QUERIES["lock_migrations"])
    except TimeoutError as error:
        raise MigrationsLocked(
            f"another process has been migrating this database for more than {timeout_s:g} s"
        ) from error


async def _read_ledger(session: Connection) -> tuple[Applied, ...]:
    rows = await session.fetch(_QUERIES["read_ledger"])
    return tuple(Applied(row["number"], row["name"], row["sha256"]) for row in rows)


async def _apply(session: Connection, migration: Migration) -> None:
    async with session.transaction():
        await session.execute(migration.sql)
        await session.execute(
            _QUERIES["record_migration"], migration.number, migration.name, migration.sha256
        )
