"""What is asked of the origin: segments of picture and sound that cover the same four seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from benchmarks.load.figures import Goal
from benchmarks.load.works import Work, head_of

OURS: Final = "sluice"
COLD: Final = "sluice, cold"
SEALED: Final = "sluice, cbcs"
SEALED_COLD: Final = "sluice, cold cbcs"
NGINX: Final = "nginx"
FAMILIES: Final = (OURS, COLD, SEALED, SEALED_COLD, NGINX)


@dataclass(frozen=True, slots=True)
class Segment:
    """One media segment: its path below that of the title, and its bytes."""

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SegmentWork(Work):
    """Segments asked for in turn, each connection the next one. Costs are those of a request.

    `segments` are by the folder of their title: the same ones have other names in another. With
    `query`, which means nothing, they are resources that the data plane knows nothing of.
    """

    segments: Mapping[str, tuple[Segment, ...]] = field(default_factory=dict)
    query: str = ""

    def asks(self, folder: str, host: str) -> list[tuple[int, str]]:
        """Give the heads, each behind the length of the body it asks for."""
        return [
            (each.size_bytes, head_of(f"{folder}/{each.path}{self.query}", host))
            for each in self.segments[folder]
        ]


GOALS: Final = (
    Goal(OURS, NGINX, {"pair": 1.10}),
    Goal(COLD, NGINX, {"film": 1.10}),
    Goal(SEALED, OURS, {"pair": 1.60}),
    Goal(SEALED_COLD, COLD, {"film": 1.60, "made": 1.60}),
)


def works(films: Mapping[str, list[tuple[Segment, Segment]]]) -> list[SegmentWork]:
    """The works on a film, given its segments in pairs of picture and sound, by folder."""
    middle = {folder: pairs[len(pairs) // 2] for folder, pairs in films.items()}
    every = {
        folder: tuple(each for pair in pairs for each in pair) for folder, pairs in films.items()
    }
    return [
        SegmentWork("pair", "4 s of picture and sound, again and again", 0, segments=middle),
        SegmentWork("film", "every segment of the film, one after the other", 0, segments=every),
        SegmentWork(
            "made", "the same, each made by the pipeline", 0, segments=every, query="?unknown"
        ),
    ]
