"""What an origin keeps in memory of a large library: many titles known, some of them watched."""

from dataclasses import dataclass
from typing import Final

from benchmarks.load.accounting import process_tree, rss_bytes
from benchmarks.load.contestant import Contestant
from benchmarks.origin.library import Library
from benchmarks.origin.servers import fetched, origin, segments

LIMIT_BYTES: Final = 300_000_000
SHARE_WATCHED: Final = 10


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes of an origin before anybody asked, and afterwards."""

    titles: int
    hot: int
    before_bytes: int
    known_bytes: int
    hot_bytes: int

    @property
    def kept(self) -> bool:
        """Whether the goal is met."""
        return max(self.known_bytes, self.hot_bytes) <= LIMIT_BYTES


def measure(library: Library, core: int, titles: int, hot: int) -> Memory:
    """Ask for the manifests of all titles, then for all that a viewer of the hot ones fetches."""
    with origin(library, core, "sluice", frozenset()) as contestant:
        before_bytes = resident(contestant)
        for number in range(1, titles + 1):
            fetched(title(contestant, number), "master.m3u8")
        known_bytes = resident(contestant)
        for number in range(1, hot + 1):
            watch(title(contestant, number))
        return Memory(titles, hot, before_bytes, known_bytes, resident(contestant))


def title(contestant: Contestant, number: int) -> Contestant:
    """Address a copy of the film."""
    return Contestant(
        name=contestant.name, family=contestant.family, settings="", port=contestant.port,
        pid=contestant.pid, folder=f"{contestant.folder}{number}",
    )  # fmt: skip


def watch(film: Contestant) -> None:
    """Fetch what players do: both kinds of manifest, and every tenth segment of each track."""
    fetched(film, "manifest.mpd")
    for paths in segments(film):
        for path in paths[::SHARE_WATCHED]:
            fetched(film, path)


def resident(contestant: Contestant) -> int:
    """All resident memory of the server."""
    return sum(map(rss_bytes, process_tree(contestant.pid)))
