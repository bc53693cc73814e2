from importlib.resources import files

import pytest

from runtime.postgres import Pool, connection
from runtime.sql import MalformedQueries, load_queries, parse_queries

pytestmark = pytest.mark.postgres

SQL_FILES = [
    ("runtime", "queries.sql"),
    ("runtime", "jobs.sql"),
    ("server", "queries.sql"),
    ("server", "purge_stream.sql"),
    ("server", "captions.sql"),
    ("origin", "queries.sql"),
]


def test_a_statement_is_found_by_its_name_without_purpose_and_semicolon() -> None:
    text = "-- About.\n\n-- name: one\n-- Answers one.\n-- In two lines.\nSELECT 1;\n"
    assert parse_queries(text) == {"one": "SELECT 1"}


def test_a_statement_keeps_the_comments_inside_of_it() -> None:
    text = "-- name: one\n-- Answers one.\nSELECT\n    -- why\n    1;"
    assert parse_queries(text) == {"one": "SELECT\n    -- why\n    1"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1;", "queries:1: a statement without"),
        ("-- name: one\nSELECT 1;", "says no purpose"),
        ("-- name: one\n-- Answers one.\n", "has no statement"),
        ("-- name: One\n-- Answers one.\nSELECT 1;", "no lower-case identifier"),
        ("-- name: one two\n-- Answers.\nSELECT 1;", "no lower-case identifier"),
        (
            "-- name: one\n-- A.\nSELECT 1;\n-- name: one\n-- B.\nSELECT 2;",
            "queries:4: 'one' is defined twice",
        ),
    ],
)
def test_a_file_that_does_not_keep_to_the_form_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(MalformedQueries, match=complaint):
        parse_queries(text)


def test_an_unknown_name_says_which_there_are() -> None:
    queries = load_queries("runtime")
    with pytest.raises(KeyError, match=r"has no statement 'nonsense'; it has .*lock_migrations"):
        queries["nonsense"]


@pytest.mark.parametrize(("package", "resource"), SQL_FILES)
async def test_postgres_accepts_every_statement_we_ship(
    package: str, resource: str, pool: Pool
) -> None:
    if not files(package).joinpath(resource).is_file():
        pytest.fail(f"{package}/{resource} is gone: change the list above")
    async with connection(pool) as session:
        for statement in load_queries(package, resource).values():
            await session.prepare(statement)  # type: ignore[attr-defined]  # the driver has it


def test_the_list_above_names_every_file_of_queries() -> None:
    listed = {f"{package}/{resource}" for package, resource in SQL_FILES}
    shipped = {
        f"{package}/{entry.name}"
        for package in ("runtime", "server", "origin", "edge", "cli")
        for entry in files(package).iterdir()
        if entry.name.endswith(".sql") and entry.name != "schema.sql"
    }
    assert listed == shipped
