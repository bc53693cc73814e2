"""The groups of pictures of a video track: how long they are, and which of them are open."""

from fractions import Fraction
from pathlib import Path
from statistics import median

import msgspec

from origin.packaging.demux import open_source, packets, select
from origin.packaging.limits import Limits
from origin.packaging.report import VideoTrackInfo


class GroupsOfPictures(msgspec.Struct, frozen=True, kw_only=True):
    """How many groups there are, and their shortest, median and longest length in seconds.

    An open group has pictures that are shown before its key picture and lean on the group before.
    """

    count: int
    open: int
    shortest_s: float
    median_s: float
    longest_s: float


class _Measure:
    def __init__(self) -> None:
        self._starts: list[int] = []
        self._open = 0
        self._leading = False
        self._end = 0

    def feed(self, time: int, duration: int, *, key: bool) -> None:
        if key:
            self._starts.append(time)
            self._leading = False
        elif self._starts and not self._leading and time < self._starts[-1]:
            self._open += 1
            self._leading = True
        self._end = max(self._end, time + duration)

    def result(self, base: Fraction) -> GroupsOfPictures | None:
        stops = [*self._starts[1:], self._end]
        lengths = [
            float(max(0, stop - start) * base)
            for start, stop in zip(self._starts, stops, strict=False)
        ]
        if not lengths:
            return None
        return GroupsOfPictures(
            count=len(lengths),
            open=self._open,
            shortest_s=round(min(lengths), 6),
            median_s=round(median(lengths), 6),
            longest_s=round(max(lengths), 6),
        )


def measure_groups(
    path: Path, track: VideoTrackInfo, limits: Limits
) -> tuple[GroupsOfPictures | None, int]:
    """Read a video track through; gives its groups, and how many samples it has."""
    measure, samples = _Measure(), 0
    with open_source(path, limits) as container:
        for packet in packets(container, select(container, [track.index])):
            time = packet.pts if packet.pts is not None else packet.dts
            samples += 1
            if time is not None and packet.stream_index == track.index:
                measure.feed(time, packet.duration or 0, key=packet.is_keyframe)
    return measure.result(Fraction(*track.time_base)), samples
