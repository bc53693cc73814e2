# cython: boundscheck=False, wraparound=False, cdivision=True
"""The samples of one track of an MP4 file, compiled.

`native/reference/samples.py` defines what this does. Memory is walked through raw pointers, all of
them into the caller's bytes: `entries` proves that a table's rows lie within its box, which lies
within the data, and `add_run` the same of a run's rows. Nothing is kept per sample.

Sums cannot wrap: counts and sizes have 32 bits, bytes are compared with the file's length before
they are added up, and decode times stay below 2**62 from one run to the next.
"""

cimport cython
from cpython.buffer cimport Py_buffer, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize

from native._bytes cimport load_be32, load_be64
from native._rows cimport SampleRow

from native.errors import MalformedMovie, box_name
from native.values import SampleRun

cdef enum:
    SYNC = 1
    OPEN_RANDOM_ACCESS = 2
    BASE_DATA_OFFSET = 0x01
    DESCRIPTION_INDEX = 0x02
    DURATION = 0x08
    SIZE = 0x10
    FLAGS = 0x20
    DURATION_IS_EMPTY = 0x010000
    DEFAULT_BASE_IS_MOOF = 0x020000
    DATA_OFFSET = 0x001
    FIRST_FLAGS = 0x004
    RUN_DURATION = 0x100
    RUN_SIZE = 0x200
    RUN_FLAGS = 0x400
    RUN_COMPOSITION = 0x800
    NOT_SYNC = 0x01010000  # is non-sync, or depends on others

cdef uint64_t LATEST_TIME = <uint64_t>1 << 62
cdef uint64_t LONGEST_DURATION = 0x7FFFFFFF


cdef struct Span:
    # A table's rows: where they begin, how many there are. No rows where the box is absent.
    const uint8_t* rows
    uint64_t count


cdef struct Sample:
    uint64_t offset
    uint64_t size
    uint64_t time
    int64_t composition
    uint64_t duration
    uint32_t access
    uint32_t description


cdef struct Header:
    # What tfhd says, completed by trex.
    uint32_t track_id
    bint explicit
    bint from_moof
    bint empty
    uint64_t base
    uint32_t description
    uint32_t duration
    uint32_t size
    uint32_t flags


cdef struct Run:
    # A track run that was checked; rows are within the data.
    uint64_t offset
    uint64_t length
    uint64_t time
    const uint8_t* rows
    uint32_t count
    uint32_t fields
    uint32_t duration
    uint32_t size
    uint32_t flags
    uint32_t first_flags
    uint32_t description


cdef struct Folded:
    # A place in a table of run-length rows of eight bytes.
    const uint8_t* row
    uint64_t rows_left
    uint64_t samples_left
    uint32_t value


cdef struct Numbers:
    # A place in a table of sample numbers.
    const uint8_t* row
    uint64_t left


cdef struct Cursor:
    Folded durations
    Folded compositions
    Folded groups
    Numbers sync
    Numbers partial
    uint64_t sample       # of the tables, from 0
    uint64_t chunk        # from 0
    uint64_t map          # row of stsc that tells of the chunk
    uint64_t in_chunk     # samples of the chunk that were given
    uint64_t run
    uint64_t in_run
    const uint8_t* row    # of the run
    uint64_t offset
    uint64_t time


cdef struct Claim:
    uint64_t offset
    uint64_t number
    uint64_t end


cdef int by_offset(const void* left, const void* right) noexcept nogil:
    cdef const Claim* first = <const Claim*>left
    cdef const Claim* second = <const Claim*>right
    if first.offset != second.offset:
        return -1 if first.offset < second.offset else 1
    return -1 if first.number < second.number else first.number > second.number


cdef inline uint32_t row_bytes(uint32_t fields) noexcept nogil:
    return 4 * ((fields & RUN_DURATION != 0) + (fields & RUN_SIZE != 0)
                + (fields & RUN_FLAGS != 0) + (fields & RUN_COMPOSITION != 0))


cdef inline uint32_t unfold(Folded* at) noexcept nogil:
    """Give the value of the next sample, zero behind the last row."""
    while at.samples_left == 0:
        if at.rows_left == 0:
            return 0
        at.samples_left = load_be32(at.row)
        at.value = load_be32(at.row + 4)
        at.row += 8
        at.rows_left -= 1
    at.samples_left -= 1
    return at.value


