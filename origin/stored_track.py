"""A track in the store, opened for reading: its index mapped and checked, its flat file at hand.

Used before publication, so that nothing is published which delivery would refuse, and by delivery.
Opening reads files: call it in a thread.
"""

import mmap
import os
import weakref
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Final, Self

from core.errors import InternalFault
from core.media.description import TrackDescription, decode_description
from core.protection.track import divisions, fits_padding, telling_pictures
from native import CorruptIndex, Division, TrackIndex

FLAT_NAME: Final = "track.flat"
INDEX_NAME: Final = "track.idx"


class DamagedTrack(InternalFault):
    """The files of a track are missing, or contradict each other or themselves."""

    code = "media.damaged"


class StoredTrack:
    """One track: its checked index, its description, and the descriptors of both its files.

    `flat` has the samples, `rows` the index. Whoever reads holds a reference; the map and the
    descriptors go with the last one, so a cache may forget a track that is being read.
    """

    def __init__(self, index: TrackIndex, pages: mmap.mmap, *, flat: int, rows: int) -> None:
        weakref.finalize(self, os.close, flat)
        weakref.finalize(self, os.close, rows)
        self.index = index
        self.index_bytes = len(pages)
        self._pages = pages
        self.flat = flat
        self.rows = rows
        self.description: TrackDescription = decode_description(index.description)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the track in `folder`. Raises `DamagedTrack`, which names the folder."""
        place = "/".join(folder.parts[-3:])
        with ExitStack() as opened:
            try:
                rows = _opened(opened, folder / INDEX_NAME)
                pages = _mapped(rows)
                index = TrackIndex(pages)
                flat = _opened(opened, folder / FLAT_NAME)
            except (OSError, CorruptIndex) as error:
                raise DamagedTrack(f"the track {place} cannot be read: {error}") from error
            track = cls(index, pages, flat=flat, rows=rows)
            opened.pop_all()
        length = os.fstat(flat).st_size
        if length != index.data_length:
            raise DamagedTrack(
                f"the track {place} has {length} bytes of samples, its index speaks of "
                f"{index.data_length}"
            )
        return track

    @cached_property
    def divisions(self) -> Division | None:
        """What it takes to divide its samples under Common Encryption. Raises what that does."""
        return divisions(self.description)

    @cached_property
    def fits_padding(self) -> bool:
        """Whether it can be one file under Common Encryption with all that may be hidden hidden.

        Raises `DamagedTrack` for a picture that cannot be read, and what `divisions` does.
        """
        division = self.divisions
        if division is None:
            return True
        try:
            pictures = map(self._sample, telling_pictures(self.index, division))
            return fits_padding(division, pictures)
        except (OSError, ValueError) as error:
            raise DamagedTrack(f"a picture of a track cannot be read: {error}") from error

    def _sample(self, number: int) -> bytes:
        offset, length, *_ = self.index.sample(number)
        return os.pread(self.flat, length, offset)

    def unload(self) -> None:
        """Let go of the pages of the index in memory; what is read of it again is the disk cache's.

        All of them were touched when it was checked. A segment needs one or two, with which the
        kernel maps those around them, so that in time all of the index of every open track would
        count as ours.
        """
        self._pages.madvise(mmap.MADV_DONTNEED)


def _opened(stack: ExitStack, path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    stack.callback(os.close, descriptor)
    return descriptor


def _mapped(descriptor: int) -> mmap.mmap:
    if os.fstat(descriptor).st_size == 0:
        raise CorruptIndex("header", 0, "is missing: the file is empty")
    return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
