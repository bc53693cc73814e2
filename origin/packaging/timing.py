"""Media time on its way from a container to an index: decode times, priming, gaps.

Video: samples get decode times that come from presentation times alone, for containers' own are
missing (Matroska), shifted or contradictory. A sample is decoded no later than it, and everything
decoded after it, is shown: its decode time is the least presentation time from it onwards, and
samples for which that is the same picture share out the time before it. Hence

- composition offsets are never negative. Negative ones are allowed in `trun` version 1, but
  FFmpeg's demuxer then shifts the whole track by the largest, against its sound;
- the first sample has decode time 0, and the decode times last exactly as long as the pictures;
- an IDR picture, before which all that is decoded is also shown, is decoded when it is shown. So
  segments that are cut at the same pictures begin at the same decode time in every rendition,
  whatever their B-frames.

Audio: samples follow one another without gaps in units of the sample rate; the container's times,
often rounded to milliseconds, only say where the first one lies and whether something is missing.
"""

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

    Raises `NeedsTranscodeError` when presentation times repeat or leave the window, or when the
    first sample is not the first picture, at time 0.
    """

    def __init__(self, sync_flag: int) -> None:
        self._sync_flag = sync_flag
        self._ahead: deque[VideoSample] = deque()
        self._group: list[VideoSample] = []
        self._group_time = 0
        self._shown_until = 0
        self._held: tuple[VideoSample, int] | None = None
        self._end = 0
        self._latest = 0
        self._recent: set[int] = set()

    def push(self, sample: VideoSample) -> Iterator[Row]:
        """Take a sample; give the rows that are settled now."""
        if sample.flags & self._sync_flag and sample.time < self._latest:
            raise NeedsTranscodeError("a picture decoded before a key picture is shown after it")
        if sample.time in self._recent:
            raise NeedsTranscodeError(f"two pictures share the time {sample.time}")
        self._remember(sample.time)
        self._ahead.append(sample)
        self._end = max(self._end, sample.time + sample.duration)
        if len(self._ahead) > REORDER_WINDOW:
            yield from self._settle()

    def finish(self, end: int = 0) -> Iterator[Row]:
        """Give the remaining rows. The last sample lasts to the presentation's end, or to `end`."""
        while self._ahead:
            yield from self._settle()
        yield from self._close_group()
        if self._held is not None:
            sample, time = self._held
            yield _row(sample, time, max(self._end, end, time + 1))

    def _settle(self) -> Iterator[Row]:
        earliest = min(sample.time for sample in self._ahead)
        if self._group and earliest != self._group_time:
            yield from self._close_group()
        self._group_time = earliest
        self._group.append(self._ahead.popleft())

    def _close_group(self) -> Iterator[Row]:
        """Share out the time up to the picture that the group's samples wait for."""
        group, self._group = self._group, []
        count, start = len(group), self._shown_until
        room = self._group_time - start
        if self._held is None and (count, room) != (1, 0):
            raise NeedsTranscodeError("the first sample is not the first picture, at time 0")
        if room < 0 or (room == 0 and self._held is not None):
            raise NeedsTranscodeError(f"pictures are out of order at {start}")
        for number, sample in enumerate(group, start=1):
            time = start + room * number // count
            if self._held is not None:
                yield _row(*self._held, time)
            self._held = sample, time
        self._shown_until = self._group_time

    def _remember(self, time: int) -> None:
        self._latest = max(self._latest, time)
        self._recent.add(time)
        if len(self._recent) > 4 * REORDER_WINDOW:
            self._recent = {recent for recent in self._recent if recent > self._shown_until}


def _row(sample: VideoSample, time: int, next_time: int) -> Row:
    return Row(sample.size_bytes, next_time - time, sample.time - time, sample.flags)


class AudioPacket(NamedTuple):
    """An audio sample as it comes. Times in samples of the track's rate, from the video's zero.

    `skip` and `discard` are decoded samples to drop at the packet's start and end. `length` is how
    many come out of its decoder; 0 for as many as usual.
    """

    size_bytes: int
    time: Fraction | int
    duration: Fraction | int
    skip: int
    discard: int
    length: int = 0


class AudioTimes:
    """Lays audio samples one after another. `granule` is the container's own tick, in samples.

    Raises `NeedsTranscodeError` where the container's times leave a gap or overlap that only
    silence or a cut in the decoded sound can mend, and where nothing would be presented.
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
        self._held, self._held_duration = packet, packet.length or self._frame_length
        self._next += self._held_duration

    def finish(self) -> Iterator[Row]:
        """Give the last row, shortened by what the source trims at its end."""
        if self._held is None:
            return
        length = duration = self._held.length or self._frame_length
        if self._held.discard:  # To the sample, where the duration may be rounded.
            duration = length - self._held.discard
        elif 0 < self._held.duration + self._granule < duration:
            duration = int(self._held.duration)
        duration = max(1, duration)
        if self._next - length + duration <= 0:
            raise NeedsTranscodeError("all of the sound lies before the first picture")
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
