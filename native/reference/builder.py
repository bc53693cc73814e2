"""The index writer: eats samples in decode order and gives the index's bytes while it goes."""

import zlib
from typing import TYPE_CHECKING

from native.reference.layout import (
    ANCHOR,
    BLOCK_SAMPLES,
    HEADER,
    HEADER_CRC_AT,
    LARGEST_TIME,
    LARGEST_U32,
    MAGIC,
    ROW,
    SYNC,
    flags_problem,
    header_length,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer


class IndexBuilder:
    """Write an index as samples arrive.

    Memory does not grow with the track when `take` is called now and then. `timescale` is in
    ticks per second, `description` opaque, `base_time` the decode time of the first sample in
    ticks. Raises `OverflowError` for numbers the format cannot hold and `ValueError` for those
    that contradict it.
    """

    def __init__(self, *, timescale: int, description: bytes, base_time: int = 0) -> None:
        if not 1 <= timescale <= LARGEST_U32:
            raise OverflowError(f"timescale {timescale} does not fit 1 to {LARGEST_U32}")
        if not 0 <= base_time <= LARGEST_TIME:
            raise OverflowError(f"base time {base_time} does not fit 0 to {LARGEST_TIME}")
        if header_length(len(description)) > LARGEST_U32:
            raise OverflowError(f"a description of {len(description)} bytes does not fit")
        self.header_length = header_length(len(description))
        self.sample_count = 0
        self.data_length = 0
        self.duration = 0
        self._timescale = timescale
        self._description = bytes(description)
        self._base_time = base_time
        self._body_crc = 0
        self._ready = bytearray()
        self._block = bytearray()
        self._finished = False

    def add(self, size: int, duration: int, composition_offset: int, flags: int) -> None:
        """Append a sample of `size` bytes that lasts `duration` ticks.

        `flags`: bit 0 sync, bit 1 a picture of open random access.
        """
        if self._finished:
            raise ValueError("the index is finished")
        self._check(size, duration, composition_offset, flags)
        if not self._block:
            self._block += ANCHOR.pack(self.data_length, self._base_time + self.duration)
        self._block += ROW.pack(size, duration, composition_offset, flags)
        self.sample_count += 1
        self.data_length += size
        self.duration += duration
        if self.sample_count % BLOCK_SAMPLES == 0:
            self._close_block()

    def extend(self, rows: "Buffer") -> None:
        """Append samples, given as rows of the index (`layout.py`)."""
        view = memoryview(rows).cast("B")
        if len(view) % ROW.size:
            raise ValueError(f"{len(view)} bytes are no rows of {ROW.size}")
        for size, duration, composition_offset, flags in ROW.iter_unpack(view):
            self.add(size, duration, composition_offset, flags)

    def take(self) -> bytes:
        """Give the blocks completed since the last call, to append after `header_length` bytes."""
        ready = bytes(self._ready)
        self._ready.clear()
        return ready

    def finish(self, *, priming: int = 0) -> tuple[bytes, bytes]:
        """Give the rest of the body and the header, which goes to the start of the file.

        `priming` is the media time of the track's one edit in ticks: what comes before it is
        decoded, not presented.
        """
        if self._finished:
            raise ValueError("the index is finished")
        if self.sample_count == 0 or self.duration == 0:
            raise ValueError(f"{self.sample_count} samples last {self.duration} ticks")
        if not 0 <= priming < self._base_time + self.duration:
            raise ValueError(f"priming {priming} leaves nothing to present")
        self._finished = True
        self._close_block()
        return self.take(), self._header(priming)

    def _check(self, size: int, duration: int, composition_offset: int, flags: int) -> None:
        if not 0 <= size <= LARGEST_U32:
            raise OverflowError(f"sample size {size} does not fit 32 bits")
        if not 0 <= duration <= LARGEST_U32:
            raise OverflowError(f"sample duration {duration} does not fit 32 bits")
        if not -0x80000000 <= composition_offset <= 0x7FFFFFFF:
            raise OverflowError(f"composition offset {composition_offset} does not fit 32 bits")
        if not 0 <= flags <= LARGEST_U32:
            raise OverflowError(f"sample flags {flags} do not fit 32 bits")
        self._check_meaning(size, duration, composition_offset, flags)

    def _check_meaning(self, size: int, duration: int, composition_offset: int, flags: int) -> None:
        if size == 0:
            raise ValueError(f"sample {self.sample_count} is empty")
        if problem := flags_problem(flags):
            raise ValueError(f"flags of sample {self.sample_count}: {problem}")
        if self.sample_count == 0 and not flags & SYNC:
            raise ValueError("the first sample is not a sync sample")
        time = self._base_time + self.duration
        if time + composition_offset < 0:
            raise ValueError(
                f"sample {self.sample_count} is presented at {time + composition_offset}"
            )
        if time + duration > LARGEST_TIME:
            raise OverflowError(f"the track ends at {time + duration}, beyond {LARGEST_TIME}")
        if self.data_length + size > LARGEST_TIME:
            raise OverflowError(f"the track's bytes exceed {LARGEST_TIME}")

    def _close_block(self) -> None:
        self._body_crc = zlib.crc32(self._block, self._body_crc)
        self._ready += self._block
        self._block.clear()

    def _header(self, priming: int) -> bytes:
        header = bytearray(self.header_length)
        HEADER.pack_into(
            header, 0, MAGIC, 0, self.header_length, self._body_crc, self._timescale,
            self.sample_count, self.data_length, self.duration, self._base_time, priming,
            len(self._description), 0,
        )  # fmt: skip
        header[HEADER.size : HEADER.size + len(self._description)] = self._description
        crc = zlib.crc32(header)
        header[HEADER_CRC_AT : HEADER_CRC_AT + 4] = crc.to_bytes(4, "little")
        return bytes(header)
