"""The sample tables of one track (`stbl`, ISO/IEC 14496-12 §8.6 and §8.7).

No claim is believed before it is checked against the bytes that are there, and nothing is unfolded:
the tables are walked where they lie.
"""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from native.errors import MalformedMovie
from native.reference.fragments import u32
from native.reference.sample import (
    LONGEST_DURATION,
    OPEN_RANDOM_ACCESS,
    SYNC,
    Reached,
    Sample,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer


class SampleTables:
    """The tables in `boxes`, checked; the arguments are those of `SampleTable`."""

    def __init__(
        self,
        data: "Buffer",
        boxes: dict[str, tuple[int, int]],
        file_bytes: int,
        path: str,
        descriptions: int,
    ) -> None:
        self._data = memoryview(data).cast("B")
        self.boxes = boxes
        for kind, (start, end) in boxes.items():
            if not 0 <= start <= end <= len(self._data):
                raise ValueError(f"{kind} from {start} to {end} of {len(self._data)} bytes")
        self.path = path
        self._descriptions = descriptions
        self.reached = Reached(file_bytes)
        self._read_sizes()
        self._read_chunks()
        self._read_durations()
        self._read_offsets()
        for kind in ("stss", "stps"):
            self._read_numbers(kind)
        self._read_groups()
        self.reached.samples = self.samples

    def _box(self, kind: str) -> tuple[int, int]:
        if kind not in self.boxes:
            raise MalformedMovie(self.path, self.boxes["stbl"][0], f"has no {kind}")
        return self.boxes[kind]

    def _wrong(self, kind: str, at: int, problem: str) -> MalformedMovie:
        return MalformedMovie(f"{self.path}/{kind}", at, problem)

    def _entries(self, kind: str, head: int, width: int) -> tuple[int, int]:
        """Give where a table's rows begin and how many there are; they are within the box."""
        start, end = self._box(kind)
        if end - start < head:
            raise self._wrong(kind, start, f"is cut off after {end - start} bytes")
        count = u32(self._data, start + head - 4)
        if count * width > end - start - head:
            room = end - start - head
            raise self._wrong(kind, start + head - 4, f"claims {count} entries in {room} bytes")
        return start + head, count

    def _read_sizes(self) -> None:
        self._size_kind = "stz2" if "stz2" in self.boxes else "stsz"
        start, end = self._box(self._size_kind)
        if self._size_kind == "stz2" and "stsz" in self.boxes:
            raise self._wrong("stz2", start, "stands beside stsz")
        if end - start < 12:
            raise self._wrong(self._size_kind, start, f"is cut off after {end - start} bytes")
        self._constant_size, self.samples = struct.unpack_from(">II", self._data, start + 4)
        self._sizes = start + 12
        self._size_bits = 32
        if self._size_kind == "stz2":
            self._size_bits, self._constant_size = self._data[start + 7], 0
            if self._size_bits not in (4, 8, 16):
                raise self._wrong("stz2", start + 7, f"has fields of {self._size_bits} bits")
        if self._constant_size:
            return
        room = end - start - 12
        if (self.samples * self._size_bits + 7) // 8 > room:
            raise self._wrong(
                self._size_kind, start + 8, f"claims {self.samples} entries in {room} bytes"
            )
        for number in range(self.samples):
            if self._size(number) == 0:
                at = self._sizes + number * self._size_bits // 8
                raise self._wrong(self._size_kind, at, f"gives sample {number} no bytes")

    def _size(self, number: int) -> int:
        if self._constant_size:
            return int(self._constant_size)
        if self._size_bits == 32:
            return u32(self._data, self._sizes + 4 * number)
        if self._size_bits == 16:
            return int.from_bytes(self._data[self._sizes + 2 * number :][:2])
        if self._size_bits == 8:
            return self._data[self._sizes + number]
        pair = self._data[self._sizes + number // 2]
        return pair & 15 if number % 2 else pair >> 4

    def _read_chunks(self) -> None:
        self._chunk_kind = "co64" if "co64" in self.boxes else "stco"
        if self._chunk_kind == "co64" and "stco" in self.boxes:
            raise self._wrong("co64", self.boxes["co64"][0], "stands beside stco")
        self._chunk_width = 8 if self._chunk_kind == "co64" else 4
        self._chunks, self.chunk_count = self._entries(self._chunk_kind, 8, self._chunk_width)
        self._maps, self._map_count = self._entries("stsc", 8, 12)
        self._check_maps()
        sample = 0
        for number, at, per_chunk, _ in self._chunk_maps():
            if per_chunk > self.samples - sample:
                raise self._wrong(
                    "stsc", at, f"puts more than {self.samples} samples into the chunks"
                )
            length = self._bytes_of(sample, per_chunk)
            path = f"{self.path}/{self._chunk_kind}"
            self.reached.claim(path, self._chunk_at(number), self._chunk(number), length)
            sample += per_chunk
        if sample != self.samples:
            raise self._wrong(
                "stsc",
                self._maps - 8,
                f"puts {sample} of {self.samples} samples into the chunks",
            )

    def _map(self, number: int) -> tuple[int, int, int, int]:
        at = self._maps + 12 * number
        first, per_chunk, description = struct.unpack_from(">III", self._data, at)
        return at, first, per_chunk, description

    def _check_maps(self) -> None:
        before = 0
        for number in range(self._map_count):
            at, first, per_chunk, description = self._map(number)
            if number == 0 and first != 1:
                raise self._wrong("stsc", at, f"begins with chunk {first}")
            if first <= before:
                raise self._wrong("stsc", at, f"goes from chunk {before} to chunk {first}")
            if first > self.chunk_count:
                raise self._wrong("stsc", at, f"speaks of chunk {first} of {self.chunk_count}")
            if per_chunk == 0:
                raise self._wrong("stsc", at + 4, "puts no sample into a chunk")
            self._check_description("stsc", at + 8, description)
            before = first

    def _check_description(self, kind: str, at: int, number: int) -> None:
        if not 1 <= number <= self._descriptions:
            raise self._wrong(
                kind, at, f"speaks of sample description {number} of {self._descriptions}"
            )

    def _chunk_maps(self) -> Iterator[tuple[int, int, int, int]]:
        """Give chunk, byte of its map, samples per chunk and description; chunks count from 0."""
        for number in range(self._map_count):
            at, first, per_chunk, description = self._map(number)
            last = self._map(number + 1)[1] if number + 1 < self._map_count else 0
            for chunk in range(first - 1, last - 1 if last else self.chunk_count):
                yield chunk, at, per_chunk, description

    def _chunk_at(self, number: int) -> int:
        return self._chunks + number * self._chunk_width

    def _chunk(self, number: int) -> int:
        at = self._chunk_at(number)
        return int.from_bytes(self._data[at : at + self._chunk_width])

    def _bytes_of(self, first: int, count: int) -> int:
        if self._constant_size:
            return int(self._constant_size * count)
        return sum(self._size(number) for number in range(first, first + count))

    def _read_durations(self) -> None:
        self._durations, self._duration_count = self._entries("stts", 8, 8)
        total = 0
        for number in range(self._duration_count):
            at = self._durations + 8 * number
            count, delta = struct.unpack_from(">II", self._data, at)
            if count == 0:
                continue
            if count > self.samples - total:
                raise self._wrong("stts", at, f"times more than {self.samples} samples")
            if delta > LONGEST_DURATION:
                raise self._wrong("stts", at + 4, f"gives samples a duration of {delta}")
            total += count
            if delta == 0 and (count > 1 or total < self.samples):
                raise self._wrong("stts", at + 4, "gives samples no duration")
            self.reached.last_time = self.reached.duration + (count - 1) * delta
            self.reached.duration += count * delta
        if total != self.samples:
            raise self._wrong(
                "stts", self._durations - 8, f"times {total} of {self.samples} samples"
            )

    def _read_offsets(self) -> None:
        if "ctts" not in self.boxes:
            return
        at, count = self._entries("ctts", 8, 8)
        if self._data[at - 8] > 1:
            raise self._wrong("ctts", at - 8, f"has version {self._data[at - 8]}")
        self._check_counts("ctts", at, count, exact=True)

    def _check_counts(self, kind: str, at: int, rows: int, *, exact: bool) -> None:
        """Check that run-length rows of eight bytes, count first, cover the samples."""
        total = 0
        for number in range(rows):
            count = u32(self._data, at + 8 * number)
            if count > self.samples - total:
                raise self._wrong(
                    kind, at + 8 * number, f"speaks of more than {self.samples} samples"
                )
            total += count
        if exact and total != self.samples:
            raise self._wrong(kind, at - 8, f"speaks of {total} of {self.samples} samples")

    def _read_numbers(self, kind: str) -> None:
        if kind not in self.boxes:
            return
        at, count = self._entries(kind, 8, 4)
        before = 0
        for entry in range(at, at + 4 * count, 4):
            number = u32(self._data, entry)
            if number <= before:
                raise self._wrong(kind, entry, f"goes from sample {before} to sample {number}")
            if number > self.samples:
                raise self._wrong(kind, entry, f"speaks of sample {number} of {self.samples}")
            before = number

    def _read_groups(self) -> None:
        if "sbgp" not in self.boxes:
            return
        start, end = self.boxes["sbgp"]
        self._group_head = 16 if end > start and self._data[start] == 1 else 12
        at, count = self._entries("sbgp", self._group_head, 8)
        self._check_counts("sbgp", at, count, exact=False)

    # ---- reading

    def claims(self) -> Iterator[tuple[int, int, int]]:
        """Give each chunk's number, first byte and the byte behind it."""
        sample = 0
        for number, _, per_chunk, _ in self._chunk_maps():
            offset = self._chunk(number)
            yield number, offset, offset + self._bytes_of(sample, per_chunk)
            sample += per_chunk

    def descriptions(self) -> set[int]:
        """Give the numbers of the sample entries that samples name."""
        return {self._map(number)[3] for number in range(self._map_count)}

    def walk(self) -> Iterator[Sample]:
        """Give the samples in decode order."""
        durations = self._unfolded("stts", 8)
        compositions = self._unfolded("ctts", 8)
        access = self._accesses()
        time = sample = 0
        for number, _, per_chunk, description in self._chunk_maps():
            offset = self._chunk(number)
            for _ in range(per_chunk):
                duration, composition = next(durations), _signed(next(compositions))
                size = self._size(sample)
                yield Sample(offset, size, time, composition, duration, next(access), description)
                offset, time, sample = offset + size, time + duration, sample + 1

    def _unfolded(self, kind: str, head: int) -> Iterator[int]:
        """Give the value of each sample from run-length rows; zero where there are none."""
        if kind in self.boxes:
            at, rows = self._entries(kind, head, 8)
            for entry in range(at, at + 8 * rows, 8):
                value = u32(self._data, entry + 4)
                for _ in range(u32(self._data, entry)):
                    yield value
        while True:
            yield 0

    def _accesses(self) -> Iterator[int]:
        groups = self._unfolded("sbgp", self._group_head if "sbgp" in self.boxes else 0)
        sync, partial = self._numbers("stss"), self._numbers("stps")
        next_sync, next_partial = next(sync, 0), next(partial, 0)
        for number in range(1, self.samples + 1):
            group = next(groups)
            access = OPEN_RANDOM_ACCESS if group else 0
            if number == next_partial:
                access, next_partial = OPEN_RANDOM_ACCESS, next(partial, 0)
            if "stss" not in self.boxes or number == next_sync:
                access = SYNC
            if number == next_sync:
                next_sync = next(sync, 0)
            yield access

    def _numbers(self, kind: str) -> Iterator[int]:
        if kind in self.boxes:
            at, count = self._entries(kind, 8, 4)
            for entry in range(at, at + 4 * count, 4):
                yield u32(self._data, entry)


def _signed(value: int) -> int:
    """Read as signed what QuickTime writes so in either version of `ctts`."""
    return value - 2**32 if value >= 2**31 else value
