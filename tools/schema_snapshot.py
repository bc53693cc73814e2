"""Writes `runtime/schema.sql`: the schema that all migrations together make, as one can read it.

    python -m tools.schema_snapshot            write it
    python -m tools.schema_snapshot --check    say whether it is up to date

The snapshot is what `pg_dump` says of a freshly migrated database, less what depends on the
program.
"""

import argparse
import asyncio
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from runtime.migrations import migrate
from runtime.postgres_programs import find_programs
from tests.fixtures.postgres import running_postgres

SNAPSHOT = Path(__file__).resolve().parents[1] / "runtime" / "schema.sql"
HEADING = (
    "-- What the migrations add up to. Written by `python -m tools.schema_snapshot`; do not edit.\n"
)
DEADLINE_S = 60.0

_NOISE = re.compile(r"(--|SET |SELECT pg_catalog\.set_config|\\)")


def dump_schema(url: str) -> str:
    """The schema of the database at `url`, as SQL that makes it again."""
    parts = urlsplit(url)
    command = [
        find_programs().path("pg_dump"),
        f"--host={parse_qs(parts.query)['host'][0]}",
        f"--username={parts.username}",
        f"--dbname={parts.path.removeprefix('/')}",
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        "--no-comments",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    return tidy(done.stdout)


def tidy(dump: str) -> str:
    """The statements alone: no comments, no settings, no commands to psql, single blank lines."""
    kept = [line.rstrip() for line in dump.splitlines() if not _NOISE.match(line)]
    return re.sub(r"\n{2,}", "\n\n", "\n".join(kept)).strip() + "\n"


def migrated_schema() -> str:
    """The schema of a database that had all migrations."""
    with running_postgres() as server:
        asyncio.run(migrate(server.url("sluice")))
        return HEADING + "\n" + dump_schema(server.url("sluice"))


def main() -> int:
    parser = argparse.ArgumentParser(description="Write runtime/schema.sql.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if it differs")
    wanted = migrated_schema()
    if not parser.parse_args().check:
        SNAPSHOT.write_text(wanted, encoding="utf-8")
        return 0
    if SNAPSHOT.read_text(encoding="utf-8") == wanted:
        return 0
    print("runtime/schema.sql is out of date; run python -m tools.schema_snapshot")
    return 1


if __name__ == "__main__":
    sys.exit(main())
