# cython: boundscheck=False, wraparound=False, cdivision=True
"""The samples of one track of an MP4 file, compiled.

`native/reference/samples.py` defines what this does. Nothing is kept per sample: the tables
(`_sample_tables`) and the rows of fragments (`_track_fragments`) are walked where they lie.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort

from native._bytes cimport load_be32
from native._rows cimport SampleRow
from native._sample cimport Sample
from native._sample_tables cimport (
    SampleTables,
    TablePlace,
    Tables,
    bytes_of,
    chunk_offset,
    first_place,
    map_end,
    map_first,
    map_samples,
    table_sample,
)
from native._track_fragments cimport Run, RunPlace, TrackFragments, run_sample

from native.errors import MalformedMovie
from native.values import SampleRun


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


cdef void collect(
    const Tables* tables, const Run* runs, uint64_t run_count, Claim* claims
) noexcept nogil:
    """List every chunk and run; there is room for all of them."""
    cdef uint64_t row, chunk
    cdef uint64_t sample = 0
    cdef uint64_t number = 0
    for row in range(tables.maps.count):
        for chunk in range(map_first(tables, row) - 1, map_end(tables, row)):
            claims[number].number = chunk
            claims[number].offset = chunk_offset(tables, chunk)
            claims[number].end = (
                claims[number].offset + bytes_of(tables, sample, map_samples(tables, row))
            )
            sample += map_samples(tables, row)
            number += 1
    for row in range(run_count):
        claims[number].number = tables.chunks.count + row
        claims[number].offset = runs[row].offset
        claims[number].end = runs[row].offset + runs[row].length
        number += 1


@cython.final
cdef class SampleTable:
    """The samples of one track.

    `boxes` gives the content of each table by its box's letters, as first and last byte of `data`,
    a part of a file of `file_bytes`; `stbl` is the box around them, and `sbgp` the random access
    points' (`rap `). `path` names that box in messages. `descriptions` counts the track's sample
    entries. With fragments, `track_id` and `defaults` (of `trex`) say what belongs to the track,
    and `add_fragment` is called for each `moof`; `default_sizes` has the sizes from every track's
    `trex`, by its number, for fragments whose data begin behind those of other tracks. After the
    last call `finish`, then read with `next_run` or `next_rows`.

    Raises `MalformedMovie` for the first contradiction found.
    """

    cdef SampleTables stbl
    cdef TrackFragments fragments
    cdef bint finished
    cdef TablePlace in_tables
    cdef RunPlace in_runs
    cdef Sample pending
    cdef bint has_pending
    cdef bint begun

    def __cinit__(self, data, boxes, *, uint64_t file_bytes, str path not None,
                  uint64_t descriptions, uint32_t track_id=0, defaults=None,
                  default_sizes=None):
        self.stbl = SampleTables(data, dict(boxes), file_bytes, path, descriptions)
        self.fragments = TrackFragments(
            descriptions, track_id, defaults, dict(default_sizes or ())
        )
        self.fragments.reached = self.stbl.reached
        self.rewind()

    @property
    def sample_count(self):
        """The samples that were found so far."""
        return self.fragments.reached.samples

    @property
    def duration(self):
        """The decode time behind the last of them."""
        return self.fragments.reached.duration

    def add_fragment(self, uint64_t number, uint64_t start, bytes data not None, uint64_t content):
        """Take this track's runs from a `moof`.

        `number` is its ordinal, from 1, `start` its first byte in the file; `data` is the box, with
        its children from `content` on.
        """
        if content > <uint64_t>len(data):
            raise ValueError(f"the content of {len(data)} bytes begins at {content}")
        if self.finished:
            raise ValueError("the table is finished")
        self.fragments.add(number, start, data, content)

    def finish(self):
        """Check that no two chunks or runs share a byte. Call it before `next_run`."""
        cdef uint64_t count = self.stbl.tables.chunks.count + self.fragments.run_count
        cdef Claim* claims
        if not self.fragments.reached.ascending:
            claims = <Claim*>malloc(count * sizeof(Claim))
            if claims is NULL:
                raise MemoryError
            try:
                self.check_apart(claims, count)
            finally:
                free(claims)
        self.finished = True

    cdef int check_apart(self, Claim* claims, uint64_t count) except -1:
        cdef uint64_t number = 1
        with nogil:
            collect(&self.stbl.tables, self.fragments.runs, self.fragments.run_count, claims)
            qsort(claims, count, sizeof(Claim), by_offset)
            while number < count and claims[number].offset >= claims[number - 1].end:
                number += 1
        if number < count:
            first, second = sorted((claims[number - 1].number, claims[number].number))
            raise MalformedMovie(
                self.stbl.path, self.stbl.boxes["stbl"][0],
                f"lets chunks {first} and {second} share bytes from {claims[number].offset}",
            )
        return 0

    def used_descriptions(self):
        """Give the numbers of the sample entries that samples name, rising."""
        cdef set used = set()
        cdef uint64_t row
        cdef uint32_t number
        cdef uint32_t before = 0
        for row in range(self.stbl.tables.maps.count):
            number = load_be32(self.stbl.tables.maps.rows + 12 * row + 8)
            if number != before:
                used.add(number)
            before = number
        for row in range(self.fragments.run_count):
            number = self.fragments.runs[row].description
            if number != before:
                used.add(number)
            before = number
        return sorted(used)

    def rewind(self):
        """Let `next_run` begin again with the first sample."""
        self.in_tables = first_place(&self.stbl.tables)
        self.in_runs.run = self.in_runs.in_run = 0
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
        """Give the next sample; False behind the last one."""
        if self.in_tables.sample < self.stbl.tables.samples:
            table_sample(&self.stbl.tables, &self.in_tables, out)
            return True
        if self.in_runs.run < self.fragments.run_count:
            run_sample(self.fragments.runs, &self.in_runs, out)
            return True
        return False
