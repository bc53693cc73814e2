"""The runs of a track's fragments and a place in them; rows are read where they lie.

Nothing here checks bounds: `TrackFragments` has, before it keeps a run.
"""

cimport cython
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from native._bytes cimport load_be32
from native._sample cimport SYNC, Reached, Sample

cdef enum:
    FIRST_FLAGS = 0x004
    RUN_DURATION = 0x100
    RUN_SIZE = 0x200
    RUN_FLAGS = 0x400
    RUN_COMPOSITION = 0x800
    NOT_SYNC = 0x01010000  # is non-sync, or depends on others


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


cdef struct RunPlace:
    uint64_t run
    uint64_t in_run
    const uint8_t* row    # of the run
    uint64_t offset
    uint64_t time


cdef inline uint32_t row_bytes(uint32_t fields) noexcept nogil:
    return 4 * ((fields & RUN_DURATION != 0) + (fields & RUN_SIZE != 0)
                + (fields & RUN_FLAGS != 0) + (fields & RUN_COMPOSITION != 0))


cdef inline const uint8_t* run_row(const Run* run, uint64_t number, const uint8_t* row,
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


cdef inline uint64_t run_bytes(const Run* run) noexcept nogil:
    """Add up the sizes of a run's samples, which 64 bits hold."""
    cdef const uint8_t* row = run.rows + (4 if run.fields & RUN_DURATION else 0)
    cdef uint64_t length = 0
    cdef uint64_t _number
    if not run.fields & RUN_SIZE:
        return <uint64_t>run.count * run.size
    for _number in range(run.count):
        length += load_be32(row)
        row += row_bytes(run.fields)
    return length


cdef inline void run_sample(const Run* runs, RunPlace* at, Sample* out) noexcept nogil:
    """Give the sample at a place, which is not behind the last one, and move on."""
    cdef const Run* run = &runs[at.run]
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


@cython.final
cdef class TrackFragments:
    cdef uint64_t descriptions
    cdef uint32_t track_id
    cdef object defaults
    cdef dict sizes            # of samples by trex, of all tracks
    cdef list parts            # kept for the rows that runs point to
    cdef const uint8_t* part   # the one being read
    cdef uint64_t measured     # trafs of it whose data were measured,
    cdef uint64_t measured_at  # the byte behind them,
    cdef uint64_t measured_end  # and that behind their data
    cdef Run* runs             # owned; of run_room, run_count are in use
    cdef uint64_t run_count
    cdef uint64_t run_room
    cdef Reached reached

    cdef int add(self, uint64_t number, uint64_t start, bytes data, uint64_t content) except -1
    cdef int child(self, str path, uint64_t at, uint64_t end, uint64_t* inner,
                   uint64_t* stop) except -1
    cdef int add_traf(self, str moof_path, uint64_t ordinal, uint64_t moof, uint64_t start,
                      uint64_t end) except -1
    cdef uint64_t data_before(self, str path, uint64_t ordinal, uint64_t moof,
                              uint64_t end) except? 0
    cdef uint64_t data_end(self, str path, uint64_t moof, uint64_t base, uint64_t start,
                           uint64_t end) except? 0
    cdef uint64_t any_base(self, uint64_t moof, uint64_t before, uint64_t start) noexcept
    cdef uint32_t default_size(self, str path, uint64_t start) except? 0
    cdef int add_runs(self, str path, const Header* header, uint64_t base, uint64_t start,
                      uint64_t end) except -1
    cdef int read_header(self, str path, uint64_t start, uint64_t end, Header* header) except -1
    cdef uint64_t decode_time(self, str path, uint64_t start, uint64_t end) except? 0
    cdef uint64_t add_run(self, str path, const Header* header, uint64_t base, uint64_t offset,
                          uint64_t start, uint64_t end) except? 0
    cdef int read_run(self, str path, uint64_t base, uint64_t offset, uint64_t start, uint64_t end,
                      Run* run) except -1
    cdef int check_run(self, str path, uint64_t start, Run* run) except -1
    cdef object bad_row(self, str path, uint64_t at, uint64_t number, uint64_t size,
                        uint64_t duration)
    cdef int check_time(self, str path, uint64_t at) except -1
    cdef int keep_run(self, const Run* run) except -1
