"""`track.mp4` of an encrypted track: where its parts lie, before any of them is encrypted.

How much encryption adds to a fragment depends on its samples. Here every fragment is filled up to
what it takes at most, so that it depends on their number alone, and the index tells all lengths.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from core.media.build import SegmentTable
from core.media.file_layout import FileLayout
from core.media.track_file import TrackFile
from core.protection.scheme import Scheme

# Of `saiz`, `saio` and `senc` together, and of an empty `free` box.
INFORMATION_BYTES: Final = 53
FREE_BYTES: Final = 8
VECTOR_BYTES: Final = 8
PADDED_PARTS: Final = 8
"""What a sample has room for: a picture of more slices would have most of it left clear."""
# Of a divided sample: its size in `saiz`, the number of its parts, and room for them.
DIVIDED_BYTES: Final = 1 + 2 + PADDED_PARTS * 6
ENTRY: Final = struct.Struct(">III")
ENTRIES_AT: Final = 40
"""Of a `sidx` of version 1 (ISO/IEC 14496-12 §8.16.3)."""
LARGEST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class FragmentRange:
    """Bytes of one fragment, from `start` up to `stop`."""

    number: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class ProtectedFile:
    """The file of an encrypted track: its layout, and what stands before the fragments."""

    layout: FileLayout
    head: bytes

    def pieces(self, start: int, stop: int) -> Iterator[bytes | FragmentRange]:
        """Give the bytes from `start` up to, not including, `stop`, piece by piece.

        Raises `ValueError` where that is not within the file.
        """
        fragments = self.layout.within(start, stop)
        if start < min(stop, len(self.head)):
            yield self.head[start:stop]
        for fragment in fragments:
            yield FragmentRange(*fragment)


def added_bytes(samples: int, scheme: Scheme, *, divided: bool) -> int:
    """Give what encryption adds to a padded fragment of so many samples."""
    vector = VECTOR_BYTES if scheme is Scheme.CENC else 0
    if divided:
        return INFORMATION_BYTES + FREE_BYTES + samples * (vector + DIVIDED_BYTES)
    return INFORMATION_BYTES + samples * vector if vector else 0


def protected_file(
    clear: TrackFile, init: bytes, table: SegmentTable, scheme: Scheme, *, divided: bool
) -> ProtectedFile | None:
    """Give the file of a track under Common Encryption; None where its `sidx` cannot hold it.

    `init` is the encrypted track's, `divided` says whether its samples are divided.
    """
    layout = clear.layout
    added = [added_bytes(count, scheme, divided=divided) for count in table.count]
    sizes = [
        stop - start + more
        for (start, stop), more in zip(pairwise(layout.fragments), added, strict=True)
    ]
    if max(sizes) > LARGEST:
        return None
    head = init + _resized(clear.head[layout.init_bytes :], sizes)
    fragments = accumulate(sizes, initial=len(head))
    return ProtectedFile(FileLayout(len(init), layout.index_bytes, tuple(fragments)), head)


def _resized(sidx: bytes, sizes: Sequence[int]) -> bytes:
    """Give the index with other sizes; its references are to media."""
    made = bytearray(sidx)
    for number, size in enumerate(sizes):
        at = ENTRIES_AT + number * ENTRY.size
        _, duration, access = ENTRY.unpack_from(made, at)
        ENTRY.pack_into(made, at, size, duration, access)
    return bytes(made)
