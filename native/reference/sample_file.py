"""The samples of a track where they lie in a file: read and written one behind the other.

A film's tracks are interleaved: the samples of one lie in hundreds of pieces a minute. They are
fetched in blocks, with what lies between them, and written without it, so that the kernel is asked
once for a thousand pieces.
"""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from native.errors import UnfitTimes
from native.reference.sample_rows import SampleRow, unpacked

if TYPE_CHECKING:
    from typing_extensions import Buffer

SYNC, OPEN_ACCESS, LEADING, CAPTIONS, EXAMINE = 1, 2, 4, 8, 16
LARGEST_OFFSET = 2**63 - 1
# Sets of NAL unit types: bit n for type n. Pictures to start at, pictures that lean on what is
# before the sync sample, parameter sets, messages of supplemental enhancement information
# (ISO/IEC 14496-10 table 7-1, ISO/IEC 23008-2 table 7-1).
AVC_UNITS = 1 << 5, 0, 1 << 7 | 1 << 8, 1 << 6
HEVC_UNITS = 0xFF << 16, 1 << 8 | 1 << 9, 7 << 32, 3 << 39
CAPTION_MARK = b"GA94"
"""ATSC's `user_identifier` before captions (ATSC A/53 Part 4 §6.2.3)."""
LONGEST_SEARCHED = 1024
"""Bytes of a unit, its length field included, that is searched; a longer one may hold captions."""


class SampleFile:
    """The samples that `rows` tells of, in a file whose descriptor is borrowed.

    Every sample has bytes. Raises `EOFError` where the file ends before one does, `OSError` where
    it cannot be read.
    """

    def __init__(self, file: int, rows: "Buffer") -> None:
        self.file = file
        self._rows = unpacked(rows)
        for row in self._rows:
            if row.size == 0 or not _lies_in_a_file(row):
                raise ValueError(f"a sample of {row.size} bytes at {row.offset}")

    @property
    def sample_count(self) -> int:
        """How many samples there are."""
        return len(self._rows)

    def offset(self, sample: int) -> int:
        """Give the first byte of a sample in the file. Raises `IndexError`."""
        self._check(sample, 1)
        return self._rows[sample].offset

    def before(self, offset: int, first: int) -> int:
        """Give the first sample from `first` on that begins at `offset` or behind it."""
        if first < 0:
            raise IndexError(f"a sample {first}")
        while first < len(self._rows) and self._rows[first].offset < offset:
            first += 1
        return first

    def nal_access(self, length_size: int, *, hevc: bool = False) -> bytes:
        """Say what each sample is that is made of NAL units, in a byte of flags.

        1: a picture to start at; 2: any other that the file's tables name as such; 4: a picture
        that leans on what comes before the one to start at; 8: messages that may hold captions
        (they have the mark of ATSC, or are long); 16: something to examine, parameter sets or
        lengths that do not add up.
        """
        if not 1 <= length_size <= 4:
            raise ValueError(f"a length field has 1 to 4 bytes, not {length_size}")
        return bytes(
            _access(row, self._read(row.offset, row.size), length_size, hevc=hevc)
            for row in self._rows
        )

    def heads(self, length: int) -> bytes:
        """Give the first bytes of every sample, `length` of each, one behind the other.

        A shorter sample is given whole.
        """
        if length < 1:
            raise ValueError(f"{length} bytes of every sample")
        return b"".join(self._read(row.offset, min(row.size, length)) for row in self._rows)

    def read(self, first: int, count: int) -> Iterator[bytes]:
        """Give the samples one by one."""
        self._check(first, count)
        for row in self._rows[first : first + count]:
            yield self._read(row.offset, row.size)

    def _check(self, first: int, count: int) -> None:
        if first < 0 or count < 1 or count > len(self._rows) - first:
            raise IndexError(f"{count} samples from {first} of {len(self._rows)}")

    def _read(self, offset: int, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = os.pread(self.file, length - len(data), offset + len(data))
            if not more:
                raise EOFError(f"the file has no byte {offset + len(data)} any more")
            data += more
        return data


def copy_samples(jobs: Sequence[tuple[SampleFile, int, int, int, bytes]]) -> int:
    """Append samples of one file's tracks to other files, in one pass; gives the bytes written.

    A job is `(samples, target, first, count, head)`: `head` goes before the samples. Whatever is
    wrong, targets may have been written to. Raises as `SampleFile` does, `OSError` for a target.
    """
    if len({samples.file for samples, *_ in jobs}) > 1:
        raise ValueError("the tracks lie in different files")
    done = 0
    for samples, target, first, count, head in jobs:
        data = head + b"".join(samples.read(first, count))
        done += _write(target, data)
    return done


def shared_byte(one: "Buffer", other: "Buffer") -> int:
    """Give the first byte that samples of two tracks claim both; -1 where there is none.

    Raises `UnfitTimes` for rows that do not rise in the file, `ValueError` for one in none.
    """
    tracks = [unpacked(one), unpacked(other)]
    ends = [0, 0]
    while any(tracks):
        # The track whose next sample comes first in the file; the one if they begin together.
        mine = int(not tracks[0] or (bool(tracks[1]) and tracks[1][0].offset < tracks[0][0].offset))
        row = tracks[mine].pop(0)
        if not _lies_in_a_file(row):
            raise ValueError("a sample lies beyond what a file can hold")
        if row.offset < ends[mine]:
            raise UnfitTimes("the samples do not rise in the file")
        if row.offset < ends[1 - mine]:
            return row.offset
        ends[mine] = row.offset + row.size
    return -1


def _lies_in_a_file(row: SampleRow) -> bool:
    return row.offset + row.size <= LARGEST_OFFSET


def _access(row: SampleRow, sample: bytes, length_size: int, *, hevc: bool) -> int:
    types = _unit_types(sample, length_size, hevc=hevc)
    sync, leading, examine, messages = HEVC_UNITS if hevc else AVC_UNITS
    if types is None:
        access = EXAMINE
    else:
        access = SYNC if types & sync else 0
        access |= LEADING if types & leading else 0
        access |= EXAMINE if types & examine else 0
        if types & messages and _may_hold_captions(sample, length_size, hevc=hevc):
            access |= CAPTIONS
    return access | (OPEN_ACCESS if row.access and not access & SYNC else 0)


def _unit_types(sample: bytes, length_size: int, *, hevc: bool) -> int | None:
    """Give the types of a sample's NAL units, bit n for type n (ISO/IEC 14496-15 §5.3.2, §8.3.2).

    Nothing where the length fields do not add up to the sample.
    """
    types = at = 0
    while at < len(sample):
        length = int.from_bytes(sample[at : at + length_size])
        if len(sample) - at < length_size or not 0 < length <= len(sample) - at - length_size:
            return None
        first = sample[at + length_size]
        types |= 1 << (first >> 1 & 63 if hevc else first & 31)
        at += length_size + length
    return types


def _may_hold_captions(sample: bytes, length_size: int, *, hevc: bool) -> bool:
    at = 0
    while at < len(sample):
        length = int.from_bytes(sample[at : at + length_size])
        unit = sample[at + length_size : at + length_size + length]
        is_message = unit[0] >> 1 & 63 in {39, 40} if hevc else unit[0] & 31 == 6
        if is_message and (length_size + length > LONGEST_SEARCHED or CAPTION_MARK in unit):
            return True
        at += length_size + length
    return False


def _write(target: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
    return len(data)
