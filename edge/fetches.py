"""What is known of the fetches of one edge: which are under way, and what came of earlier ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.cache.coalescing import UNCOALESCED_FOR_S
from core.cache.decide import HELD_FOR_S
from core.cache.marks import Marks
from core.http.cache_key import CacheKey
from edge.flight import Flight
from edge.store import Entry

Clock = Callable[[], float]
# An upstream that gave a part we cannot use is asked for wholes for this long.
UNSLICED_FOR_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class KeyMarks:
    """What is remembered of keys for a while.

    `uncoalesced`: the answer was for one client only. `personal`: so it was as the request had
    credentials; those without are not concerned. `oversize`: the whole is larger than what is
    stored, but slices are not. `unsliced`: parts of it cannot be put together. `held`: it could not
    be refreshed.
    """

    uncoalesced: Marks[CacheKey]
    personal: Marks[CacheKey]
    oversize: Marks[CacheKey]
    unsliced: Marks[CacheKey]
    held: Marks[CacheKey]


class Fetches:
    """The fetches that others may share, by key and by the entry that they bring slices of."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.shared: dict[CacheKey, Flight] = {}
        self._bringing: dict[int, list[Flight]] = {}  # by version
        self.marks = KeyMarks(
            uncoalesced=Marks(UNCOALESCED_FOR_S),
            personal=Marks(UNCOALESCED_FOR_S),
            oversize=Marks(UNCOALESCED_FOR_S),
            unsliced=Marks(UNSLICED_FOR_S),
            held=Marks(HELD_FOR_S),
        )

    def mark(self, marks: Marks[CacheKey], key: CacheKey) -> None:
        """Remember a key from now on."""
        marks.add(key, self._clock())

    def is_marked(self, marks: Marks[CacheKey], key: CacheKey) -> bool:
        """Whether a key is remembered at this moment."""
        return marks.holds(key, self._clock())

    def bring(self, flight: Flight, entry: Entry) -> None:
        """Let others wait for slices of this entry from this fetch."""
        flight.entry = entry
        self._bringing.setdefault(entry.version, []).append(flight)

    def bringing(self, entry: Entry, position: int) -> Flight | None:
        """The fetch that brings this byte of an entry soon."""
        flights = self._bringing.get(entry.version, ())
        return next((flight for flight in flights if flight.brings(position)), None)

    def bringing_slice(self, entry: Entry, number: int) -> Flight | None:
        """The fetch that brings all of a slice soon."""
        flights = self._bringing.get(entry.version, ())
        return next((flight for flight in flights if flight.brings_slice(number)), None)

    def part(self, flight: Flight) -> None:
        """Let nobody else join this fetch."""
        if self.shared.get(flight.key) is flight:
            del self.shared[flight.key]

    def stop_bringing(self, flight: Flight) -> None:
        """Let nobody else wait for slices from this fetch."""
        if flight.entry is None:
            return
        flights = self._bringing.get(flight.entry.version, [])
        if flight in flights:
            flights.remove(flight)
            if not flights:
                del self._bringing[flight.entry.version]

    def end(self, flight: Flight) -> None:
        """It is over."""
        self.part(flight)
        self.stop_bringing(flight)
