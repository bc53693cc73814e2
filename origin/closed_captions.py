"""Which captions the pictures of a stored track hold, read from its first samples."""

import os
from collections.abc import Iterable
from itertools import islice
from typing import Final

from core.media.description import TrackDescription
from core.media.presentation import TrackKind
from core.text.closed_captions import CaptionScan
from origin.stored_track import StoredTrack

# Captions of a broadcast begin with its first words; half a minute at 30 pictures a second.
MOST_SAMPLES: Final = 900
MOST_BYTES: Final = 8 * 2**20


def caption_channels(stored: StoredTrack) -> tuple[str, ...]:
    """Give the channels that the first samples carry, in decode order; blocking."""
    index = stored.index
    places = (index.sample(number)[:2] for number in range(index.sample_count))
    return channels_in_file(stored.description, stored.flat, places)


def channels_in_file(
    description: TrackDescription, file: int, places: Iterable[tuple[int, int]]
) -> tuple[str, ...]:
    """Give the same of samples anywhere in a file, by offset and bytes."""
    if description.kind is not TrackKind.VIDEO:
        return ()
    scan = CaptionScan(description.sample_entry[4:8].decode("latin-1"))
    if not scan.is_possible:
        return ()
    left = MOST_BYTES
    for offset, size in islice(places, MOST_SAMPLES):
        left -= size
        if left < 0:
            break
        scan.feed(os.pread(file, size, offset))
    return scan.channels
