"""The fragments of one track (`moof`, ISO/IEC 14496-12 §8.8).

Only the runs are kept, each of which takes room in the file; their rows are walked where they lie.
"""

import struct
from collections.abc import Iterator

from native.errors import MalformedMovie
from native.reference.fragments import (
    BASE_DATA_OFFSET,
    DATA_OFFSET,
    DESCRIPTION_INDEX,
    DURATION,
    FIRST_FLAGS,
    RUN_SIZE,
    SIZE,
    Defaults,
    Header,
    Run,
    any_base,
    child_boxes,
    decode_time,
    row_bytes,
    run_samples,
    track_header,
    u32,
)
from native.reference.sample import LATEST_TIME, LONGEST_DURATION, SYNC, Reached, Sample

NOT_SYNC = 0x01010000
"""Flags of a sample that is no sync sample, or depends on others (§8.8.3.1)."""


class TrackFragments:
    """The runs of one track, whose samples have got as far as `reached`."""

    def __init__(
        self,
        reached: Reached,
        descriptions: int,
        track_id: int,
        defaults: Defaults | None,
        sizes: dict[int, int],
    ) -> None:
        self._reached = reached
        self._descriptions = descriptions
        self._track_id = track_id
        self._defaults = defaults
        self._sizes = sizes
        self._part = memoryview(b"")
        self._measured = 0, 0
        self.runs: list[Run] = []

    def add(self, number: int, start: int, data: bytes, content: int) -> None:
        """Take this track's runs from a `moof`; see `SampleTable.add_fragment`."""
        self._part = memoryview(data)
        self._measured = 0, start
        before: list[tuple[str, int, int]] = []
        for kind, _, inner, stop in child_boxes(self._part, f"moof[{number}]", content, len(data)):
            if kind == b"traf":
                path = f"moof[{number}]/traf[{len(before) + 1}]"
                self._add_traf(path, start, (inner, stop), before)
                before.append((path, inner, stop))

    def _add_traf(
        self, path: str, moof: int, span: tuple[int, int], before: list[tuple[str, int, int]]
    ) -> None:
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
        if time is not None:
            self._reached.duration = time
        base = header.base
        if base is None:
            base = moof if header.from_moof else self._data_before(before, moof)
        self._add_runs(path, header, base, span)

    def _data_before(self, before: list[tuple[str, int, int]], moof: int) -> int:
        """Give the byte behind the data of the trafs before one; each is measured once."""
        measured, end = self._measured
        for path, start, stop in before[measured:]:
            end = self._data_end(path, moof, end, (start, stop))
        self._measured = len(before), end
        return end

    def _data_end(self, path: str, moof: int, base: int, span: tuple[int, int]) -> int:
        """Give the byte behind the data of any track's traf, whose boxes have been walked.

        Data without a base begin where those of the traf before end (§8.8.7.1).
        """
        part, size, runs = self._part, 0, 0
        for kind, _, inner, _ in child_boxes(part, path, *span):
            if kind == b"tfhd":
                size = self._default_size(f"{path}/tfhd", inner)
                base = any_base(part, inner, moof, base)
        offset = base
        for kind, _, inner, stop in child_boxes(part, path, *span):
            if kind != b"trun":
                continue
            runs += 1
            run_path = f"{path}/trun[{runs}]"
            run = self._read_run(run_path, (base, offset), inner, stop)
            if not run.fields & RUN_SIZE:
                length = run.samples * size
            else:
                length = sum(each.size for each in run_samples(run))
            self._reached.check_within(run_path, inner, run.offset, length)
            offset = run.offset + length
        return offset

    def _default_size(self, path: str, start: int) -> int:
        flags, number = u32(self._part, start), u32(self._part, start + 4)
        if flags & SIZE:
            before = (BASE_DATA_OFFSET, BASE_DATA_OFFSET, DESCRIPTION_INDEX, DURATION)
            return u32(self._part, start + 8 + 4 * sum(bool(flags & bit) for bit in before))
        if number not in self._sizes:
            raise MalformedMovie(path, start, f"belongs to track {number}, which has no trex")
        return self._sizes[number]

    def _header(self, path: str, start: int, end: int) -> Header | None:
        header = track_header(
            self._part, path, (start, end), self._track_id, self._defaults, self._reached.file_bytes
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
            self._reached.duration += header.duration
            self._check_time(path, span[0])

    def _add_run(
        self, path: str, header: Header, places: tuple[int, int], start: int, end: int
    ) -> int:
        """Take a run; gives the byte behind its data."""
        run = self._read_run(path, places, start, end)
        if run.samples == 0:
            return run.offset
        run = run._replace(
            time=self._reached.duration, duration=header.duration, size=header.size,
            flags=header.flags, description=header.description,
        )  # fmt: skip
        before, time = self._reached.last_time, self._reached.duration
        if self._reached.samples and time <= before:
            raise MalformedMovie(path, start, f"goes from decode time {before} to {time}")
        length = self._rows(path, run) if row_bytes(run.fields) else self._plain(path, start, run)
        self._check_time(path, start)
        self._reached.claim(path, start, run.offset, length)
        self.runs.append(run._replace(length=length))
        self._reached.samples += run.samples
        return run.offset + length

    def _read_run(self, path: str, places: tuple[int, int], start: int, end: int) -> Run:
        """Find fields, rows and offset of a `trun` (§8.8.8); its rows are within the box."""
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
        first_flags = u32(self._part, start + head - 4) if fields & FIRST_FLAGS else 0
        rows = start + head
        return Run(self._part, offset, 0, 0, rows, samples, fields, 0, 0, 0, first_flags, 0)

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
            self._reached.last_time = self._reached.duration
            self._reached.duration += duration
        return length

    def _plain(self, path: str, start: int, run: Run) -> int:
        """Check a run without rows, in no time however many samples it claims."""
        if run.size == 0:
            raise MalformedMovie(path, start, "gives sample 0 no bytes")
        if run.duration == 0 and run.samples > 1:
            raise MalformedMovie(path, start, "gives sample 0 no duration")
        self._reached.last_time = self._reached.duration + (run.samples - 1) * run.duration
        self._reached.duration += run.samples * run.duration
        return run.samples * run.size

    def _check_time(self, path: str, at: int) -> None:
        if self._reached.duration > LATEST_TIME:
            raise MalformedMovie(path, at, f"leads to decode time {self._reached.duration}")

    def walk(self) -> Iterator[Sample]:
        """Give the samples in decode order."""
        for run in self.runs:
            yield from _unfolded(run)


def _unfolded(run: Run) -> Iterator[Sample]:
    offset, time = run.offset, run.time
    for _, size, duration, flags, composition in run_samples(run):
        access = 0 if flags & NOT_SYNC else SYNC
        yield Sample(offset, size, time, composition, duration, access, run.description)
        offset, time = offset + size, time + duration
