"""The index reader: checks every claim once, then answers where and when any sample is."""

import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from native.errors import CorruptIndex
from native.reference.fragment import LARGEST_BODY, STYP, Row, fragment_header
from native.reference.layout import (
    ANCHOR,
    BLOCK_SAMPLES,
    BODY_CRC_AT,
    HEADER,
    HEADER_CRC_AT,
    LARGEST_TIME,
    LARGEST_U32,
    MAGIC,
    ROW,
    SYNC,
    body_length,
    flags_problem,
    header_length,
    row_offset,
)
from native.reference.segment_index import segment_index

if TYPE_CHECKING:
    from typing_extensions import Buffer


REORDER_WINDOW = 33
"""A picture is decoded less than so many places before it is shown."""


class TrackIndex:
    """A published track's samples, read from the bytes of `track.idx`.

    Keeps a view of `data` (an mmap cannot be closed before the index is gone) and checks all of
    it once, in time proportional to its length and without allocating by anything it claims.
    Raises `CorruptIndex` for the first contradiction found.
    """

    def __init__(self, data: "Buffer") -> None:
        self._data = memoryview(data).cast("B")
        self._read_header()
        self._check_rows()

    def sync_times(self) -> list[tuple[int, int]]:
        """Give (sample number, presentation time) of every sync sample, in decode order.

        Presentation times are in ticks with the edit applied, so a priming sample's is negative.
        """
        return [
            (number, time + row.composition_offset - self.priming)
            for number, (_, time, row) in enumerate(self._samples())
            if row.flags & SYNC
        ]

    def segment_starts(self, cuts: Sequence[int]) -> list[int]:
        """Give the sample number where each segment begins, for cuts at rising presentation times.

        A segment begins at the first sync sample presented at or after its cut, and never before
        the segment that precedes it; the first begins at sample 0. Where no sync sample is left,
        the answer is `sample_count`. Equal numbers mean an empty segment. Raises `ValueError`
        when cuts fall.
        """
        for before, after in pairwise(cuts):
            if after < before:
                raise ValueError(f"cuts fall from {before} to {after}")
        starts = [0] if cuts else []
        sync = iter(self.sync_times())
        number, time = next(sync)
        for cut in cuts[1:]:
            while time < cut and number < self.sample_count:
                number, time = next(sync, (self.sample_count, 0))
            starts.append(number)
        return starts

    def segment(self, first: int, count: int) -> tuple[int, int, int, int]:
        """Give (flat offset, bytes, decode time, duration) of `count` samples from `first`.

        Raises `IndexError` when the track does not have them all or there is none.
        """
        self._check_range(first, count)
        start, time = self._position(first)
        end, end_time = self._position(first + count)
        return start, end - start, time, end_time - time

    def fragment_header(self, first: int, count: int, sequence: int) -> bytes:
        """Write `styp`, `moof` and the head of `mdat` for `count` samples from `first`.

        `segment` says which bytes of the flat file follow. `sequence` goes to `mfhd`. Raises
        `IndexError` as `segment` does, `OverflowError` when `sequence` does not fit 32 bits or
        the body does not fit an mdat.
        """
        _, length, time, _ = self.segment(first, count)
        if not 0 <= sequence <= LARGEST_U32:
            raise OverflowError(f"sequence number {sequence} does not fit 32 bits")
        if length > LARGEST_BODY:
            raise OverflowError(f"a segment of {length} bytes does not fit an mdat of 4 GiB")
        rows = [self._row(number) for number in range(first, first + count)]
        return fragment_header(rows, time, sequence)

    def picture_header(self, number: int, duration: int, sequence: int) -> bytes:
        """Write the header of a segment that holds one picture alone, presented for `duration`.

        What follows are the sample's bytes, `sample` says where. It is decoded when it is
        presented, and playing can start at it. Raises `IndexError` as `sample` does,
        `OverflowError` where a number does not fit its field.
        """
        self._check_range(number, 1)
        if not 0 <= sequence <= LARGEST_U32:
            raise OverflowError(f"sequence number {sequence} does not fit 32 bits")
        if not 0 <= duration <= LARGEST_U32:
            raise OverflowError(f"a duration of {duration} ticks does not fit 32 bits")
        _, time = self._position(number)
        row = self._row(number)
        if row.size > LARGEST_BODY:
            raise OverflowError(f"a segment of {row.size} bytes does not fit an mdat of 4 GiB")
        lone = Row(row.size, duration, 0, SYNC)
        return fragment_header([lone], time + row.composition_offset, sequence)

    def segment_lengths(self, starts: Sequence[int]) -> list[int]:
        """Give the bytes of each segment, header and body, for segments that tile the track.

        `starts` are the sample numbers where they begin, rising from 0. Raises `ValueError` when
        they do not, `OverflowError` as `fragment_header` does.
        """
        lengths = []
        for number, first in enumerate(starts):
            stop = starts[number + 1] if number + 1 < len(starts) else self.sample_count
            if (number == 0 and first != 0) or not 0 <= first < stop <= self.sample_count:
                raise ValueError(f"segment {number} goes from sample {first} to {stop}")
            body = self.segment(first, stop - first)[1]
            lengths.append(len(self.fragment_header(first, stop - first, 0)) + body)
        return lengths

    def segment_index(self, starts: Sequence[int], end: int) -> bytes:
        """Write the `sidx` box of a file in which the segments follow it, each without its `styp`.

        `starts` are as for `segment_lengths`, `end` is when the presentation of the last segment
        ends, in ticks with the edit applied. Raises what `segment_lengths` does, `OverflowError`
        too for what the box cannot hold, and `ValueError` where a segment would last no time.
        """
        lengths = [length - len(STYP) for length in self.segment_lengths(starts)]
        return segment_index(
            self.timescale,
            lengths,
            [*(self._presented(number) for number in starts), end],
            [self.begins_open(number) for number in starts],
        )

    def begins_open(self, n: int) -> bool:
        """Say whether a picture that is decoded after a sample is presented before it.

        Such a leading picture may lean on what comes before the sample: an open group of pictures.
        Raises `IndexError` when the track has no such sample.
        """
        _, _, time, _, offset, _ = self.sample(n)
        followers = range(n + 1, min(n + REORDER_WINDOW, self.sample_count))
        return offset > 0 and any(
            self._position(each)[1] + self._row(each).composition_offset < time + offset
            for each in followers
        )

    def bit_rates(self) -> tuple[int, int, int]:
        """Give the largest sample in bytes, and the largest and the mean bit rate in bit/s.

        The largest is that of any second, counted by decode times; it is no less than the mean,
        which is rounded up.
        """
        second: deque[tuple[int, int]] = deque()
        largest = held = most = 0
        for _, time, row in self._samples():
            second.append((time, row.size))
            held += row.size
            while time - second[0][0] >= self.timescale:
                held -= second.popleft()[1]
            largest, most = max(largest, row.size), max(most, held)
        mean = -(-8 * self.data_length * self.timescale // self.duration)
        return largest, max(8 * most, mean), mean

    def sample(self, n: int) -> tuple[int, int, int, int, int, int]:
        """Give (offset, size, decode time, duration, composition offset, flags) of a sample.

        Raises `IndexError` when the track has no such sample.
        """
        self._check_range(n, 1)
        offset, time = self._position(n)
        row = self._row(n)
        return offset, row.size, time, row.duration, row.composition_offset, row.flags

    def _presented(self, number: int) -> int:
        """Give when a sample is presented with the edit applied, never before 0."""
        _, time = self._position(number)
        shown: int = time + self._row(number).composition_offset - self.priming
        return max(0, shown)

    def _check_range(self, first: int, count: int) -> None:
        if first < 0 or count < 1 or count > self.sample_count - first:
            raise IndexError(f"{count} samples from {first} of a track of {self.sample_count}")

    def _position(self, number: int) -> tuple[int, int]:
        """Give offset and decode time where a sample begins, or where the track ends."""
        if number == self.sample_count:
            return self.data_length, self.base_time + self.duration
        block_first = number - number % BLOCK_SAMPLES
        anchor_at = self._body + row_offset(block_first) - ANCHOR.size
        offset, time = ANCHOR.unpack_from(self._data, anchor_at)
        for each in range(block_first, number):
            row = self._row(each)
            offset += row.size
            time += row.duration
        return offset, time

    def _row(self, number: int) -> Row:
        return Row(*ROW.unpack_from(self._data, self._body + row_offset(number)))

    def _samples(self) -> Iterator[tuple[int, int, Row]]:
        offset, time = 0, self.base_time
        for number in range(self.sample_count):
            row = self._row(number)
            yield offset, time, row
            offset += row.size
            time += row.duration

    def _read_header(self) -> None:
        data = self._data
        if len(data) < HEADER.size:
            raise CorruptIndex("header", 0, f"is cut off after {len(data)} bytes")
        (
            magic, header_crc, length, body_crc, self.timescale, self.sample_count,
            self.data_length, self.duration, self.base_time, self.priming, description_length,
            reserved,
        ) = HEADER.unpack_from(data)  # fmt: skip
        if magic != MAGIC:
            raise CorruptIndex("magic", 0, "is not that of a track index")
        if length % 16 or length < HEADER.size or length > len(data):
            raise CorruptIndex("header_length", 12, f"is {length} in {len(data)} bytes")
        crc = zlib.crc32(data[:HEADER_CRC_AT])
        crc = zlib.crc32(bytes(4), crc)
        crc = zlib.crc32(data[HEADER_CRC_AT + 4 : length], crc)
        if crc != header_crc:
            raise CorruptIndex("header_crc", HEADER_CRC_AT, "does not match the header")
        if header_length(description_length) != length:
            raise CorruptIndex("description_length", 64, f"is {description_length}")
        if reserved:
            raise CorruptIndex("reserved", 68, f"is {reserved}")
        self.description = bytes(data[HEADER.size : HEADER.size + description_length])
        padding_at = HEADER.size + description_length
        if any(data[padding_at:length]):
            raise CorruptIndex("padding", padding_at, "is not zero")
        self._body = length
        self._check_quantities()
        if zlib.crc32(data[length:]) != body_crc:
            raise CorruptIndex("body_crc", BODY_CRC_AT, "does not match the body")

    def _check_quantities(self) -> None:
        if self.timescale == 0:
            raise CorruptIndex("timescale", 20, "is 0")
        held = len(self._data) - self._body
        if self.sample_count == 0 or body_length(self.sample_count) != held:
            raise CorruptIndex(
                "sample_count", 24, f"is {self.sample_count} in a body of {held} bytes"
            )
        if self.data_length > LARGEST_TIME:
            raise CorruptIndex("data_length", 32, f"is {self.data_length}")
        if self.duration == 0 or self.duration > LARGEST_TIME:
            raise CorruptIndex("duration", 40, f"is {self.duration}")
        if self.base_time > LARGEST_TIME - self.duration:
            raise CorruptIndex("base_time", 48, f"is {self.base_time}")
        if self.priming >= self.base_time + self.duration:
            raise CorruptIndex("priming", 56, f"is {self.priming}, which leaves nothing to present")

    def _check_rows(self) -> None:
        for number, (offset, time, row) in enumerate(self._samples()):
            at = self._body + row_offset(number)
            if number % BLOCK_SAMPLES == 0:
                anchor_at = at - ANCHOR.size
                anchor_offset, anchor_time = ANCHOR.unpack_from(self._data, anchor_at)
                if anchor_offset != offset:
                    raise CorruptIndex("anchor offset", anchor_at, "disagrees with the rows")
                if anchor_time != time:
                    raise CorruptIndex("anchor time", anchor_at + 8, "disagrees with the rows")
            self._check_row(row, at, offset, time)
            if number == 0 and not row.flags & SYNC:
                raise CorruptIndex("flags", at + 12, "do not make the first sample a sync sample")
        end, end_time = self._end()
        if end != self.data_length:
            raise CorruptIndex("data_length", 32, "is not the sum of the sizes")
        if end_time != self.base_time + self.duration:
            raise CorruptIndex("duration", 40, "is not the sum of the sample durations")

    def _check_row(self, row: Row, at: int, offset: int, time: int) -> None:
        if row.size == 0:
            raise CorruptIndex("size", at, "is 0")
        if row.size > self.data_length - offset:
            raise CorruptIndex("size", at, "leads beyond data_length")
        if row.duration > self.base_time + self.duration - time:
            raise CorruptIndex("sample duration", at + 4, "leads beyond duration")
        if time + row.composition_offset < 0:
            raise CorruptIndex("composition_offset", at + 8, "leads to a time before zero")
        if problem := flags_problem(row.flags):
            raise CorruptIndex("flags", at + 12, problem)

    def _end(self) -> tuple[int, int]:
        number = self.sample_count - 1
        offset, time = self._position(number)
        row = self._row(number)
        return offset + row.size, time + row.duration
