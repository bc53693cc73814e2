"""The file of the index: opened, found unusable, begun anew, and read at the start.

SQLite's write-ahead log makes every commit atomic, whenever the process is killed. A commit is
durable against a power cut as well when it was made with `durable`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from core.cache.purge_stream import Position, StreamId, UnreadableEntry
from edge.disk.changes import POSITION, QUERIES
from edge.disk.rows import ObjectRow
from runtime.storage import fsync_path

NAME: Final = "index.sqlite"
APPLICATION: Final = 0x534C5543
VERSION: Final = 1
BUSY_S: Final = 5.0
_MAKING: Final = ("make_facts", "make_objects", "make_slices", "make_slices_by_object")

# What SQLite and the reading of damaged rows may raise.
IndexErrors: Final = (sqlite3.Error, OSError, ValueError, TypeError, OverflowError, LookupError)


class IndexUnusable(Exception):
    """The file is no index of ours, or one of another version, or damaged."""


def open_index(folder: Path) -> sqlite3.Connection:
    """Open the index in `folder`, or make one. Raises `IndexUnusable` for one that is not good."""
    path = folder / NAME
    if not path.exists():
        return _make(path)
    try:
        index = _connect(path)
    except IndexErrors as error:
        raise IndexUnusable(str(error)) from error
    try:
        _check(index)
        index.execute("PRAGMA journal_mode=WAL")
    except IndexErrors as error:
        index.close()
        raise IndexUnusable(str(error)) from error
    except IndexUnusable:
        index.close()
        raise
    return index


def open_reader(folder: Path) -> sqlite3.Connection:
    """Open the index to read alone. Raises `sqlite3.Error`."""
    uri = f"file:{quote(str(folder / NAME))}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_S)


def delete_index(folder: Path) -> None:
    """Delete the index, durably. Raises `OSError`."""
    # The log goes first: beside another index it would be taken for the log of that one.
    for suffix in ("-wal", "-shm", "-journal", ""):
        (folder / f"{NAME}{suffix}").unlink(missing_ok=True)
    fsync_path(folder)


@contextmanager
def transaction(index: sqlite3.Connection, *, durable: bool) -> Iterator[None]:
    """Commit what is done within, all of it or nothing. Raises `sqlite3.Error`."""
    index.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    index.execute("BEGIN IMMEDIATE")
    try:
        yield
        index.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            index.execute("ROLLBACK")
        raise


def read_fact(index: sqlite3.Connection, name: str) -> object:
    """What is known under a name, None when nothing is."""
    found = index.execute(QUERIES["get_fact"], (name,)).fetchone()
    return None if found is None else found[0]


def read_position(index: sqlite3.Connection) -> Position | None:
    """Where the edge stood in the stream of purges; None when that is not known."""
    written = read_fact(index, POSITION)
    if not isinstance(written, str):
        return None
    last, _, epoch = written.partition(" ")
    try:
        return Position(epoch, StreamId.parse(last))
    except UnreadableEntry:
        return None


def read_object(index: sqlite3.Connection, number: int) -> ObjectRow | None:
    """The row of a stored response; None when it is not there, or damaged."""
    columns = index.execute(QUERIES["get_object"], (number,)).fetchone()
    return None if columns is None else ObjectRow.read(columns)


def _connect(path: Path) -> sqlite3.Connection:
    # Used by one thread after the other, never by two at a time.
    return sqlite3.connect(path, isolation_level=None, timeout=BUSY_S, check_same_thread=False)


def _check(index: sqlite3.Connection) -> None:
    owner = index.execute("PRAGMA application_id").fetchone()[0]
    version = index.execute("PRAGMA user_version").fetchone()[0]
    if owner != APPLICATION:
        raise IndexUnusable("it is no index of this cache")
    if version != VERSION:
        raise IndexUnusable(f"it has version {version}, and this Sluice writes {VERSION}")
    found = index.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise IndexUnusable(str(found))


def _make(path: Path) -> sqlite3.Connection:
    """Make an empty index; killed half-way it leaves a file that is no index of ours."""
    index = _connect(path)
    try:
        index.execute("PRAGMA journal_mode=WAL")
        with transaction(index, durable=True):
            for name in _MAKING:
                index.execute(QUERIES[name])
            index.execute(f"PRAGMA user_version={VERSION}")
            index.execute(f"PRAGMA application_id={APPLICATION}")
    except BaseException:
        index.close()
        raise
    return index


def read_rows(index: sqlite3.Connection, name: str) -> Iterator[tuple[object, ...]]:
    """The rows of a named statement, a few at a time."""
    with closing(index.execute(QUERIES[name])) as cursor:
        yield from cursor
