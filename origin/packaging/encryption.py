"""Which tracks of an MP4 file are encrypted: FFmpeg names the codec beneath and says nothing."""

import os
from pathlib import Path

from core.isobmff.movie import read_movie
from native import MalformedMovie
from origin.packaging.movie_file import read_parts

PROTECTED_ENTRIES = frozenset({b"encv", b"enca", b"enct", b"drmi", b"drms"})
"""ISO/IEC 14496-12 §8.12; the last two are Apple's."""


def encrypted_tracks(path: Path) -> frozenset[int]:
    """Give the numbers of the encrypted tracks; none where the file's index cannot be read."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        movie = read_movie(read_parts(file))
    except MalformedMovie:
        return frozenset()
    finally:
        os.close(file)
    return frozenset(
        track.track_id
        for track in movie.tracks
        if any(entry.kind in PROTECTED_ENTRIES for entry in track.entries)
    )
