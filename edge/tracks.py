"""Stored tracks whose segments the data plane makes itself: which ones, and for how long.

The upstream hands a track over with the answer of any of its segments. From then on it is answered
without Python, for as long as that answer would be fresh; then somebody's next segment is asked of
the upstream, which hands the track over anew. So of two tracks the one that was handed over longer
ago is the one that is asked for less, and makes room first.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from core.cache.purging import Purge
from core.cache.stored import StoredHead

if TYPE_CHECKING:
    from edge.upstream import SegmentedTrack

# Stands in a track's fields for the number of the segment; `native/_made_segment.pxd` knows it.
NUMBER_MARK: Final = "\x01"
MOST_TRACKS: Final = 2_048
# Each takes twelve bytes, an encrypted one sixteen.
MOST_SEGMENTS: Final = 500_000


class TrackShelf(Protocol):
    """Where tracks are answered from without asking the store: the data plane."""

    def show_track(self, folder: str, head: StoredHead, track: "SegmentedTrack") -> bool:
        """Answer the segments of a folder from this track; False where there is no room for it."""

    def hide_track(self, folder: str) -> None:
        """Answer from this track no more."""


@dataclass(frozen=True, slots=True)
class _Shown:
    head: StoredHead
    segments: int


class Tracks:
    """The tracks that are shown, by the folder of their segments; the oldest first."""

    def __init__(
        self,
        shelf: TrackShelf,
        *,
        most_tracks: int = MOST_TRACKS,
        most_segments: int = MOST_SEGMENTS,
    ) -> None:
        self._shelf = shelf
        self._most_tracks = most_tracks
        self._most_segments = most_segments
        self._shown: dict[str, _Shown] = {}
        self._segments = 0

    def __len__(self) -> int:
        return len(self._shown)

    def is_new(self, folder: str, now_s: float) -> bool:
        """Whether more than half of its time is left to the track of a folder.

        What many ask for at the same time is handed over once, and what was counted of it since
        goes on.
        """
        head = shown.head if (shown := self._shown.get(folder)) else None
        return head is not None and 2 * head.ttl_s(now_s) > head.allowed.fresh_s

    def show(self, folder: str, head: StoredHead, track: "SegmentedTrack") -> None:
        """Answer the segments of a folder from its track, in place of what was shown of it.

        `head` is that of an answer with one of them, numbered `NUMBER_MARK`. What a client's fields
        choose between is not shown, nor what has no tag to tell it from another.
        """
        self.hide(folder)
        if head.names or head.etag() is None or len(track.first) > self._most_segments:
            return
        self._make_room(len(track.first))
        if self._shelf.show_track(folder, head, track):
            self._shown[folder] = _Shown(head, len(track.first))
            self._segments += len(track.first)

    def hide(self, folder: str) -> None:
        """Answer from the track of a folder no more."""
        shown = self._shown.pop(folder, None)
        if shown is not None:
            self._segments -= shown.segments
            self._shelf.hide_track(folder)

    def purge(self, purge: Purge) -> None:
        """Hide every track of which the purge covers anything, a soft one as well.

        What is asked for next is asked of the upstream.
        """
        for folder, shown in tuple(self._shown.items()):
            if purge.covers_below(folder + "/", shown.head.tags):
                self.hide(folder)

    def expire(self, now_s: float) -> None:
        """Let go of the files of tracks that are not answered from any more."""
        for folder, shown in tuple(self._shown.items()):
            if shown.head.ttl_s(now_s) <= 0:
                self.hide(folder)

    def _make_room(self, segments: int) -> None:
        while self._shown and (
            len(self._shown) >= self._most_tracks or self._segments + segments > self._most_segments
        ):
            self.hide(next(iter(self._shown)))
