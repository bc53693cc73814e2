"""A million samples, hours long: packaged as any other track, to the last sample of the last."""

from pathlib import Path

import av
import pytest

from core.isobmff.box import box
from core.media.presentation import TrackKind
from native import TrackIndex
from origin.packaging.copy import copy_tracks
from origin.packaging.limits import Limits
from origin.packaging.probe import probe
from origin.packaging.progress import Unwatched
from tests.fixtures.boxes import fragment_samples, top
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.movie_files import FTYP, dref, hdlr, mdhd, moov, stsd, tkhd
from tests.fixtures.movies import constant_sizes, rows

COUNT = 1_000_000
SILENCE = b"\0\0\0\7"
"""A raw data block of one channel without a band, and its end (ISO/IEC 14496-3 §4.4.2.1)."""
TRACKS = {
    "sound": (None, (Sound(samples=4800, layout="mono"),), b"soun", 48_000, 1024),
    "picture": (Picture(count=1, dark=(0,)), (), b"vide", 12_800, 107),
}


def long_movie(path: Path, name: str) -> tuple[Path, bytes]:
    """Write a file that has one sample over and over in one chunk; gives the sample, too."""
    picture, sounds, handler, timescale, duration = TRACKS[name]
    clip = make_clip(path.with_suffix(".mov"), picture, *sounds)
    sample = SILENCE
    if picture is not None:
        with av.open(str(clip)) as container:
            sample = last_unit(bytes(next(container.demux())))
    (entry,) = top(clip.read_bytes()).find("moov/trak/mdia/minf/stbl/stsd").children(8)
    tables = {
        b"stsz": constant_sizes(len(sample), COUNT),
        b"stsc": rows("III", (1, COUNT, 1)),
        b"stco": rows("I", (len(FTYP) + 8,)),
        b"stts": rows("II", (COUNT, duration)),
    }
    boxes = [box(kind, content) for kind, content in tables.items()]
    stbl = box(b"stbl", stsd(box(entry.kind, entry.payload)), *boxes)
    mdia = box(b"mdia", mdhd(timescale), hdlr(handler), box(b"minf", dref(), stbl))
    path.write_bytes(FTYP + box(b"mdat", sample * COUNT) + moov(box(b"trak", tkhd(), mdia)))
    return path, sample


def last_unit(sample: bytes) -> bytes:
    """Give the slice of a picture, without what its encoder says of itself in front of it."""
    at = 0
    while (stop := at + 4 + int.from_bytes(sample[at : at + 4])) < len(sample):
        at = stop
    return sample[at:]


@pytest.mark.parametrize("name", TRACKS)
def test_a_million_samples_are_a_track_like_any_other(tmp_path: Path, name: str) -> None:
    path, sample = long_movie(tmp_path / "long.mp4", name)
    duration = TRACKS[name][4]
    outcome = copy_tracks(path, probe(path, Limits()), tmp_path / "out", Unwatched())
    assert (outcome.repaired, outcome.rejected) == ("", ())
    (track,) = outcome.tracks
    assert track.kind is (TrackKind.AUDIO if name == "sound" else TrackKind.VIDEO)
    index = TrackIndex((track.directory / "track.idx").read_bytes())
    assert (index.sample_count, index.duration) == (COUNT, COUNT * duration)
    assert index.duration / index.timescale > 2 * 3600
    offset, length, _, _ = index.segment(COUNT - 3, 3)
    with (track.directory / "track.flat").open("rb") as flat:
        flat.seek(offset)
        segment = index.fragment_header(COUNT - 3, 3, 7) + flat.read(length)
    start, samples = fragment_samples(segment)
    assert start == (COUNT - 3) * duration
    found = [(segment[each.offset : each.offset + each.size], each.duration) for each in samples]
    assert found == 3 * [(sample, duration)]
