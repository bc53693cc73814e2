"""The fragments of one track (`moof`, ISO/IEC 14496-12 §8.8).

Only the runs are kept, each of which takes room in the file; their rows are walked where they lie.
"""

import struct
from collections.abc import Iterator

from native.errors import MalformedMovie
from native.reference.fragments import (
    DATA_OFFSET,
    FIRST_FLAGS,
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
from native.reference.sample import LATEST_TIME, LONGEST_DURATION, SYNC, Reached, Sample

NOT_SYNC = 0x01010000
"""Flags of a sample that is no sync sample, or depends on others (§8.8.3.1)."""


class TrackFragments:
    """The runs of one track, whose samples have got as far as `reached`."""

    def __init__(
        self, reached: Reached, descriptions: int, track_id: int, defaults: Defaults | None
    ) -> None:
        self._reached = reached
        self._descriptions = descriptions
        self._track_id = track_id
        self._defaults = defaults
        self._part = memoryview(b"")
        self.runs: list[Run] = []

    def add(self, number: int, start: int, data: bytes, content: int) -> None:
        """Take this track's runs from a `moof`; see `SampleTable.add_fragment`."""
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
            self._reached.duration = time
        self._add_runs(path, header, moof if header.base is None else header.base, span)

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
            self._part, offset, 0, self._reached.duration, start + head, samples, fields,
            header.duration, header.size, header.flags, first_flags, header.description,
        )  # fmt: skip
        if self._reached.samples and self._reached.duration <= self._reached.last_time:
            raise MalformedMovie(
                path,
                start,
                f"goes from decode time {self._reached.last_time} to {self._reached.duration}",
            )
        length = self._rows(path, run) if row_bytes(fields) else self._plain(path, start, run)
        self._check_time(path, start)
        self._reached.claim(path, start, offset, length)
        self.runs.append(run._replace(length=length))
        self._reached.samples += samples
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
