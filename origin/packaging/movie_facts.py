"""What an MP4 file's own boxes say of it, and all that is wrong with them."""

import os
from pathlib import Path

import msgspec

from core.isobmff.edit_list import IrregularEdits, edit_window
from core.isobmff.edit_words import edit_words
from core.isobmff.movie import Movie, MovieTrack, read_movie, sample_table
from core.isobmff.visual_extensions import visual_extensions
from core.media.dolby_vision import dolby_vision_profile
from native import MalformedMovie
from native.errors import box_name
from origin.packaging.movie_file import read_parts

MOST_TRACKS = 32
"""That are looked into: every fragment is read for each of them."""


class MovieTrackFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A track by its number; `edits` is its edit list in words, empty where it has none.

    `samples` is null where its tables contradict themselves; `descriptions` counts the sample
    entries that differ, `timescale` is in ticks a second; `dolby_vision` is profile and level.
    """

    track_id: int
    handler: str
    timescale: int
    samples: int | None
    descriptions: int
    edits: str
    dolby_vision: str = ""


class MovieFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How an MP4 file is laid out; `index_first` says that `moov` lies in front of the media.

    `tracks` are the first 32.
    """

    brands: tuple[str, ...]
    index_bytes: int
    index_first: bool
    fragments: int
    segment_indexes: int
    tracks: tuple[MovieTrackFacts, ...]


def movie_facts(path: Path) -> tuple[MovieFacts | None, tuple[str, ...]]:
    """Read the boxes of a file; gives what they say, if they can be read, and what is wrong."""
    problems: list[str] = []
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        movie = read_movie(read_parts(file))
    except MalformedMovie as problem:
        return None, (str(problem),)
    finally:
        os.close(file)
    tracks = tuple(_track(movie, track, problems) for track in movie.tracks[:MOST_TRACKS])
    parts = movie.parts
    facts = MovieFacts(
        brands=tuple(dict.fromkeys(box_name(brand).strip() for brand in parts.brands)),
        index_bytes=len(movie.moov.data),
        index_first=parts.media is None or movie.moov.start < parts.media,
        fragments=len(parts.fragments),
        segment_indexes=len(parts.indexes),
        tracks=tracks,
    )
    return facts, tuple(problems)


def _track(movie: Movie, track: MovieTrack, problems: list[str]) -> MovieTrackFacts:
    samples = None
    try:
        samples = sample_table(movie, track).sample_count
    except MalformedMovie as problem:
        problems.append(str(problem))
    try:
        edit_window(track.edits, movie.timescale, track.timescale, fragmented=movie.fragmented)
    except IrregularEdits as problem:
        problems.append(f"{track.path}/edts/elst at byte {track.edits_at} {problem}")
    return MovieTrackFacts(
        track_id=track.track_id,
        handler=box_name(track.handler),
        timescale=track.timescale,
        samples=samples,
        descriptions=len({entry.like for entry in track.entries}),
        edits=edit_words(track.edits, movie.timescale, track.timescale),
        dolby_vision=_dolby_vision(movie, track),
    )


def _dolby_vision(movie: Movie, track: MovieTrack) -> str:
    if track.handler != b"vide" or not track.entries:
        return ""
    start, end = track.entries[0].span
    profile, level, compatibility = dolby_vision_profile(
        visual_extensions(movie.moov.data[start:end]).dovi
    )
    return f"profile {profile}.{compatibility}, level {level}" if profile else ""
