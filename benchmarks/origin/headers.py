"""What the generated header of a segment costs, wherever in the track the segment lies."""

import random
import struct
import timeit
from dataclasses import dataclass
from typing import Final

from native import IndexBuilder, TrackIndex

ROW: Final = struct.Struct("<IIiI")
RATE: Final = 25
FRAMES: Final = 188
GROUP: Final = 50
SEGMENT: Final = 100
SAMPLES: Final = 1_000_500
HOURS_2: Final = 2 * 3600 * RATE - SEGMENT
PLACES: Final = {"minute 1": 60 * RATE, "hour 2": HOURS_2, "sample 1,000,000": 1_000_000}
CALLS: Final = 2000
REPEATS: Final = 15
LARGEST_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Headers:
    """Microseconds for the headers of picture and sound of four seconds, by place.

    They are the least of many rounds: what others do to the machine is not the header's.
    """

    cost_us: dict[str, float]

    @property
    def most_us(self) -> float:
        """What the dearest place costs."""
        return max(self.cost_us.values())

    @property
    def spread(self) -> float:
        """The dearest place by the cheapest."""
        return self.most_us / min(self.cost_us.values())


def measure() -> Headers:
    """Take the time of both headers at each place."""
    picture, sound = track(picture=True), track(picture=False)
    return Headers(
        {
            name: header_us(picture, place, SEGMENT) + header_us(sound, place, FRAMES)
            for name, place in PLACES.items()
        }
    )


def track(*, picture: bool) -> TrackIndex:
    """Make the index of a track with more than a million samples of uneven sizes."""
    sizes = random.Random(7)
    rows = bytearray()
    for number in range(SAMPLES):
        key = not picture or number % GROUP == 0
        offset = 1024 * (number % 3) if picture else 0
        rows += ROW.pack(sizes.randrange(300, 40_000), 512 if picture else 1024, offset, int(key))
    builder = IndexBuilder(timescale=12_800 if picture else 48_000, description=b"{}")
    builder.extend(bytes(rows))
    body, header = builder.finish()
    return TrackIndex(header + body)


def header_us(index: TrackIndex, first: int, count: int) -> float:
    """Take the time of one header."""
    timer = timeit.Timer(lambda: index.fragment_header(first, count, 1))
    return min(timer.repeat(REPEATS, CALLS)) / CALLS * 1e6
