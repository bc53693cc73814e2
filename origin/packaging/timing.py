"""Media time on its way from a container to an index: decode times, priming, gaps.

Video: the decode time of the n-th sample in decode order is the n-th presentation time in rising
order. It needs no decode times from the container (Matroska has none), makes the decode timeline
exactly as long as the presentation, and puts every IDR picture, before which all that is decoded
is also presented, at a decode time equal to its presentation time. So segments of all renditions
that are cut at the same pictures begin at the same decode time, whatever their B-frames.

Audio: samples follow one another without gaps in units of the sample rate; the container's times,
often rounded to milliseconds, only say where the first one lies and whether something is missing.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from core.media.ticks import Ticks
from origin.packaging.faults import NeedsTranscodeError

REORDER_WINDOW = 33
"""H.264 delays a picture by 16 frames at most (ISO/IEC 14496-10 §A.3.1), 32 fields."""
LOWEST_TIMESCALE = 1000
HIGHEST_TIMESCALE = 1_000_000
FALLBACK_TIMESCALE = 90_000
LONGEST_PATCH_S = Fraction(1, 10)
LATEST_START_S = Fraction(1, 10)
"""Players step over such a gap by themselves; sound with a longer one is encoded anew."""


class TickScale:
    """Converts a container's times to ticks after the presentation's zero.

    The timescale is the container's own where that is possible, so that no time is rounded.
    """

    def __init__(self, time_base: Fraction, start: int) -> None:
        self._start = start
        if time_base.denominator > HIGHEST_TIMESCALE:
            self.timescale = FALLBACK_TIMESCALE
        else:
            factor = -(-LOWEST_TIMESCALE // time_base.denominator)
            self.timescale = time_base.denominator * factor
        self._ratio = time_base * self.timescale

    def ticks(self, time: int) -> Ticks:
        """Give the ticks of a time on the container's clock; halves round up."""
        return self.span(time - self._start)

    def span(self, duration: int) -> Ticks:
        """Give the ticks of a length on the container's clock."""
        numerator, denominator = self._ratio.numerator, self._ratio.denominator
        return Ticks((2 * duration * numerator + denominator) // (2 * denominator))


class VideoSample(NamedTuple):
    """A video sample as it comes, in decode order; times in ticks."""

    size_bytes: int
    time: int
    duration: int
    flags: int


class Row(NamedTuple):
    """A sample as the index wants it; times in ticks."""

    size_bytes: int
    duration: int
    composition_offset: int
    flags: int


class DecodeTimes:
    """Gives video samples their decode times. Holds back a window of samples, never more.

    Raises `NeedsTranscodeError` when presentation times repeat or leave the window.
    """

    def __init__(self, sync_flag: int) -> None:
        self._sync_flag = sync_flag
        self._waiting: deque[VideoSample] = deque()
        self._times: list[int] = []
        self._end = 0
        self._current: tuple[VideoSample, int] | None = None

    def push(self, sample: VideoSample) -> Iterator[Row]:
        """Take a sample; give the rows that are settled now."""
        self._waiting.append(sample)
        heapq.heappush(self._times, sample.time)
        self._end = max(self._end, sample.time + sample.duration)
        if len(self._times) > REORDER_WINDOW:
            yield from self._settle()

    def finish(self, end: int = 0) -> Iterator[Row]:
        """Give the remaining rows. The last sample lasts to the presentation's end, or to `end`."""
        while self._times:
            yield from self._settle()
        if self._current is not None:
            _, time = self._current
            yield self._row(max(self._end, end, time + 1) - time)

    def _settle(self) -> Iterator[Row]:
        time = heapq.heappop(self._times)
        if self._current is not None:
            before = self._current[1]
            if time <= before:
                raise NeedsTranscodeError(f"pictures share a time or are out of order at {time}")
            yield self._row(time - before)
        self._current = (self._waiting.popleft(), time)

    def _row(self, duration: int) -> Row:
        assert self._current is not None
        sample, time = self._current
        if sample.flags & self._sync_flag and sample.time != time:
            raise NeedsTranscodeError("a picture decoded before a key picture is shown after it")
        return Row(sample.size_bytes, duration, sample.time - time, sample.flags)


class AudioPacket(NamedTuple):
    """An audio sample as it comes. Times in samples of the track's rate, from the video's zero.

    `skip` and `discard` are decoded samples to drop at the packet's start and end.
    """

    size_bytes: int
    time: Fraction
    duration: Fraction
    skip: int
    discard: int


class AudioTimes:
    """Lays audio samples one after another. `granule` is the container's own tick, in samples.

    Raises `NeedsTranscodeError` where the container's times leave a gap or overlap that only
    silence or a cut in the decoded sound can mend.
    """

    def __init__(self, frame_length: int, sample_rate: int, granule: Fraction, flags: int) -> None:
        self._frame_length = frame_length
        self._rate = sample_rate
        self._granule = granule
        self._flags = flags
        self._held: AudioPacket | None = None
        self._held_duration = 0
        self._next = 0
        self.base_time = 0
        self.priming = 0

    def push(self, packet: AudioPacket) -> Iterator[Row]:
        """Take a sample; give the row of the one before it."""
        if self._held is None:
            self._start(packet)
        else:
            yield Row(
                self._held.size_bytes, self._held_duration + self._drift(packet), 0, self._flags
            )
        self._held, self._held_duration = packet, self._frame_length
        self._next += self._frame_length

    def finish(self) -> Iterator[Row]:
        """Give the last row, shortened by what the source trims at its end."""
        if self._held is None:
            return
        duration = self._frame_length
        if 0 < self._held.duration + self._granule < duration:
            duration = int(self._held.duration)
        duration = max(1, min(duration, self._frame_length - self._held.discard))
        yield Row(self._held.size_bytes, duration, 0, self._flags)

    def _start(self, packet: AudioPacket) -> None:
        first = (
            int(packet.time + Fraction(1, 2))
            if packet.time >= 0
            else -int(Fraction(1, 2) - packet.time)
        )
        if abs(first + packet.skip) <= max(Fraction(1), self._granule):
            first = -packet.skip
        if first > LATEST_START_S * self._rate:
            raise NeedsTranscodeError(
                f"the sound starts {first / self._rate:.2f} s after the picture"
            )
        self.base_time, self.priming = max(0, first), max(0, -first)
        self._next = first

    def _drift(self, packet: AudioPacket) -> int:
        """Give the samples by which the one before is to last longer."""
        drift = int(packet.time - self._next)
        if abs(drift) <= self._frame_length:
            return 0
        if drift < 0 or drift > LONGEST_PATCH_S * self._rate:
            where = float(self._next / self._rate)
            kind = "a gap" if drift > 0 else "an overlap"
            raise NeedsTranscodeError(
                f"the sound has {kind} of {abs(drift) / self._rate:.2f} s at {where:.2f} s"
            )
        self._next += drift
        return drift
