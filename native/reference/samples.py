"""The samples of one track of an MP4 file: where they lie and when they are decoded and shown.

Reads the sample tables of `stbl` (ISO/IEC 14496-12 §8.6 and §8.7) and track fragments (§8.8). No
claim is believed before it is checked against the bytes that are there, and nothing is unfolded:
the tables are walked where they lie, so memory grows with the number of track runs alone, each of
which takes room in the file.

Stricter than the standard, for what comes out is copied without a look at the content: every
sample has bytes, decode times rise, and the track's chunks lie within the file, each for itself.
"""

import struct
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from native.errors import MalformedMovie
from native.reference.fragments import (
    DATA_OFFSET,
    FIRST_FLAGS,
    LATEST_TIME,
    LONGEST_DURATION,
    Defaults,
    Header,
    Run,
    child_boxes,
    decode_time,
    row_bytes,
    run_samples,
    track_header,
    u32,
)
from native.reference.sample_rows import SampleRow, packed
from native.values import SampleRun

if TYPE_CHECKING:
    from typing_extensions import Buffer

SYNC, OPEN_RANDOM_ACCESS = 1, 2
NOT_SYNC = 0x01010000
"""Flags of a sample that is no sync sample, or depends on others (§8.8.3.1)."""


class Sample(NamedTuple):
    """One sample; see `SampleRun` for the units."""

    offset: int
    size: int
    decode_time: int
    composition_offset: int
    duration: int
    access: int
    description: int


