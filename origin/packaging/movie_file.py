"""Reads the index and the fragments of an MP4 file, and nothing in between."""

import os
from array import array

from core.isobmff.box_reader import box_head
from core.isobmff.movie_parts import FilePart, MovieParts
from native import MalformedMovie

MOST_BOXES = 1 << 20
"""At the top of a file: a day of one-second fragments has a third of that."""
MOST_BRANDS = 256
SMALLEST_FRAGMENT = 24
"""Bytes of a `moof` with its `mfhd`, which every one has (§8.8.5)."""


def read_parts(file: int) -> MovieParts:
    """Read the parts of the file behind a descriptor.

    What is read is in the file, so memory is bounded by its size. Raises `MalformedMovie` for
    lengths that do not fit, `OSError` where it cannot be read.
    """
    size = os.fstat(file).st_size
    moov: FilePart | None = None
    media: int | None = None
    fragments: list[FilePart] = []
    indexes: list[FilePart] = []
    starts = array("Q")
    brands: tuple[bytes, ...] = ()
    at = 0
    while at < size:
        kind, head, length = box_head("", at, size - at, os.pread(file, 16, at))
        if kind == b"moov":
            if moov is not None:
                raise MalformedMovie("moov", at, "stands there twice")
            moov = _part(file, at, head, length)
        elif kind == b"moof":
            if length < SMALLEST_FRAGMENT:
                raise MalformedMovie("moof", at, f"has {length} bytes")
            fragments.append(_part(file, at, head, length))
        elif kind == b"sidx":
            indexes.append(_part(file, at, head, length))
        elif kind == b"mdat" and media is None:
            media = at
        elif kind == b"ftyp" and not brands:
            brands = _brands(os.pread(file, min(length, 4 * MOST_BRANDS), at)[head:])
        starts.append(at)
        at += length
        if len(starts) > MOST_BOXES:
            raise MalformedMovie("file", at, f"has more than {MOST_BOXES} boxes")
    return MovieParts(size, moov, fragments, brands, indexes, starts, media)


def _part(file: int, at: int, head: int, length: int) -> FilePart:
    data = bytearray()
    while len(data) < length:
        block = os.pread(file, length - len(data), at + len(data))
        if not block:
            raise MalformedMovie("file", at, "has become shorter while it was read")
        data += block
    return FilePart(at, head, bytes(data))


def _brands(body: bytes) -> tuple[bytes, ...]:
    """Give the major brand and the compatible ones (§4.3); between them stands a version."""
    return tuple(body[at : at + 4] for at in range(0, len(body) - 3, 4) if at != 4)
