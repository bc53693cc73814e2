"""Which captions the pictures of a stored track hold, read from its first samples."""

import os
from typing import Final

from core.media.presentation import TrackKind
from core.text.closed_captions import CaptionScan
from origin.stored_track import StoredTrack

# Captions of a broadcast begin with its first words; half a minute at 30 pictures a second.
MOST_SAMPLES: Final = 900
MOST_BYTES: Final = 8 * 2**20


def caption_channels(stored: StoredTrack) -> tuple[str, ...]:
    """Give the channels that the first samples carry, in decode order; blocking."""
    description, index = stored.description, stored.index
    if description.kind is not TrackKind.VIDEO:
        return ()
    scan = CaptionScan(description.sample_entry[4:8].decode("latin-1"))
    if not scan.is_possible:
        return ()
    left = MOST_BYTES
    for number in range(min(MOST_SAMPLES, index.sample_count)):
        offset, size, *_ = index.sample(number)
        left -= size
        if left < 0:
            break
        scan.feed(os.pread(stored.flat, size, offset))
    return scan.channels