cdef inline bint names(Numbers* at, uint64_t number) noexcept nogil:
    """Whether the table names the sample, from 1; asked for rising numbers."""
    if at.left == 0 or load_be32(at.row) != number:
        return False
    at.row += 4
    at.left -= 1
    return True


cdef Folded folded(Span span) noexcept nogil:
    cdef Folded at
    at.row = span.rows
    at.rows_left = span.count
    at.samples_left = 0
    at.value = 0
    return at


cdef Numbers numbers(Span span) noexcept nogil:
    cdef Numbers at
    at.row = span.rows
    at.left = span.count
    return at


@cython.final
cdef class SampleTable:
    """The samples of one track.

    `boxes` gives the content of each table by its box's letters, as first and last byte of `data`,
    a part of a file of `file_bytes`; `stbl` is the box around them, and `sbgp` the random access
    points' (`rap `). `path` names that box in messages. `descriptions` counts the track's sample
    entries. With fragments, `track_id` and `defaults` (of `trex`) say what belongs to the track,
    and `add_fragment` is called for each `moof`. After the last call `finish`, then read with
    `next_run`.

    Raises `MalformedMovie` for the first contradiction found.
    """

    cdef Py_buffer view        # borrowed from the caller's object until __dealloc__
    cdef bint held             # whether view must be released
    cdef const uint8_t* data
    cdef uint64_t file_bytes
    cdef dict boxes
    cdef str path
    cdef uint64_t descriptions
    cdef uint32_t track_id
    cdef object defaults
    cdef str size_kind
    cdef const uint8_t* sizes
    cdef uint64_t constant_size
    cdef uint32_t size_bits
    cdef str chunk_kind
    cdef uint64_t chunk_width
    cdef Span chunks
    cdef Span maps
    cdef Span durations
    cdef Span compositions
    cdef Span sync
    cdef bint has_sync
    cdef Span partial
    cdef Span groups
    cdef uint64_t table_samples
    cdef list parts            # the fragments, kept for the rows that runs point to
    cdef const uint8_t* part   # the one being read
    cdef Run* runs             # owned; of run_room, run_count are in use
    cdef uint64_t run_count
    cdef uint64_t run_room
    cdef uint64_t data_end
    cdef bint ascending
    cdef bint finished
    cdef uint64_t last_time
    cdef Cursor at
    cdef Sample pending
    cdef bint has_pending
    cdef bint begun
    cdef readonly uint64_t sample_count
    cdef readonly uint64_t duration

    def __cinit__(self, data, boxes, *, uint64_t file_bytes, str path not None,
                  uint64_t descriptions, uint32_t track_id=0, defaults=None):
        self.runs = NULL
        PyObject_GetBuffer(data, &self.view, PyBUF_SIMPLE)
        self.held = True
        self.data = <const uint8_t*>self.view.buf
        self.file_bytes = file_bytes
        self.parts = []
        self.boxes = dict(boxes)
        for kind, (start, end) in self.boxes.items():
            if not 0 <= start <= end <= self.view.len:
                raise ValueError(f"{kind} from {start} to {end} of {self.view.len} bytes")
        self.path = path
        self.descriptions = descriptions
        self.track_id = track_id
        self.defaults = defaults
        self.ascending = True
        self.read_sizes()
        self.read_chunks()
        self.read_durations()
        self.read_compositions()
        self.has_sync = "stss" in self.boxes
        self.sync = self.read_numbers("stss")
        self.partial = self.read_numbers("stps")
        self.read_groups()
        self.table_samples = self.sample_count
        self.rewind()

    def __dealloc__(self):
        free(self.runs)
        if self.held:
            PyBuffer_Release(&self.view)

    # ---- the tables of stbl

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
        self.constant_size = load_be32(self.data + start + 4)
        self.sample_count = load_be32(self.data + start + 8)
        self.sizes = self.data + start + 12
        self.size_bits = 32
        if self.size_kind == "stz2":
            self.size_bits = self.data[start + 7]
            self.constant_size = 0
            if self.size_bits not in (4, 8, 16):
                raise self.wrong("stz2", start + 7, f"has fields of {self.size_bits} bits")
        if self.constant_size:
            return 0
        room = end - start - 12
        if (self.sample_count * self.size_bits + 7) // 8 > room:
            raise self.wrong(
                self.size_kind, start + 8, f"claims {self.sample_count} entries in {room} bytes"
            )
        with nogil:
            number = self.first_without_bytes()
        if number < self.sample_count:
            at = self.where(self.sizes) + number * self.size_bits // 8
            raise self.wrong(self.size_kind, at, f"gives sample {number} no bytes")
        return 0

    cdef uint64_t first_without_bytes(self) noexcept nogil:
        cdef uint64_t number
        for number in range(self.sample_count):
            if self.size_of(number) == 0:
                return number
        return self.sample_count

    cdef inline uint64_t size_of(self, uint64_t number) noexcept nogil:
        cdef const uint8_t* at
        if self.constant_size:
            return self.constant_size
        if self.size_bits == 32:
            return load_be32(self.sizes + 4 * number)
        if self.size_bits == 16:
            at = self.sizes + 2 * number
            return <uint64_t>at[0] << 8 | at[1]
        if self.size_bits == 8:
            return self.sizes[number]
        at = self.sizes + number // 2
        return at[0] & 15 if number % 2 else at[0] >> 4

    cdef inline uint64_t chunk_offset(self, uint64_t number) noexcept nogil:
        cdef const uint8_t* at = self.chunks.rows + number * self.chunk_width
        return load_be64(at) if self.chunk_width == 8 else load_be32(at)

    cdef inline uint64_t map_first(self, uint64_t number) noexcept nogil:
        return load_be32(self.maps.rows + 12 * number)

    cdef inline uint64_t map_samples(self, uint64_t number) noexcept nogil:
        return load_be32(self.maps.rows + 12 * number + 4)

    cdef inline uint64_t map_end(self, uint64_t number) noexcept nogil:
        """Give the first chunk, from 0, that the row does not tell of."""
        if number + 1 < self.maps.count:
            return self.map_first(number + 1) - 1
        return self.chunks.count

    cdef uint64_t bytes_of(self, uint64_t first, uint64_t count) noexcept nogil:
        cdef uint64_t length = 0
        cdef uint64_t number
        if self.constant_size:
            return self.constant_size * count
        for number in range(first, first + count):
            length += self.size_of(number)
        return length

    cdef int read_chunks(self) except -1:
        cdef uint64_t chunk, per_chunk, length
        cdef uint64_t sample = 0
        cdef uint64_t row
        self.chunk_kind = "co64" if "co64" in self.boxes else "stco"
        if self.chunk_kind == "co64" and "stco" in self.boxes:
            raise self.wrong("co64", self.boxes["co64"][0], "stands beside stco")
        self.chunk_width = 8 if self.chunk_kind == "co64" else 4
        self.chunks = self.entries(self.chunk_kind, 8, self.chunk_width)
        self.maps = self.entries("stsc", 8, 12)
        self.check_maps()
        for row in range(self.maps.count):
            per_chunk = self.map_samples(row)
            for chunk in range(self.map_first(row) - 1, self.map_end(row)):
                if per_chunk > self.sample_count - sample:
                    raise self.wrong(
                        "stsc", self.where(self.maps.rows + 12 * row),
                        f"puts more than {self.sample_count} samples into the chunks",
                    )
                length = self.bytes_of(sample, per_chunk)
                if self.claim(self.chunk_offset(chunk), length) < 0:
                    raise self.beyond(
                        f"{self.path}/{self.chunk_kind}",
                        self.where(self.chunks.rows + chunk * self.chunk_width),
                        self.chunk_offset(chunk), length,
                    )
                sample += per_chunk
        if sample != self.sample_count:
            raise self.wrong(
                "stsc", self.where(self.maps.rows) - 8,
                f"puts {sample} of {self.sample_count} samples into the chunks",
            )
        return 0

    cdef int check_maps(self) except -1:
        cdef uint64_t row, first, description, at
        cdef uint64_t before = 0
        for row in range(self.maps.count):
            at = self.where(self.maps.rows + 12 * row)
            first = self.map_first(row)
            description = load_be32(self.data + at + 8)
            if row == 0 and first != 1:
                raise self.wrong("stsc", at, f"begins with chunk {first}")
            if first <= before:
                raise self.wrong("stsc", at, f"goes from chunk {before} to chunk {first}")
            if first > self.chunks.count:
                raise self.wrong("stsc", at, f"speaks of chunk {first} of {self.chunks.count}")
            if self.map_samples(row) == 0:
                raise self.wrong("stsc", at + 4, "puts no sample into a chunk")
            if not 1 <= description <= self.descriptions:
                raise self.wrong(
                    "stsc", at + 8,
                    f"speaks of sample description {description} of {self.descriptions}",
                )
            before = first
        return 0

    cdef int claim(self, uint64_t offset, uint64_t length) noexcept nogil:
        """Note that the track has these bytes; -1 where the file does not."""
        if offset > self.file_bytes or length > self.file_bytes - offset:
            return -1
        if offset < self.data_end:
            self.ascending = False
        if offset + length > self.data_end:
            self.data_end = offset + length
        return 0

    cdef object beyond(self, str path, uint64_t at, uint64_t offset, uint64_t length):
        return MalformedMovie(
            path, at, f"places {length} bytes at {offset}, beyond the file's {self.file_bytes}"
        )

    cdef int read_durations(self) except -1:
        cdef uint64_t row, count, delta, at
        cdef uint64_t total = 0
        self.durations = self.entries("stts", 8, 8)
        for row in range(self.durations.count):
            at = self.where(self.durations.rows + 8 * row)
            count = load_be32(self.data + at)
            delta = load_be32(self.data + at + 4)
            if count == 0:
                continue
            if count > self.sample_count - total:
                raise self.wrong("stts", at, f"times more than {self.sample_count} samples")
            if delta > LONGEST_DURATION:
                raise self.wrong("stts", at + 4, f"gives samples a duration of {delta}")
            total += count
            if delta == 0 and (count > 1 or total < self.sample_count):
                raise self.wrong("stts", at + 4, "gives samples no duration")
            self.last_time = self.duration + (count - 1) * delta
            self.duration += count * delta
        if total != self.sample_count:
            raise self.wrong(
                "stts", self.where(self.durations.rows) - 8,
                f"times {total} of {self.sample_count} samples",
            )
        return 0

    cdef int read_compositions(self) except -1:
        cdef uint64_t at
        if "ctts" not in self.boxes:
            return 0
        self.compositions = self.entries("ctts", 8, 8)
        at = self.where(self.compositions.rows)
        if self.data[at - 8] > 1:
            raise self.wrong("ctts", at - 8, f"has version {self.data[at - 8]}")
        self.check_counts("ctts", self.compositions, True)
        return 0

    cdef int check_counts(self, str kind, Span span, bint exact) except -1:
        """Check that run-length rows of eight bytes, count first, cover the samples."""
        cdef uint64_t row, count
        cdef uint64_t total = 0
        for row in range(span.count):
            count = load_be32(span.rows + 8 * row)
            if count > self.sample_count - total:
                raise self.wrong(
                    kind, self.where(span.rows + 8 * row),
                    f"speaks of more than {self.sample_count} samples",
                )
            total += count
        if exact and total != self.sample_count:
            raise self.wrong(
                kind, self.where(span.rows) - 8,
                f"speaks of {total} of {self.sample_count} samples",
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
            if number > self.sample_count:
                raise self.wrong(
                    kind, self.where(span.rows + 4 * row),
                    f"speaks of sample {number} of {self.sample_count}",
                )
            before = number
        return span

    cdef int read_groups(self) except -1:
        cdef uint64_t start, end
        if "sbgp" not in self.boxes:
            return 0
        start, end = self.box("sbgp")
        self.groups = self.entries("sbgp", 16 if end > start and self.data[start] == 1 else 12, 8)
        self.check_counts("sbgp", self.groups, False)
        return 0

    # ---- fragments

    def add_fragment(self, uint64_t number, uint64_t start, bytes data not None, uint64_t content):
        """Take this track's runs from a `moof`.

        `number` is its ordinal, from 1, `start` its first byte in the file; `data` is the box, with
        its children from `content` on.
        """
        cdef uint64_t at = content
        cdef uint64_t end = len(data)
        cdef uint64_t inner = 0
        cdef uint64_t stop = 0
        cdef uint64_t trafs = 0
        if content > end:
            raise ValueError(f"the content of {end} bytes begins at {content}")
        if self.finished:
            raise ValueError("the table is finished")
        self.parts.append(data)
        self.part = <const uint8_t*>data
        path = f"moof[{number}]"
        while at < end:
            self.child(path, at, end, &inner, &stop)
            if load_be32(self.part + at + 4) == 0x74726166:  # traf
                trafs += 1
                self.add_traf(f"{path}/traf[{trafs}]", start, inner, stop, trafs == 1)
            at = stop

    cdef int child(self, str path, uint64_t at, uint64_t end, uint64_t* inner,
                   uint64_t* stop) except -1:
        """Find content and end of the box that begins at `at`, before `end`."""
        cdef uint64_t room = end - at
        cdef uint64_t length
        cdef uint64_t head = 8
        if room < 8:
            raise MalformedMovie(path, at, f"ends with {room} bytes that are no box")
        length = load_be32(self.part + at)
        if length == 1 and room >= 16:
            length = load_be64(self.part + at + 8)
            head = 16
        if length < head or length > room:
            kind = box_name((<const char*>self.part)[at + 4:at + 8])
            raise MalformedMovie(
                f"{path}/{kind}", at, f"claims {length} bytes where {room} are left"
            )
        inner[0] = at + head
        stop[0] = at + length
        return 0

    cdef int add_traf(self, str path, uint64_t moof, uint64_t start, uint64_t end,
                      bint first) except -1:
        cdef uint64_t at = start
        cdef uint64_t inner = 0
        cdef uint64_t stop = 0
        cdef uint64_t base = moof
        cdef uint64_t time = 0
        cdef bint has_time = False
        cdef bint has_header = False
        cdef uint32_t kind
        cdef Header header
        while at < end:
            self.child(path, at, end, &inner, &stop)
            kind = load_be32(self.part + at + 4)
            if kind == 0x74666864:  # tfhd
                if has_header:
                    raise MalformedMovie(f"{path}/tfhd", at, "stands there twice")
                self.read_header(f"{path}/tfhd", inner, stop, &header)
                has_header = True
            elif kind == 0x74666474:  # tfdt
                if has_time:
                    raise MalformedMovie(f"{path}/tfdt", at, "stands there twice")
                time = self.decode_time(f"{path}/tfdt", inner, stop)
                has_time = True
            at = stop
        if not has_header:
            raise MalformedMovie(path, start, "has no tfhd")
        if header.track_id != self.track_id:
            return 0
        if header.explicit:
            base = header.base
        elif not header.from_moof and not first:
            raise MalformedMovie(f"{path}/tfhd", start, "does not say where its data begin")
        if has_time:
            self.duration = time
        self.add_runs(path, &header, base, start, end)
        return 0

    cdef int add_runs(self, str path, const Header* header, uint64_t base, uint64_t start,
                      uint64_t end) except -1:
        cdef uint64_t at = start
        cdef uint64_t inner = 0
        cdef uint64_t stop = 0
        cdef uint64_t runs = 0
        cdef uint64_t offset = base
        while at < end:
            self.child(path, at, end, &inner, &stop)
            if load_be32(self.part + at + 4) == 0x7472756E:  # trun
                runs += 1
                run_path = f"{path}/trun[{runs}]"
                if header.empty:
                    raise MalformedMovie(
                        run_path, inner, "has samples in a fragment without duration"
                    )
                offset = self.add_run(run_path, header, base, offset, inner, stop)
            at = stop
        if header.empty:
            self.duration += header.duration
            self.check_time(path, start)
        return 0

    cdef int read_header(self, str path, uint64_t start, uint64_t end, Header* header) except -1:
        cdef uint64_t held = end - start
        cdef uint64_t need = 8
        cdef uint32_t flags
        cdef const uint8_t* at
        if held < 8:
            raise MalformedMovie(path, start, f"is cut off after {held} bytes")
        flags = load_be32(self.part + start) & 0xFFFFFF
        header.track_id = load_be32(self.part + start + 4)
        need += 8 * (flags & BASE_DATA_OFFSET != 0) + 4 * (flags & DESCRIPTION_INDEX != 0)
        need += 4 * (flags & DURATION != 0) + 4 * (flags & SIZE != 0) + 4 * (flags & FLAGS != 0)
        if held < need:
            raise MalformedMovie(path, start, f"is cut off after {held} bytes")
        if header.track_id != self.track_id:
            return 0
        if self.defaults is None:
            raise MalformedMovie(
                path, start, f"belongs to track {header.track_id}, which has no trex"
            )
        at = self.part + start + 8
        header.explicit = flags & BASE_DATA_OFFSET != 0
        header.from_moof = flags & DEFAULT_BASE_IS_MOOF != 0
        header.empty = flags & DURATION_IS_EMPTY != 0
        header.base = 0
        if header.explicit:
            header.base = load_be64(at)
            if header.base > self.file_bytes:
                raise MalformedMovie(path, start + 8, f"counts data from byte {header.base}")
            at += 8
        header.description, header.duration, header.size, header.flags = self.defaults
        if flags & DESCRIPTION_INDEX:
            header.description = load_be32(at)
            at += 4
        if flags & DURATION:
            header.duration = load_be32(at)
            at += 4
        if flags & SIZE:
            header.size = load_be32(at)
            at += 4
        if flags & FLAGS:
            header.flags = load_be32(at)
        if not 1 <= header.description <= self.descriptions:
            raise MalformedMovie(
                path, start,
                f"speaks of sample description {header.description} of {self.descriptions}",
            )
        if header.duration > LONGEST_DURATION:
            raise MalformedMovie(path, start, f"gives samples a duration of {header.duration}")
        return 0

    cdef uint64_t decode_time(self, str path, uint64_t start, uint64_t end) except? 0:
        cdef uint64_t held = end - start
        cdef bint wide = held >= 4 and self.part[start] == 1
        cdef uint64_t time
        if held < (12 if wide else 8):
            raise MalformedMovie(path, start, f"is cut off after {held} bytes")
        if not wide:
            return load_be32(self.part + start + 4)
        time = load_be64(self.part + start + 4)
        if time > LATEST_TIME:
            raise MalformedMovie(path, start + 4, f"is {time}")
        return time

    cdef uint64_t add_run(self, str path, const Header* header, uint64_t base, uint64_t offset,
                          uint64_t start, uint64_t end) except? 0:
        """Take a run; gives the byte behind its data."""
        cdef uint64_t held = end - start
        cdef uint64_t head = 8
        cdef const uint8_t* at
        cdef int64_t moved
        cdef Run run
        if held < 8:
            raise MalformedMovie(path, start, f"is cut off after {held} bytes")
        if self.part[start] > 1:
            raise MalformedMovie(path, start, f"has version {self.part[start]}")
        run.fields = load_be32(self.part + start) & 0xFFFFFF
        run.count = load_be32(self.part + start + 4)
        head += 4 * (run.fields & DATA_OFFSET != 0) + 4 * (run.fields & FIRST_FLAGS != 0)
        if held < head:
            raise MalformedMovie(path, start, f"is cut off after {held} bytes")
        if <uint64_t>run.count * row_bytes(run.fields) > held - head:
            raise MalformedMovie(
                path, start + 4, f"claims {run.count} samples in {held - head} bytes"
            )
        at = self.part + start + 8
        if run.fields & DATA_OFFSET:
            moved = <int64_t>base + <int32_t>load_be32(at)
            if moved < 0:
                raise MalformedMovie(path, start + 8, f"places data at {moved}")
            offset = moved
            at += 4
        if run.count == 0:
            return offset
        run.first_flags = load_be32(at) if run.fields & FIRST_FLAGS else 0
        run.rows = self.part + start + head
        run.offset = offset
        run.time = self.duration
        run.duration = header.duration
        run.size = header.size
        run.flags = header.flags
        run.description = header.description
        self.check_run(path, start, &run)
        self.keep_run(&run)
        return offset + run.length

    cdef int check_run(self, str path, uint64_t start, Run* run) except -1:
        cdef Sample sample
        cdef uint64_t number, size
        cdef const uint8_t* row = run.rows
        cdef uint32_t width = row_bytes(run.fields)
        if self.sample_count and self.duration <= self.last_time:
            raise MalformedMovie(
                path, start, f"goes from decode time {self.last_time} to {self.duration}"
            )
        run.length = 0
        if width == 0:
            if run.size == 0:
                raise MalformedMovie(path, start, "gives sample 0 no bytes")
            if run.duration == 0 and run.count > 1:
                raise MalformedMovie(path, start, "gives sample 0 no duration")
            self.last_time = self.duration + <uint64_t>(run.count - 1) * run.duration
            self.duration += <uint64_t>run.count * run.duration
            run.length = <uint64_t>run.count * run.size
        else:
            for number in range(run.count):
                row = run_row(run, number, row, &sample)
                size = sample.size
                if (
                    size == 0 or sample.duration > LONGEST_DURATION
                    or (sample.duration == 0 and number < <uint64_t>run.count - 1)
                ):
                    raise self.bad_row(
                        path, row - self.part - width, number, size, sample.duration
                    )
                run.length += size
                self.last_time = self.duration
                self.duration += sample.duration
        self.check_time(path, start)
        if self.claim(run.offset, run.length) < 0:
            raise self.beyond(path, start, run.offset, run.length)
        return 0

    cdef object bad_row(self, str path, uint64_t at, uint64_t number, uint64_t size,
                        uint64_t duration):
        if size == 0:
            return MalformedMovie(path, at, f"gives sample {number} no bytes")
        if duration:
            return MalformedMovie(path, at, f"gives samples a duration of {duration}")
        return MalformedMovie(path, at, f"gives sample {number} no duration")

    cdef int check_time(self, str path, uint64_t at) except -1:
        if self.duration > LATEST_TIME:
            raise MalformedMovie(path, at, f"leads to decode time {self.duration}")
        return 0

    cdef int keep_run(self, const Run* run) except -1:
        cdef uint64_t room
        cdef Run* runs
        if self.run_count == self.run_room:
            room = 2 * self.run_room if self.run_room else 16
            runs = <Run*>realloc(self.runs, room * sizeof(Run))
            if runs is NULL:
                raise MemoryError
            self.runs = runs
            self.run_room = room
        self.runs[self.run_count] = run[0]
        self.run_count += 1
        self.sample_count += run.count
        return 0

    # ---- reading

    def finish(self):
        """Check that no two chunks or runs share a byte. Call it before `next_run`."""
        cdef Claim* claims
        cdef uint64_t count = self.chunks.count + self.run_count
        cdef uint64_t number = 1
        if not self.ascending:
            claims = <Claim*>malloc(count * sizeof(Claim))
            if claims is NULL:
                raise MemoryError
            try:
                with nogil:
                    self.collect(claims)
                    qsort(claims, count, sizeof(Claim), by_offset)
                    while number < count and claims[number].offset >= claims[number - 1].end:
                        number += 1
                if number < count:
                    first, second = sorted((claims[number - 1].number, claims[number].number))
                    raise MalformedMovie(
                        self.path, self.boxes["stbl"][0],
                        f"lets chunks {first} and {second} share bytes from "
                        f"{claims[number].offset}",
                    )
            finally:
                free(claims)
        self.finished = True

    cdef void collect(self, Claim* claims) noexcept nogil:
        """List every chunk and run; there is room for all of them."""
        cdef uint64_t row, chunk
        cdef uint64_t sample = 0
        cdef uint64_t number = 0
        for row in range(self.maps.count):
            for chunk in range(self.map_first(row) - 1, self.map_end(row)):
                claims[number].number = chunk
                claims[number].offset = self.chunk_offset(chunk)
                claims[number].end = (
                    claims[number].offset + self.bytes_of(sample, self.map_samples(row))
                )
                sample += self.map_samples(row)
                number += 1
        for row in range(self.run_count):
            claims[number].number = self.chunks.count + row
            claims[number].offset = self.runs[row].offset
            claims[number].end = self.runs[row].offset + self.runs[row].length
            number += 1

    def rewind(self):
        """Let `next_run` begin again with the first sample."""
        self.at.durations = folded(self.durations)
        self.at.compositions = folded(self.compositions)
        self.at.groups = folded(self.groups)
        self.at.sync = numbers(self.sync)
        self.at.partial = numbers(self.partial)
        self.at.sample = self.at.chunk = self.at.map = self.at.in_chunk = 0
        self.at.run = self.at.in_run = 0
        self.at.offset = self.at.time = 0
        self.at.row = NULL
        self.has_pending = False
        self.begun = False

    def next_run(self, uint64_t limit_bytes, uint64_t limit_samples):
        """Give the next samples that lie one behind the other; None after the last one.

        A run holds one sample at least, and no more than the limits otherwise allow.
        """
        cdef list sizes = []
        cdef list times = []
        cdef list compositions = []
        cdef list durations = []
        cdef list access = []
        cdef uint64_t offset, end
        cdef uint64_t count = 0
        cdef uint32_t description
        if not self.finished:
            raise ValueError("the table is not finished")
        if not self.begun:
            self.begun = True
            self.has_pending = self.next_sample(&self.pending)
        if not self.has_pending:
            return None
        offset = end = self.pending.offset
        description = self.pending.description
        while True:
            sizes.append(self.pending.size)
            times.append(self.pending.time)
            compositions.append(self.pending.composition)
            durations.append(self.pending.duration)
            access.append(self.pending.access)
            end += self.pending.size
            count += 1
            self.has_pending = self.next_sample(&self.pending)
            if (
                not self.has_pending
                or self.pending.offset != end
                or self.pending.description != description
                or count >= limit_samples
                or end + self.pending.size - offset > limit_bytes
            ):
                break
        return SampleRun(
            offset, end - offset, description, sizes, times, compositions, durations, access
        )

    def next_rows(self, uint64_t limit):
        """Give up to `limit` samples as rows, wherever they lie; nothing behind the last one."""
        cdef bytes rows
        cdef SampleRow* row
        cdef uint64_t count = 0
        if not self.finished:
            raise ValueError("the table is not finished")
        if limit > self.sample_count:
            limit = self.sample_count
        if limit == 0:
            return b""
        rows = PyBytes_FromStringAndSize(NULL, limit * sizeof(SampleRow))
        row = <SampleRow*>PyBytes_AS_STRING(rows)
        with nogil:
            if not self.begun:
                self.begun = True
                self.has_pending = self.next_sample(&self.pending)
            while self.has_pending and count < limit:
                row.offset = self.pending.offset
                row.decode_time = self.pending.time
                row.composition_offset = self.pending.composition
                row.size = <uint32_t>self.pending.size
                row.duration = <uint32_t>self.pending.duration
                row.access = self.pending.access
                row.description = self.pending.description
                row += 1
                count += 1
                self.has_pending = self.next_sample(&self.pending)
        return rows if count == limit else rows[:count * sizeof(SampleRow)]

    cdef bint next_sample(self, Sample* out) noexcept nogil:
        """Give the sample at the cursor and move on; False behind the last one."""
        if self.at.sample < self.table_samples:
            self.table_sample(out)
            return True
        if self.at.run < self.run_count:
            self.run_sample(out)
            return True
        return False

    cdef void table_sample(self, Sample* out) noexcept nogil:
        cdef Cursor* at = &self.at
        if at.in_chunk == self.map_samples(at.map):
            at.in_chunk = 0
            at.chunk += 1
            if at.chunk == self.map_end(at.map):
                at.map += 1
        if at.in_chunk == 0:
            at.offset = self.chunk_offset(at.chunk)
        out.offset = at.offset
        out.size = self.size_of(at.sample)
        out.time = at.time
        out.composition = <int32_t>unfold(&at.compositions)
        out.duration = unfold(&at.durations)
        out.access = OPEN_RANDOM_ACCESS if unfold(&at.groups) else 0
        at.sample += 1
        if names(&at.partial, at.sample):
            out.access = OPEN_RANDOM_ACCESS
        if names(&at.sync, at.sample) or not self.has_sync:
            out.access = SYNC
        out.description = load_be32(self.maps.rows + 12 * at.map + 8)
        at.in_chunk += 1
        at.offset += out.size
        at.time += out.duration

    cdef void run_sample(self, Sample* out) noexcept nogil:
        cdef Cursor* at = &self.at
        cdef const Run* run = &self.runs[at.run]
        if at.in_run == 0:
            at.offset = run.offset
            at.time = run.time
            at.row = run.rows
        at.row = run_row(run, at.in_run, at.row, out)
        out.offset = at.offset
        out.time = at.time
        out.description = run.description
        at.offset += out.size
        at.time += out.duration
        at.in_run += 1
        if at.in_run == run.count:
            at.in_run = 0
            at.run += 1


cdef const uint8_t* run_row(const Run* run, uint64_t number, const uint8_t* row,
                            Sample* out) noexcept nogil:
    """Read size, duration, access and composition offset of a run's sample; gives the next row."""
    cdef uint32_t flags = run.flags
    out.duration = run.duration
    out.size = run.size
    out.composition = 0
    if run.fields & RUN_DURATION:
        out.duration = load_be32(row)
        row += 4
    if run.fields & RUN_SIZE:
        out.size = load_be32(row)
        row += 4
    if run.fields & RUN_FLAGS:
        flags = load_be32(row)
        row += 4
    if run.fields & RUN_COMPOSITION:
        out.composition = <int32_t>load_be32(row)
        row += 4
    if number == 0 and run.fields & FIRST_FLAGS:
        flags = run.first_flags
    out.access = 0 if flags & NOT_SYNC else SYNC
    return row
