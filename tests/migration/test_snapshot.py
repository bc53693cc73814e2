import pytest

from runtime.postgres import connect
from tools.schema_snapshot import HEADING, SNAPSHOT, dump_schema, tidy

pytestmark = pytest.mark.postgres


def test_the_snapshot_is_what_the_migrations_make(database_url: str) -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == f"{HEADING}\n{dump_schema(database_url)}"


async def test_the_snapshot_makes_the_same_schema_by_itself(
    database_url: str, empty_database_url: str
) -> None:
    async with connect(empty_database_url) as session:
        await session.execute(SNAPSHOT.read_text(encoding="utf-8"))
    assert dump_schema(empty_database_url) == dump_schema(database_url)


async def test_a_difference_of_one_column_shows(database_url: str) -> None:
    before = dump_schema(database_url)
    async with connect(database_url) as session:
        await session.execute("ALTER TABLE videos ADD COLUMN extra integer")
    assert dump_schema(database_url) != before


def test_what_depends_on_the_dumping_program_is_left_out() -> None:
    assert (
        tidy("--\n\\restrict x\nSET a = b;\n\n\n\nCREATE TABLE a ();  \n") == "CREATE TABLE a ();\n"
    )
