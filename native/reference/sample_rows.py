"""Samples of a file as rows of equal length: what `SampleTable.next_rows` gives, in decode order.

One call hands over thousands of samples, and the next one takes them as they are, so that nothing
is made of them in between. Rows are in the machine's byte order, for they never leave the process.
"""

import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from typing_extensions import Buffer

ROW: Final = struct.Struct("=QQqIIII")
INDEX_ROW: Final = struct.Struct("<IIiI")
"""A row as the track index stores it: bytes, duration, composition offset, flags."""


class SampleRow(NamedTuple):
    """One sample: bytes of the file, ticks of the track, and what `SampleRun` says of the rest."""

    offset: int
    decode_time: int
    composition_offset: int
    size: int
    duration: int
    access: int
    description: int


def unpacked(rows: "Buffer") -> list[SampleRow]:
    """Read rows. Raises `ValueError` for bytes that are no whole rows."""
    view = memoryview(rows).cast("B")
    if len(view) % ROW.size:
        raise ValueError(f"{len(view)} bytes are no rows of {ROW.size}")
    return [SampleRow(*fields) for fields in ROW.iter_unpack(view)]


def packed(rows: Iterable[SampleRow]) -> bytes:
    """Write rows."""
    return b"".join(ROW.pack(*row) for row in rows)
