# cython: boundscheck=False, wraparound=False, cdivision=True
"""The sample tables of one track, compiled.

`native/reference/sample_tables.py` defines what this does. Memory is walked through raw pointers,
all of them into the caller's bytes: `entries` proves that a table's rows lie within its box, which
lies within the data.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint8_t, uint64_t

from native._bytes cimport load_be32
from native._sample cimport LONGEST_DURATION, Span, beyond, claim
from native._sample_tables cimport (
    bytes_of,
    chunk_offset,
    map_end,
    map_first,
    map_samples,
    size_of,
)

from native.errors import MalformedMovie


cdef class SampleTables:
    """The tables in `boxes`, checked; the arguments are those of `SampleTable`."""

    def __cinit__(self, data, dict boxes not None, uint64_t file_bytes, str path not None,
                  uint64_t descriptions):
        PyObject_GetBuffer(data, &self.view, PyBUF_SIMPLE)
        self.held = True
        self.data = <const uint8_t*>self.view.buf
        self.boxes = boxes
        for kind, (start, end) in boxes.items():
            if not 0 <= start <= end <= self.view.len:
                raise ValueError(f"{kind} from {start} to {end} of {self.view.len} bytes")
        self.path = path
        self.descriptions = descriptions
        self.reached.file_bytes = file_bytes
        self.reached.ascending = True
        self.read_sizes()
        self.read_chunks()
        self.read_durations()
        self.read_compositions()
        self.tables.has_sync = "stss" in boxes
        self.tables.sync = self.read_numbers("stss")
        self.tables.partial = self.read_numbers("stps")
        self.read_groups()
        self.reached.samples = self.tables.samples

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    cdef tuple box(self, str kind):
        if kind not in self.boxes:
            raise MalformedMovie(self.path, self.boxes["stbl"][0], f"has no {kind}")
        return self.boxes[kind]

    cdef object wrong(self, str kind, uint64_t at, str problem):
        return MalformedMovie(f"{self.path}/{kind}", at, problem)

    cdef uint64_t where(self, const uint8_t* at) noexcept:
        return at - self.data

    cdef Span entries(self, str kind, uint64_t head, uint64_t width) except *:
        """Find a table's rows; they are within the box."""
        cdef Span span
        cdef uint64_t start, end
        start, end = self.box(kind)
        if end - start < head:
            raise self.wrong(kind, start, f"is cut off after {end - start} bytes")
        span.count = load_be32(self.data + start + head - 4)
        span.rows = self.data + start + head
        if span.count * width > end - start - head:
            raise self.wrong(
                kind, start + head - 4,
                f"claims {span.count} entries in {end - start - head} bytes",
            )
        return span

    cdef int read_sizes(self) except -1:
        cdef uint64_t start, end, number, room
        self.size_kind = "stz2" if "stz2" in self.boxes else "stsz"
        start, end = self.box(self.size_kind)
        if self.size_kind == "stz2" and "stsz" in self.boxes:
            raise self.wrong("stz2", start, "stands beside stsz")
        if end - start < 12:
            raise self.wrong(self.size_kind, start, f"is cut off after {end - start} bytes")
        self.tables.constant_size = load_be32(self.data + start + 4)
        self.tables.samples = load_be32(self.data + start + 8)
        self.tables.sizes = self.data + start + 12
        self.tables.size_bits = 32
        if self.size_kind == "stz2":
            self.tables.size_bits = self.data[start + 7]
            self.tables.constant_size = 0
            if self.tables.size_bits not in (4, 8, 16):
                raise self.wrong("stz2", start + 7, f"has fields of {self.tables.size_bits} bits")
        if self.tables.constant_size:
            return 0
        room = end - start - 12
        if (self.tables.samples * self.tables.size_bits + 7) // 8 > room:
            raise self.wrong(
                self.size_kind, start + 8, f"claims {self.tables.samples} entries in {room} bytes"
            )
        with nogil:
            number = self.first_without_bytes()
        if number < self.tables.samples:
            at = self.where(self.tables.sizes) + number * self.tables.size_bits // 8
            raise self.wrong(self.size_kind, at, f"gives sample {number} no bytes")
        return 0

    cdef uint64_t first_without_bytes(self) noexcept nogil:
        cdef uint64_t number
        for number in range(self.tables.samples):
            if size_of(&self.tables, number) == 0:
                return number
        return self.tables.samples

    cdef int read_chunks(self) except -1:
        cdef uint64_t chunk, per_chunk, offset, length
        cdef uint64_t sample = 0
        cdef uint64_t row
        self.chunk_kind = "co64" if "co64" in self.boxes else "stco"
        if self.chunk_kind == "co64" and "stco" in self.boxes:
            raise self.wrong("co64", self.boxes["co64"][0], "stands beside stco")
        self.tables.chunk_width = 8 if self.chunk_kind == "co64" else 4
        self.tables.chunks = self.entries(self.chunk_kind, 8, self.tables.chunk_width)
        self.tables.maps = self.entries("stsc", 8, 12)
        self.check_maps()
        for row in range(self.tables.maps.count):
            per_chunk = map_samples(&self.tables, row)
            for chunk in range(map_first(&self.tables, row) - 1, map_end(&self.tables, row)):
                if per_chunk > self.tables.samples - sample:
                    raise self.wrong(
                        "stsc", self.where(self.tables.maps.rows + 12 * row),
                        f"puts more than {self.tables.samples} samples into the chunks",
                    )
                length = bytes_of(&self.tables, sample, per_chunk)
                offset = chunk_offset(&self.tables, chunk)
                if claim(&self.reached, offset, length) < 0:
                    raise self.wrong(
                        self.chunk_kind,
                        self.where(self.tables.chunks.rows + chunk * self.tables.chunk_width),
                        beyond(&self.reached, offset, length),
                    )
                sample += per_chunk
        if sample != self.tables.samples:
            raise self.wrong(
                "stsc", self.where(self.tables.maps.rows) - 8,
                f"puts {sample} of {self.tables.samples} samples into the chunks",
            )
        return 0

    cdef int check_maps(self) except -1:
        cdef uint64_t row, first, description, at
        cdef uint64_t before = 0
        for row in range(self.tables.maps.count):
            at = self.where(self.tables.maps.rows + 12 * row)
            first = map_first(&self.tables, row)
            description = load_be32(self.data + at + 8)
            if row == 0 and first != 1:
                raise self.wrong("stsc", at, f"begins with chunk {first}")
            if first <= before:
                raise self.wrong("stsc", at, f"goes from chunk {before} to chunk {first}")
            if first > self.tables.chunks.count:
                raise self.wrong(
                    "stsc", at, f"speaks of chunk {first} of {self.tables.chunks.count}"
                )
            if map_samples(&self.tables, row) == 0:
                raise self.wrong("stsc", at + 4, "puts no sample into a chunk")
            if not 1 <= description <= self.descriptions:
                raise self.wrong(
                    "stsc", at + 8,
                    f"speaks of sample description {description} of {self.descriptions}",
                )
            before = first
        return 0

    cdef int read_durations(self) except -1:
        cdef uint64_t row, count, delta, at
        cdef uint64_t total = 0
        self.tables.durations = self.entries("stts", 8, 8)
        for row in range(self.tables.durations.count):
            at = self.where(self.tables.durations.rows + 8 * row)
            count = load_be32(self.data + at)
            delta = load_be32(self.data + at + 4)
            if count == 0:
                continue
            if count > self.tables.samples - total:
                raise self.wrong("stts", at, f"times more than {self.tables.samples} samples")
            if delta > LONGEST_DURATION:
                raise self.wrong("stts", at + 4, f"gives samples a duration of {delta}")
            total += count
            if delta == 0 and (count > 1 or total < self.tables.samples):
                raise self.wrong("stts", at + 4, "gives samples no duration")
            self.reached.last_time = self.reached.duration + (count - 1) * delta
            self.reached.duration += count * delta
        if total != self.tables.samples:
            raise self.wrong(
                "stts", self.where(self.tables.durations.rows) - 8,
                f"times {total} of {self.tables.samples} samples",
            )
        return 0

    cdef int read_compositions(self) except -1:
        cdef uint64_t at
        if "ctts" not in self.boxes:
            return 0
        self.tables.compositions = self.entries("ctts", 8, 8)
        at = self.where(self.tables.compositions.rows)
        if self.data[at - 8] > 1:
            raise self.wrong("ctts", at - 8, f"has version {self.data[at - 8]}")
        self.check_counts("ctts", self.tables.compositions, True)
        return 0

    cdef int check_counts(self, str kind, Span span, bint exact) except -1:
        """Check that run-length rows of eight bytes, count first, cover the samples."""
        cdef uint64_t row, count
        cdef uint64_t total = 0
        for row in range(span.count):
            count = load_be32(span.rows + 8 * row)
            if count > self.tables.samples - total:
                raise self.wrong(
                    kind, self.where(span.rows + 8 * row),
                    f"speaks of more than {self.tables.samples} samples",
                )
            total += count
        if exact and total != self.tables.samples:
            raise self.wrong(
                kind, self.where(span.rows) - 8,
                f"speaks of {total} of {self.tables.samples} samples",
            )
        return 0

    cdef Span read_numbers(self, str kind) except *:
        cdef Span span
        cdef uint64_t row, number
        cdef uint64_t before = 0
        span.rows = NULL
        span.count = 0
        if kind not in self.boxes:
            return span
        span = self.entries(kind, 8, 4)
        for row in range(span.count):
            number = load_be32(span.rows + 4 * row)
            if number <= before:
                raise self.wrong(
                    kind, self.where(span.rows + 4 * row),
                    f"goes from sample {before} to sample {number}",
                )
            if number > self.tables.samples:
                raise self.wrong(
                    kind, self.where(span.rows + 4 * row),
                    f"speaks of sample {number} of {self.tables.samples}",
                )
            before = number
        return span

    cdef int read_groups(self) except -1:
        cdef uint64_t start, end, head
        if "sbgp" not in self.boxes:
            return 0
        start, end = self.box("sbgp")
        head = 16 if end > start and self.data[start] == 1 else 12
        self.tables.groups = self.entries("sbgp", head, 8)
        self.check_counts("sbgp", self.tables.groups, False)
        return 0
