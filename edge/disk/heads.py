"""Heads read from the index, by readers, each time on a connection of their own.

The index may have been begun anew since the last time, and a connection would go on reading the
deleted one.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from edge.disk.index import open_reader, read_object


def read_heads(folder: Path, ids: Sequence[int]) -> dict[int, bytes]:
    """The heads of stored responses; one that is damaged or gone is left out.

    Raises `sqlite3.Error`.
    """
    with closing(open_reader(folder)) as index:
        rows = ((number, read_object(index, number)) for number in ids)
        return {number: row.head for number, row in rows if row is not None}
