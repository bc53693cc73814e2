"""Which captions the pictures of a track hold, found in its first samples while it is packaged."""

from typing import Final

from core.media.description import TrackDescription
from core.media.presentation import TrackKind
from core.text.closed_captions import CaptionScan

# Captions of a broadcast begin with its first words; half a minute at 30 pictures a second.
MOST_SAMPLES: Final = 900
MOST_BYTES: Final = 8 << 20


class CaptionSearch:
    """Looks through a track's samples as they are stored, in decode order, and stops by itself."""

    def __init__(self, description: TrackDescription) -> None:
        self._scan = CaptionScan(description.sample_entry[4:8].decode("latin-1"))
        possible = description.kind is TrackKind.VIDEO and self._scan.is_possible
        self._left_bytes = MOST_BYTES if possible else 0

    @property
    def goes_on(self) -> bool:
        """Whether more samples would be looked at."""
        return self._left_bytes > 0

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels found, as HLS names them."""
        return self._scan.channels

    def feed(self, samples: bytes | memoryview) -> None:
        """Look through one sample or several, one behind the other."""
        if self._left_bytes > 0:
            self._left_bytes -= len(samples)
            self._scan.feed(bytes(samples))
