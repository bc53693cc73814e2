# cython: boundscheck=False, wraparound=False, cdivision=True
"""The track index, compiled: its writer. `native/reference/builder.py` defines what it does."""

import zlib

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from native._bytes cimport store_le32, store_le64
from native._index_layout cimport (
    ANCHOR_BYTES,
    BLOCK_BYTES,
    FIXED_HEADER,
    INDEX_MAGIC,
    LARGEST_TIME,
    LARGEST_U32,
    ROW_BYTES,
    SYNC,
    flags_are_wrong,
    flags_problem,
    row_composition_offset,
    row_duration,
    row_flags,
    row_size,
)


@cython.final
cdef class IndexBuilder:
    """Write an index as samples arrive.

    Memory does not grow with the track when `take` is called now and then. `timescale` is in ticks
    per second, `description` opaque, `base_time` the decode time of the first sample in ticks.
    Raises `OverflowError` for numbers the format cannot hold and `ValueError` for those that
    contradict it.
    """

    def __cinit__(self, *, long long timescale, bytes description not None, long long base_time=0):
        cdef uint64_t length = (FIXED_HEADER + len(description) + 15) // 16 * 16
        if timescale < 1 or <uint64_t>timescale > LARGEST_U32:
            raise OverflowError(f"timescale {timescale} does not fit 1 to {LARGEST_U32}")
        if base_time < 0:
            raise OverflowError(f"base time {base_time} does not fit 0 to {LARGEST_TIME}")
        if length > LARGEST_U32:
            raise OverflowError(f"a description of {len(description)} bytes does not fit")
        self.header_length = <uint32_t>length
        self.sample_count = 0
        self.data_length = 0
        self.duration = 0
        self.timescale = <uint32_t>timescale
        self.description = description
        self.base_time = base_time
        self.body_crc = 0
        self.ready = []
        self.filled = 0
        self.finished = False

    def add(self, long long size, long long duration, long long composition_offset,
            long long flags):
        """Append a sample of `size` bytes that lasts `duration` ticks.

        `flags`: bit 0 sync, bit 1 a picture of open random access.
        """
        self.append(size, duration, composition_offset, flags)

    def extend(self, rows):
        """Append samples, given as rows of the index (`native/reference/layout.py`)."""
        cdef Py_buffer view
        cdef const uint8_t* row
        cdef Py_ssize_t _each
        PyObject_GetBuffer(rows, &view, PyBUF_SIMPLE)
        try:
            if view.len % ROW_BYTES:
                raise ValueError(f"{view.len} bytes are no rows of {ROW_BYTES}")
            row = <const uint8_t*>view.buf
            for _each in range(view.len // ROW_BYTES):
                self.append(
                    row_size(row), row_duration(row), row_composition_offset(row), row_flags(row)
                )
                row += ROW_BYTES
        finally:
            PyBuffer_Release(&view)

    cdef int append(self, long long size, long long duration, long long composition_offset,
                    long long flags) except -1:
        cdef uint8_t* at
        if self.finished:
            raise ValueError("the index is finished")
        self.check(size, duration, composition_offset, flags)
        # A block is closed as soon as it is full; again here in case memory ran out at that moment.
        # So an anchor and a row always fit.
        if self.filled == BLOCK_BYTES:
            self.close_block()
        if self.filled == 0:
            store_le64(self.block, self.data_length)
            store_le64(self.block + 8, self.base_time + self.duration)
            self.filled = ANCHOR_BYTES
        at = self.block + self.filled
        store_le32(at, <uint32_t>size)
        store_le32(at + 4, <uint32_t>duration)
        store_le32(at + 8, <uint32_t>composition_offset)
        store_le32(at + 12, <uint32_t>flags)
        self.filled += ROW_BYTES
        self.sample_count += 1
        self.data_length += size
        self.duration += duration
        if self.filled == BLOCK_BYTES:
            self.close_block()
        return 0

    def take(self):
        """Give the blocks completed since the last call, to append after `header_length` bytes."""
        ready = b"".join(self.ready)
        self.ready.clear()
        return ready

    def finish(self, *, long long priming=0):
        """Give the rest of the body and the header, which goes to the start of the file.

        `priming` is the media time of the track's one edit in ticks: what comes before it is
        decoded, not presented.
        """
        if self.finished:
            raise ValueError("the index is finished")
        if self.sample_count == 0 or self.duration == 0:
            raise ValueError(f"{self.sample_count} samples last {self.duration} ticks")
        if priming < 0 or <uint64_t>priming >= self.base_time + self.duration:
            raise ValueError(f"priming {priming} leaves nothing to present")
        self.finished = True
        self.close_block()
        return self.take(), self.header(priming)

    cdef int check(self, long long size, long long duration, long long composition_offset,
                   long long flags) except -1:
        cdef uint64_t time = self.base_time + self.duration
        if size < 0 or <uint64_t>size > LARGEST_U32:
            raise OverflowError(f"sample size {size} does not fit 32 bits")
        if duration < 0 or <uint64_t>duration > LARGEST_U32:
            raise OverflowError(f"sample duration {duration} does not fit 32 bits")
        if composition_offset != <int32_t>composition_offset:
            raise OverflowError(f"composition offset {composition_offset} does not fit 32 bits")
        if flags < 0 or <uint64_t>flags > LARGEST_U32:
            raise OverflowError(f"sample flags {flags} do not fit 32 bits")
        if size == 0:
            raise ValueError(f"sample {self.sample_count} is empty")
        if flags_are_wrong(flags):
            raise ValueError(f"flags of sample {self.sample_count}: {flags_problem(flags)}")
        if self.sample_count == 0 and not flags & SYNC:
            raise ValueError("the first sample is not a sync sample")
        if <int64_t>time + composition_offset < 0:
            presented = <int64_t>time + composition_offset
            raise ValueError(f"sample {self.sample_count} is presented at {presented}")
        if time + duration > LARGEST_TIME:
            raise OverflowError(f"the track ends at {time + duration}, beyond {LARGEST_TIME}")
        if self.data_length + size > LARGEST_TIME:
            raise OverflowError(f"the track's bytes exceed {LARGEST_TIME}")
        return 0

    cdef int close_block(self) except -1:
        block = PyBytes_FromStringAndSize(<char*>self.block, self.filled)
        self.body_crc = zlib.crc32(block, self.body_crc)
        self.ready.append(block)
        self.filled = 0
        return 0

    cdef bytes header(self, uint64_t priming):
        cdef bytearray header = bytearray(self.header_length)
        cdef uint8_t[FIXED_HEADER] fixed
        memcpy(fixed, INDEX_MAGIC, 8)
        store_le32(fixed + 8, 0)
        store_le32(fixed + 12, self.header_length)
        store_le32(fixed + 16, self.body_crc)
        store_le32(fixed + 20, self.timescale)
        store_le64(fixed + 24, self.sample_count)
        store_le64(fixed + 32, self.data_length)
        store_le64(fixed + 40, self.duration)
        store_le64(fixed + 48, self.base_time)
        store_le64(fixed + 56, priming)
        store_le32(fixed + 64, <uint32_t>len(self.description))
        store_le32(fixed + 68, 0)
        header[:FIXED_HEADER] = (<char*>fixed)[:FIXED_HEADER]
        header[FIXED_HEADER:FIXED_HEADER + len(self.description)] = self.description
        header[8:12] = zlib.crc32(header).to_bytes(4, "little")
        return bytes(header)