class SampleTable:
    """The samples of one track.

    `boxes` gives the content of each table by its box's letters, as first and last byte of `data`,
    a part of a file of `file_bytes`; `stbl` is the box around them, and `sbgp` the random access
    points' (`rap `). `path` names that box in messages. `descriptions` counts the track's sample
    entries. With fragments, `track_id` and `defaults` (of `trex`) say what belongs to the track,
    and `add_fragment` is called for each `moof`. After the last call `finish`, then read with
    `next_run`.

    Raises `MalformedMovie` for the first contradiction found.
    """

    def __init__(
        self,
        data: "Buffer",
        boxes: Mapping[str, tuple[int, int]],
        *,
        file_bytes: int,
        path: str,
        descriptions: int,
        track_id: int = 0,
        defaults: Defaults | None = None,
    ) -> None:
        self._data = memoryview(data).cast("B")
        self._boxes = dict(boxes)
        for kind, (start, end) in self._boxes.items():
            if not 0 <= start <= end <= len(self._data):
                raise ValueError(f"{kind} from {start} to {end} of {len(self._data)} bytes")
        self._file_bytes = file_bytes
        self._path = path
        self._descriptions = descriptions
        self._track_id = track_id
        self._defaults = defaults
        self._runs: list[Run] = []
        self._part = memoryview(b"")
        self._data_end = 0
        self._ascending = True
        self._finished = False
        self._last_time = -1
        self.duration = 0
        self._read_sizes()
        self._read_chunks()
        self._read_durations()
        self._read_offsets()
        for kind in ("stss", "stps"):
            self._read_numbers(kind)
        self._read_groups()
        self._table_samples = self.sample_count
        self.rewind()

    # ---- the tables of stbl

    def _box(self, kind: str) -> tuple[int, int]:
        if kind not in self._boxes:
            raise MalformedMovie(self._path, self._boxes["stbl"][0], f"has no {kind}")
        return self._boxes[kind]

    def _wrong(self, kind: str, at: int, problem: str) -> MalformedMovie:
        return MalformedMovie(f"{self._path}/{kind}", at, problem)

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
        self._size_kind = "stz2" if "stz2" in self._boxes else "stsz"
        start, end = self._box(self._size_kind)
        if self._size_kind == "stz2" and "stsz" in self._boxes:
            raise self._wrong("stz2", start, "stands beside stsz")
        if end - start < 12:
            raise self._wrong(self._size_kind, start, f"is cut off after {end - start} bytes")
        self._constant_size, self.sample_count = struct.unpack_from(">II", self._data, start + 4)
        self._sizes = start + 12
        self._size_bits = 32
        if self._size_kind == "stz2":
            self._size_bits, self._constant_size = self._data[start + 7], 0
            if self._size_bits not in (4, 8, 16):
                raise self._wrong("stz2", start + 7, f"has fields of {self._size_bits} bits")
        if self._constant_size:
            return
        room = end - start - 12
        if (self.sample_count * self._size_bits + 7) // 8 > room:
            raise self._wrong(
                self._size_kind, start + 8, f"claims {self.sample_count} entries in {room} bytes"
            )
        for number in range(self.sample_count):
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
        self._chunk_kind = "co64" if "co64" in self._boxes else "stco"
        if self._chunk_kind == "co64" and "stco" in self._boxes:
            raise self._wrong("co64", self._boxes["co64"][0], "stands beside stco")
        self._chunk_width = 8 if self._chunk_kind == "co64" else 4
        self._chunks, self._chunk_count = self._entries(self._chunk_kind, 8, self._chunk_width)
        self._maps, self._map_count = self._entries("stsc", 8, 12)
        self._check_maps()
        sample = 0
        for number, at, per_chunk, _ in self._chunk_maps():
            if per_chunk > self.sample_count - sample:
                raise self._wrong(
                    "stsc", at, f"puts more than {self.sample_count} samples into the chunks"
                )
            length = self._bytes_of(sample, per_chunk)
            path = f"{self._path}/{self._chunk_kind}"
            self._claim(path, self._chunk_at(number), self._chunk(number), length)
            sample += per_chunk
        if sample != self.sample_count:
            raise self._wrong(
                "stsc",
                self._maps - 8,
                f"puts {sample} of {self.sample_count} samples into the chunks",
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
            if first > self._chunk_count:
                raise self._wrong("stsc", at, f"speaks of chunk {first} of {self._chunk_count}")
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
            for chunk in range(first - 1, last - 1 if last else self._chunk_count):
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

    def _claim(self, path: str, at: int, offset: int, length: int) -> None:
        """Check that bytes lie within the file, and note whether they lie behind all others."""
        size = self._file_bytes
        if offset > size or length > size - offset:
            raise MalformedMovie(
                path, at, f"places {length} bytes at {offset}, beyond the file's {size}"
            )
        if offset < self._data_end:
            self._ascending = False
        self._data_end = max(self._data_end, offset + length)

    def _read_durations(self) -> None:
        self._durations, self._duration_count = self._entries("stts", 8, 8)
        total = 0
        for number in range(self._duration_count):
            at = self._durations + 8 * number
            count, delta = struct.unpack_from(">II", self._data, at)
            if count == 0:
                continue
            if count > self.sample_count - total:
                raise self._wrong("stts", at, f"times more than {self.sample_count} samples")
            if delta > LONGEST_DURATION:
                raise self._wrong("stts", at + 4, f"gives samples a duration of {delta}")
            total += count
            if delta == 0 and (count > 1 or total < self.sample_count):
                raise self._wrong("stts", at + 4, "gives samples no duration")
            self._last_time = self.duration + (count - 1) * delta
            self.duration += count * delta
        if total != self.sample_count:
            raise self._wrong(
                "stts", self._durations - 8, f"times {total} of {self.sample_count} samples"
            )

    def _read_offsets(self) -> None:
        if "ctts" not in self._boxes:
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
            if count > self.sample_count - total:
                raise self._wrong(
                    kind, at + 8 * number, f"speaks of more than {self.sample_count} samples"
                )
            total += count
        if exact and total != self.sample_count:
            raise self._wrong(kind, at - 8, f"speaks of {total} of {self.sample_count} samples")

    def _read_numbers(self, kind: str) -> None:
        if kind not in self._boxes:
            return
        at, count = self._entries(kind, 8, 4)
        before = 0
        for entry in range(at, at + 4 * count, 4):
            number = u32(self._data, entry)
            if number <= before:
                raise self._wrong(kind, entry, f"goes from sample {before} to sample {number}")
            if number > self.sample_count:
                raise self._wrong(kind, entry, f"speaks of sample {number} of {self.sample_count}")
            before = number

    def _read_groups(self) -> None:
        if "sbgp" not in self._boxes:
            return
        start, end = self._boxes["sbgp"]
        self._group_head = 16 if end > start and self._data[start] == 1 else 12
        at, count = self._entries("sbgp", self._group_head, 8)
        self._check_counts("sbgp", at, count, exact=False)

    # ---- fragments

    def add_fragment(self, number: int, start: int, data: bytes, content: int) -> None:
        """Take this track's runs from a `moof`.

        `number` is its ordinal, from 1, `start` its first byte in the file; `data` is the box, with
        its children from `content` on.
        """
        if content > len(data):
            raise ValueError(f"the content of {len(data)} bytes begins at {content}")
        if self._finished:
            raise ValueError("the table is finished")
        self._part = memoryview(data)
        trafs = 0
        for kind, _, inner, stop in child_boxes(self._part, f"moof[{number}]", content, len(data)):
            if kind == b"traf":
                trafs += 1
                self._add_traf(f"moof[{number}]/traf[{trafs}]", start, (inner, stop), trafs)

    def _add_traf(self, path: str, moof: int, span: tuple[int, int], ordinal: int) -> None:
        header: Header | None = None
        time: int | None = None
        headers = 0
        for kind, at, inner, stop in child_boxes(self._part, path, *span):
            if kind == b"tfhd":
                if headers:
                    raise MalformedMovie(f"{path}/tfhd", at, "stands there twice")
                headers += 1
                header = self._header(f"{path}/tfhd", inner, stop)
            elif kind == b"tfdt":
                if time is not None:
                    raise MalformedMovie(f"{path}/tfdt", at, "stands there twice")
                time = decode_time(self._part, f"{path}/tfdt", inner, stop)
        if not headers:
            raise MalformedMovie(path, span[0], "has no tfhd")
        if header is None:
            return
        if header.base is None and not header.from_moof and ordinal > 1:
            raise MalformedMovie(f"{path}/tfhd", span[0], "does not say where its data begin")
        if time is not None:
            self.duration = time
        self._add_runs(path, header, moof if header.base is None else header.base, span)

    def _header(self, path: str, start: int, end: int) -> Header | None:
        header = track_header(
            self._part, path, (start, end), self._track_id, self._defaults, self._file_bytes
        )
        if header is None:
            return None
        if not 1 <= header.description <= self._descriptions:
            raise MalformedMovie(
                path,
                start,
                f"speaks of sample description {header.description} of {self._descriptions}",
            )
        if header.duration > LONGEST_DURATION:
            raise MalformedMovie(path, start, f"gives samples a duration of {header.duration}")
        return header

    def _add_runs(self, path: str, header: Header, base: int, span: tuple[int, int]) -> None:
        runs, offset = 0, base
        for kind, _, inner, stop in child_boxes(self._part, path, *span):
            if kind != b"trun":
                continue
            runs += 1
            run_path = f"{path}/trun[{runs}]"
            if header.empty:
                raise MalformedMovie(run_path, inner, "has samples in a fragment without duration")
            offset = self._add_run(run_path, header, (base, offset), inner, stop)
        if header.empty:
            self.duration += header.duration
            self._check_time(path, span[0])

    def _add_run(
        self, path: str, header: Header, places: tuple[int, int], start: int, end: int
    ) -> int:
        """Read `trun` (§8.8.8); gives the byte behind its data."""
        base, offset = places
        if end - start < 8:
            raise MalformedMovie(path, start, f"is cut off after {end - start} bytes")
        if self._part[start] > 1:
            raise MalformedMovie(path, start, f"has version {self._part[start]}")
        fields, samples = u32(self._part, start) & 0xFFFFFF, u32(self._part, start + 4)
        head = 8 + 4 * bool(fields & DATA_OFFSET) + 4 * bool(fields & FIRST_FLAGS)
        if end - start < head:
            raise MalformedMovie(path, start, f"is cut off after {end - start} bytes")
        room = end - start - head
        if samples * row_bytes(fields) > room:
            raise MalformedMovie(path, start + 4, f"claims {samples} samples in {room} bytes")
        if fields & DATA_OFFSET:
            offset = base + int(struct.unpack_from(">i", self._part, start + 8)[0])
            if offset < 0:
                raise MalformedMovie(path, start + 8, f"places data at {offset}")
        if samples == 0:
            return offset
        first_flags = u32(self._part, start + head - 4) if fields & FIRST_FLAGS else 0
        run = Run(
            self._part, offset, 0, self.duration, start + head, samples, fields,
            header.duration, header.size, header.flags, first_flags, header.description,
        )  # fmt: skip
        if self.sample_count and self.duration <= self._last_time:
            raise MalformedMovie(
                path, start, f"goes from decode time {self._last_time} to {self.duration}"
            )
        length = self._rows(path, run) if row_bytes(fields) else self._plain(path, start, run)
        self._check_time(path, start)
        self._claim(path, start, offset, length)
        self._runs.append(run._replace(length=length))
        self.sample_count += samples
        return offset + length

    def _rows(self, path: str, run: Run) -> int:
        """Check the rows of a run, and give its bytes."""
        length = 0
        for number, size, duration, _, _ in run_samples(run):
            at = run.rows + row_bytes(run.fields) * number
            if size == 0:
                raise MalformedMovie(path, at, f"gives sample {number} no bytes")
            if duration > LONGEST_DURATION:
                raise MalformedMovie(path, at, f"gives samples a duration of {duration}")
            if duration == 0 and number < run.samples - 1:
                raise MalformedMovie(path, at, f"gives sample {number} no duration")
            length += size
            self._last_time = self.duration
            self.duration += duration
        return length

    def _plain(self, path: str, start: int, run: Run) -> int:
        """Check a run without rows, in no time however many samples it claims."""
        if run.size == 0:
            raise MalformedMovie(path, start, "gives sample 0 no bytes")
        if run.duration == 0 and run.samples > 1:
            raise MalformedMovie(path, start, "gives sample 0 no duration")
        self._last_time = self.duration + (run.samples - 1) * run.duration
        self.duration += run.samples * run.duration
        return run.samples * run.size

    def _check_time(self, path: str, at: int) -> None:
        if self.duration > LATEST_TIME:
            raise MalformedMovie(path, at, f"leads to decode time {self.duration}")

    # ---- reading

    def finish(self) -> None:
        """Check that no two chunks or runs share a byte. Call it before `next_run`."""
        if not self._ascending:
            claims = sorted((offset, number, end) for number, offset, end in self._claims())
            for (_, number, end), (offset, other, _) in pairwise(claims):
                if offset < end:
                    first, second = sorted((number, other))
                    raise MalformedMovie(
                        self._path,
                        self._boxes["stbl"][0],
                        f"lets chunks {first} and {second} share bytes from {offset}",
                    )
        self._finished = True

    def _claims(self) -> Iterator[tuple[int, int, int]]:
        sample = 0
        for number, _, per_chunk, _ in self._chunk_maps():
            offset = self._chunk(number)
            yield number, offset, offset + self._bytes_of(sample, per_chunk)
            sample += per_chunk
        for number, run in enumerate(self._runs, start=self._chunk_count):
            yield number, run.offset, run.offset + run.length

    def rewind(self) -> None:
        """Let `next_run` begin again with the first sample."""
        self._cursor = self._samples()
        self._pending: Sample | None = None
        self._begun = False

    def next_run(self, limit_bytes: int, limit_samples: int) -> SampleRun | None:
        """Give the next samples that lie one behind the other; None after the last one.

        A run holds one sample at least, and no more than the limits otherwise allow.
        """
        if not self._finished:
            raise ValueError("the table is not finished")
        if not self._begun:
            self._begun = True
            self._pending = next(self._cursor, None)
        first = self._pending
        if first is None:
            return None
        taken = [first]
        end = first.offset + first.size
        self._pending = next(self._cursor, None)
        while (
            (sample := self._pending) is not None
            and sample.offset == end
            and sample.description == first.description
            and len(taken) < limit_samples
            and end + sample.size - first.offset <= limit_bytes
        ):
            taken.append(sample)
            end += sample.size
            self._pending = next(self._cursor, None)
        return SampleRun(
            first.offset,
            end - first.offset,
            first.description,
            [sample.size for sample in taken],
            [sample.decode_time for sample in taken],
            [sample.composition_offset for sample in taken],
            [sample.duration for sample in taken],
            [sample.access for sample in taken],
        )

    def next_rows(self, limit: int) -> bytes:
        """Give up to `limit` samples as rows, wherever they lie; nothing behind the last one."""
        rows: list[SampleRow] = []
        if not self._finished:
            raise ValueError("the table is not finished")
        if not self._begun:
            self._begun = True
            self._pending = next(self._cursor, None)
        while (sample := self._pending) is not None and len(rows) < limit:
            rows.append(
                SampleRow(
                    sample.offset, sample.decode_time, sample.composition_offset, sample.size,
                    sample.duration, sample.access, sample.description,
                )
            )  # fmt: skip
            self._pending = next(self._cursor, None)
        return packed(rows)

    def _samples(self) -> Iterator[Sample]:
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
        for run in self._runs:
            yield from self._unfolded_run(run)

    def _unfolded_run(self, run: Run) -> Iterator[Sample]:
        offset, time = run.offset, run.time
        for _, size, duration, flags, composition in run_samples(run):
            access = 0 if flags & NOT_SYNC else SYNC
            yield Sample(offset, size, time, composition, duration, access, run.description)
            offset, time = offset + size, time + duration

    def _unfolded(self, kind: str, head: int) -> Iterator[int]:
        """Give the value of each sample from run-length rows; zero where there are none."""
        if kind in self._boxes:
            at, rows = self._entries(kind, head, 8)
            for entry in range(at, at + 8 * rows, 8):
                value = u32(self._data, entry + 4)
                for _ in range(u32(self._data, entry)):
                    yield value
        while True:
            yield 0

    def _accesses(self) -> Iterator[int]:
        groups = self._unfolded("sbgp", self._group_head if "sbgp" in self._boxes else 0)
        sync, partial = self._numbers("stss"), self._numbers("stps")
        next_sync, next_partial = next(sync, 0), next(partial, 0)
        for number in range(1, self._table_samples + 1):
            group = next(groups)
            access = OPEN_RANDOM_ACCESS if group else 0
            if number == next_partial:
                access, next_partial = OPEN_RANDOM_ACCESS, next(partial, 0)
            if "stss" not in self._boxes or number == next_sync:
                access = SYNC
            if number == next_sync:
                next_sync = next(sync, 0)
            yield access

    def _numbers(self, kind: str) -> Iterator[int]:
        if kind in self._boxes:
            at, count = self._entries(kind, 8, 4)
            for entry in range(at, at + 4 * count, 4):
                yield u32(self._data, entry)


def _signed(value: int) -> int:
    """Read as signed what QuickTime writes so in either version of `ctts`."""
    return value - 2**32 if value >= 2**31 else value
