# cython: boundscheck=False, wraparound=False, cdivision=True
"""The fragments of one track, compiled.

`native/reference/track_fragments.py` defines what this does. Memory is walked through raw pointers,
all of them into the bytes of a `moof`: `child` proves that a box lies within the one around it, and
`add_run` that the rows of a run lie within its box.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc

from native._bytes cimport load_be32, load_be64
from native._sample cimport LATEST_TIME, LONGEST_DURATION, Sample, beyond, claim
from native._track_fragments cimport FIRST_FLAGS, Header, Run, row_bytes, run_bytes, run_row

from native.errors import MalformedMovie, box_name

cdef enum:
    TRAF = 0x74726166  # the letters of the boxes
    TFHD = 0x74666864
    TFDT = 0x74666474
    TRUN = 0x7472756E
    BASE_DATA_OFFSET = 0x01
    DESCRIPTION_INDEX = 0x02
    DURATION = 0x08
    SIZE = 0x10
    FLAGS = 0x20
    DURATION_IS_EMPTY = 0x010000
    DEFAULT_BASE_IS_MOOF = 0x020000
    DATA_OFFSET = 0x001


cdef class TrackFragments:
    """The runs of one track; the arguments are those of `SampleTable`, `sizes` its `default_sizes`.

    `reached` is to be set to where the tables end before a fragment is added.
    """

    def __cinit__(self, uint64_t descriptions, uint32_t track_id, defaults, dict sizes not None):
        self.runs = NULL
        self.parts = []
        self.descriptions = descriptions
        self.track_id = track_id
        self.defaults = defaults
        self.sizes = sizes

    def __dealloc__(self):
        free(self.runs)

    cdef int add(self, uint64_t number, uint64_t start, bytes data, uint64_t content) except -1:
        """Take this track's runs from a `moof`; see `SampleTable.add_fragment`."""
        cdef uint64_t at = content
        cdef uint64_t end = len(data)
        cdef uint64_t inner = 0
        cdef uint64_t stop = 0
        cdef uint64_t trafs = 0
        if content > end:
            raise ValueError(f"the content of {end} bytes begins at {content}")
        self.parts.append(data)
        self.part = <const uint8_t*>data
        self.measured = 0
        self.measured_at = content
        self.measured_end = start
        path = f"moof[{number}]"
        while at < end:
            self.child(path, at, end, &inner, &stop)
            if load_be32(self.part + at + 4) == TRAF:
                trafs += 1
                self.add_traf(path, trafs, start, inner, stop)
            at = stop
        return 0

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

    cdef int add_traf(self, str moof_path, uint64_t ordinal, uint64_t moof, uint64_t start,
                      uint64_t end) except -1:
        cdef uint64_t at = start
        cdef uint64_t inner = 0
        cdef uint64_t stop = 0
        cdef uint64_t base = moof
        cdef uint64_t time = 0
        cdef bint has_time = False
        cdef bint has_header = False
        cdef uint32_t kind
        cdef Header header
        path = f"{moof_path}/traf[{ordinal}]"
        while at < end:
            self.child(path, at, end, &inner, &stop)
            kind = load_be32(self.part + at + 4)
            if kind == TFHD:
                if has_header:
                    raise MalformedMovie(f"{path}/tfhd", at, "stands there twice")
                self.read_header(f"{path}/tfhd", inner, stop, &header)
                has_header = True
            elif kind == TFDT:
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
        elif not header.from_moof and ordinal > 1:
            base = self.data_before(moof_path, ordinal, moof, start)
        if has_time:
            self.reached.duration = time
        self.add_runs(path, &header, base, start, end)
        return 0

    cdef uint64_t data_before(self, str path, uint64_t ordinal, uint64_t moof,
                              uint64_t end) except? 0:
        """Give the byte behind the data of the trafs before one, whose boxes have been walked.

        Each is measured once, however many ask.
        """
        cdef uint64_t inner = 0
        cdef uint64_t stop = 0
        while self.measured < ordinal - 1:
            self.child(path, self.measured_at, end, &inner, &stop)
            if load_be32(self.part + self.measured_at + 4) == TRAF:
                self.measured += 1
                self.measured_end = self.data_end(
                    f"{path}/traf[{self.measured}]", moof, self.measured_end, inner, stop
                )
            self.measured_at = stop
        return self.measured_end

    cdef uint64_t data_end(self, str path, uint64_t moof, uint64_t base, uint64_t start,
                           uint64_t end) except? 0:
        """Give the byte behind the data of any track's traf; its tfhd has been measured.

        Data without a base begin where those of the traf before end (§8.8.7.1).
        """
        cdef uint64_t at = start
        cdef uint64_t inner = 0
        cdef uint64_t stop = 0
        cdef uint64_t runs = 0
        cdef uint64_t offset
        cdef uint64_t length
        cdef uint32_t size = 0
        cdef Run run
        while at < end:
            self.child(path, at, end, &inner, &stop)
            if load_be32(self.part + at + 4) == TFHD:
                size = self.default_size(f"{path}/tfhd", inner)
                base = self.any_base(moof, base, inner)
            at = stop
        at = start
        offset = base
        while at < end:
            self.child(path, at, end, &inner, &stop)
            if load_be32(self.part + at + 4) == TRUN:
                runs += 1
                run.size = size
                self.read_run(f"{path}/trun[{runs}]", base, offset, inner, stop, &run)
                length = run_bytes(&run)
                if (
                    run.offset > self.reached.file_bytes
                    or length > self.reached.file_bytes - run.offset
                ):
                    raise MalformedMovie(
                        f"{path}/trun[{runs}]", inner, beyond(&self.reached, run.offset, length)
                    )
                offset = run.offset + length
            at = stop
        return offset

    cdef uint64_t any_base(self, uint64_t moof, uint64_t before, uint64_t start) noexcept:
        cdef uint32_t flags = load_be32(self.part + start)
        if flags & BASE_DATA_OFFSET:
            return load_be64(self.part + start + 8)
        return moof if flags & DEFAULT_BASE_IS_MOOF else before

    cdef uint32_t default_size(self, str path, uint64_t start) except? 0:
        cdef uint32_t flags = load_be32(self.part + start)
        cdef uint64_t at = start + 8
        if flags & SIZE:
            at += 8 * (flags & BASE_DATA_OFFSET != 0) + 4 * (flags & DESCRIPTION_INDEX != 0)
            at += 4 * (flags & DURATION != 0)
            return load_be32(self.part + at)
        number = load_be32(self.part + start + 4)
        if number not in self.sizes:
            raise MalformedMovie(path, start, f"belongs to track {number}, which has no trex")
        return self.sizes[number]

    cdef int add_runs(self, str path, const Header* header, uint64_t base, uint64_t start,
                      uint64_t end) except -1:
        cdef uint64_t at = start
        cdef uint64_t inner = 0
        cdef uint64_t stop = 0
        cdef uint64_t runs = 0
        cdef uint64_t offset = base
        while at < end:
            self.child(path, at, end, &inner, &stop)
            if load_be32(self.part + at + 4) == TRUN:
                runs += 1
                run_path = f"{path}/trun[{runs}]"
                if header.empty:
                    raise MalformedMovie(
                        run_path, inner, "has samples in a fragment without duration"
                    )
                offset = self.add_run(run_path, header, base, offset, inner, stop)
            at = stop
        if header.empty:
            self.reached.duration += header.duration
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
            if header.base > self.reached.file_bytes:
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
        cdef Run run
        self.read_run(path, base, offset, start, end, &run)
        if run.count == 0:
            return run.offset
        run.time = self.reached.duration
        run.duration = header.duration
        run.size = header.size
        run.flags = header.flags
        run.description = header.description
        self.check_run(path, start, &run)
        self.keep_run(&run)
        return run.offset + run.length

    cdef int read_run(self, str path, uint64_t base, uint64_t offset, uint64_t start, uint64_t end,
                      Run* run) except -1:
        """Find fields, rows and offset of a run; its rows are within the box."""
        cdef uint64_t held = end - start
        cdef uint64_t head = 8
        cdef const uint8_t* at
        cdef int64_t moved
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
        run.offset = offset
        at = self.part + start + 8
        if run.fields & DATA_OFFSET:
            moved = <int64_t>base + <int32_t>load_be32(at)
            if moved < 0:
                raise MalformedMovie(path, start + 8, f"places data at {moved}")
            run.offset = moved
            at += 4
        run.first_flags = load_be32(at) if run.fields & FIRST_FLAGS else 0
        run.rows = self.part + start + head
        return 0

    cdef int check_run(self, str path, uint64_t start, Run* run) except -1:
        cdef Sample sample
        cdef uint64_t number, size
        cdef const uint8_t* row = run.rows
        cdef uint32_t width = row_bytes(run.fields)
        if self.reached.samples and self.reached.duration <= self.reached.last_time:
            before, time = self.reached.last_time, self.reached.duration
            raise MalformedMovie(path, start, f"goes from decode time {before} to {time}")
        run.length = 0
        if width == 0:
            if run.size == 0:
                raise MalformedMovie(path, start, "gives sample 0 no bytes")
            if run.duration == 0 and run.count > 1:
                raise MalformedMovie(path, start, "gives sample 0 no duration")
            self.reached.last_time = (
                self.reached.duration + <uint64_t>(run.count - 1) * run.duration
            )
            self.reached.duration += <uint64_t>run.count * run.duration
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
                self.reached.last_time = self.reached.duration
                self.reached.duration += sample.duration
        self.check_time(path, start)
        if claim(&self.reached, run.offset, run.length) < 0:
            raise MalformedMovie(path, start, beyond(&self.reached, run.offset, run.length))
        return 0

    cdef object bad_row(self, str path, uint64_t at, uint64_t number, uint64_t size,
                        uint64_t duration):
        if size == 0:
            return MalformedMovie(path, at, f"gives sample {number} no bytes")
        if duration:
            return MalformedMovie(path, at, f"gives samples a duration of {duration}")
        return MalformedMovie(path, at, f"gives sample {number} no duration")

    cdef int check_time(self, str path, uint64_t at) except -1:
        if self.reached.duration > LATEST_TIME:
            raise MalformedMovie(path, at, f"leads to decode time {self.reached.duration}")
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
        self.reached.samples += run.count
        return 0
