"""The I-frames of a rendition: the pictures that a player shows while it winds through a film."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from core.media.ticks import Ticks
from core.media.timeline import Span

LONGEST_DURATION: Final = 0xFFFFFFFF
"""What a fragment can say of a sample's duration (ISO/IEC 14496-12 §8.8.7)."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`length` bytes of what lies at an address, from `start`."""

    address: str
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class IFrameSegment:
    """One I-frame as a segment of its own: all that is needed to write it, protected or not.

    `sample` is its number in the track, `duration` is in ticks, `sequence` goes to `mfhd`.
    """

    sample: int
    duration: int
    sequence: int


@dataclass(frozen=True, slots=True)
class IFrames:
    """Pictures of a track that decode alone, by rising time.

    `samples` are their numbers in the track. `bounds` are when each is presented, with the edit
    applied, in ticks of the track, and at last when the track ends: each picture stands until the
    next. Bit rates are in bit/s, over pictures that are fetched one by one, headers included.
    `ranges` says where each lies in what is stored; where it is empty each has its own address.
    `first` is the number of the first, where these are an excerpt of the track's.
    """

    samples: Sequence[int]
    bounds: Sequence[int]
    peak_bandwidth: int
    average_bandwidth: int
    ranges: tuple[ByteRange, ...] = ()
    first: int = 0

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def spans(self) -> tuple[Span, ...]:
        """When each is presented, and how long."""
        bounds = map(Ticks, self.bounds)
        return tuple(Span(start, Ticks(stop - start)) for start, stop in pairwise(bounds))

    def segment(self, number: int) -> IFrameSegment:
        """Give the I-frame of that number. Raises `IndexError` where there is none."""
        if not 0 <= number < len(self.samples):
            raise IndexError(f"I-frame {number} of {len(self.samples)}")
        duration = self.bounds[number + 1] - self.bounds[number]
        return IFrameSegment(self.samples[number], min(duration, LONGEST_DURATION), number + 1)

    def between(self, start: int, end: int) -> "IFrames | None":
        """Give those presented from `start` up to `end`; None where there is none."""
        times = self.bounds[:-1]
        begin, stop = bisect_left(times, start), bisect_left(times, end)
        if begin == stop:
            return None
        return replace(
            self,
            samples=self.samples[begin:stop],
            bounds=self.bounds[begin : stop + 1],
            ranges=self.ranges[begin:stop],
            first=self.first + begin,
        )
